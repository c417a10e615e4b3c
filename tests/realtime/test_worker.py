"""The loop of a group: in order, never beyond its upstream (L1), and patient with what fails for now."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.sqlite.log import SQLiteEventLog
from loaders.errors import Unavailable
from loaders.places import Place
from loaders.records import TweetCounts, TweetId, UserId
from realtime.events import RepairRequested
from realtime.ports import Logged, Reference
from realtime.positions import Positions
from realtime.worker import BACKOFF_MAX_S, FANOUT, STORE, Heartbeats, Worker, store_handler
from tests.contracts.adapters import STORES, Clock
from tests.contracts.making import like, tweet
from tests.contracts.stores import Stores
from tests.stepped import HeldBroadcast, Stepped

WAIT_S = 10.0


class ImpatientLog(SQLiteEventLog):
    """Waits for nothing, and may have holes, as logs with transactions have."""

    holes: frozenset[int] = frozenset()

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        await asyncio.sleep(0)
        return await super().wait(after, min(timeout_s, 0.0), partition)

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        found = await super().read(after, limit + len(self.holes), partition)
        return [logged for logged in found if logged.offset not in self.holes][:limit]


class Handled:
    """A handler that remembers what it was given, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.batches: list[list[int]] = []
        self.previous: list[int] = []
        self.failures = failures
        self.on_call: Callable[[], None] = lambda: None

    async def __call__(self, batch: Sequence[Logged], previous: int) -> None:
        self.on_call()
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")
        self.batches.append([logged.offset for logged in batch])
        self.previous.append(previous)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[ImpatientLog]:
    async with ImpatientLog.open(tmp_path / "log.db", Clock()) as opened:
        assert isinstance(opened, ImpatientLog)
        yield opened


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def append(log: SQLiteEventLog, count: int) -> None:
    await log.append([like(number, 1) for number in range(count)])


async def test_a_worker_handles_the_log_in_order_and_in_batches_that_follow_on(log: ImpatientLog) -> None:
    handled, positions = Handled(), Positions()
    worker = Worker(STORE, log, positions, handled, batch_size=3)
    await append(log, 7)

    assert [await worker.step() for _ in range(4)] == [3, 3, 1, 0]

    assert handled.batches == [[1, 2, 3], [4, 5, 6], [7]]
    assert handled.previous == [0, 3, 6]
    assert positions.reached(STORE) == 7


async def test_a_worker_goes_on_from_where_its_group_was(log: ImpatientLog) -> None:
    handled, positions = Handled(), Positions()
    await append(log, 5)
    positions.advance(STORE, 3)

    await Worker(STORE, log, positions, handled, batch_size=10).step()

    assert (handled.batches, handled.previous) == ([[4, 5]], [3])


async def test_what_was_not_handled_is_not_counted_as_reached(log: ImpatientLog) -> None:
    handled, positions = Handled(failures=1), Positions()
    worker = Worker(STORE, log, positions, handled, batch_size=10)
    await append(log, 2)

    with pytest.raises(Unavailable):
        await worker.step()
    assert positions.reached(STORE) == 0

    assert await worker.step() == 2
    assert handled.batches == [[1, 2]]


@settings(max_examples=20, deadline=None)
@given(
    acts=st.lists(st.sampled_from(["append", "store", "fanout"]), max_size=40),
    store_size=st.integers(1, 5),
    fanout_size=st.integers(1, 5),
    holes=st.frozensets(st.integers(1, 15), max_size=10),
)
def test_fanout_never_handles_what_the_store_has_not_applied(
    acts: list[str], store_size: int, fanout_size: int, holes: frozenset[int]
) -> None:
    async def run(folder: Path) -> None:
        async with ImpatientLog.open(folder / "log.db", Clock()) as log:
            assert isinstance(log, ImpatientLog)
            log.holes = holes
            positions, stored, fanned = Positions(), Handled(), Handled()
            workers = {
                "store": Worker(STORE, log, positions, stored, store_size),
                "fanout": Worker(FANOUT, log, positions, fanned, fanout_size, upstream=STORE),
            }
            await append(log, 15)
            for act in [*acts, *["store"] * 50, *["fanout"] * 50]:
                if act == "append":
                    await append(log, 3)
                else:
                    await workers[act].step()
                assert positions.reached(FANOUT) <= positions.reached(STORE)
                offsets = [offset for batch in fanned.batches for offset in batch]
                assert all(offset <= positions.reached(STORE) for offset in offsets[-fanout_size:])
            expected = [offset for offset in range(1, 16 + 3 * acts.count("append")) if offset not in holes]
            assert [offset for batch in stored.batches for offset in batch] == expected
            assert [offset for batch in fanned.batches for offset in batch] == expected

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_what_fails_for_now_is_tried_again_ever_more_slowly_until_it_goes(log: ImpatientLog) -> None:
    handled, positions = Handled(failures=9), Positions()
    slept: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        slept.append((low, high))
        return 0.0

    worker = Worker(STORE, log, positions, handled, 10, uniform=uniform)
    faults: list[str | None] = []
    handled.on_call = lambda: faults.append(worker.fault)
    async with running(worker):
        await append(log, 1)
        assert await positions.wait(STORE, 1, WAIT_S)
        handled.failures = 1
        await append(log, 1)
        assert await positions.wait(STORE, 2, WAIT_S)
        assert worker.fault is None

    assert [high for _, high in slept] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, BACKOFF_MAX_S, BACKOFF_MAX_S, 0.05]
    assert {low for low, _ in slept} == {0.0}
    # The worker says why it does not get on, as long as it does not.
    assert faults == [None, *["not now"] * 9, None, "not now"]
    assert handled.batches == [[1], [2]]


async def test_what_no_retry_mends_ends_the_worker(log: ImpatientLog) -> None:
    async def broken(_batch: Sequence[Logged], _previous: int) -> None:
        raise RuntimeError("a fault in the program")

    await append(log, 1)

    with pytest.raises(RuntimeError, match="a fault in the program"):
        await Worker(STORE, log, Positions(), broken, 10).run()


async def test_a_worker_to_which_nothing_comes_says_how_far_it_is(log: ImpatientLog) -> None:
    """So that a reference that was lost and has none after it is missed as well (L2)."""
    handled, broadcast, is_said = Handled(), HeldBroadcast(), asyncio.Event()

    async def idle(position: int) -> None:
        await Heartbeats(broadcast, lambda: 0.0).of(0)(position)
        is_said.set()

    await append(log, 2)
    async with running(Worker(FANOUT, log, Positions(), handled, 10, idle=idle)):
        await asyncio.wait_for(is_said.wait(), WAIT_S)

    assert handled.batches == [[1, 2]]
    assert broadcast.held[0] == [Reference(0, 2, 2, "heartbeat")]


async def test_a_worker_is_woken_by_what_its_upstream_has_done(log: ImpatientLog) -> None:
    stored, fanned, positions = Handled(), Handled(), Positions()
    store, fanout = (
        Worker(STORE, log, positions, stored, 10),
        Worker(FANOUT, log, positions, fanned, 10, upstream=STORE),
    )
    async with running(fanout):
        await append(log, 2)
        await store.step()
        assert await positions.wait(FANOUT, 2, WAIT_S)

    assert fanned.batches == [[1, 2]]


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with STORES["sqlite"](tmp_path) as opened:
        yield opened


class Recorded:
    """A projection that remembers which offsets it was given."""

    def __init__(self, stores: Stores) -> None:
        self._projection = stores.projection
        self.applied: list[int] = []

    async def position(self, partition: int = 0) -> int:
        return await self._projection.position(partition)

    async def place(self, partitions: int) -> Place:
        return (0,) * partitions

    async def apply(self, batch: Sequence[Logged]) -> None:
        self.applied += [logged.offset for logged in batch]
        await self._projection.apply(batch)


async def test_a_repair_applies_its_part_of_the_log_again_and_no_more(log: ImpatientLog, stores: Stores) -> None:
    projection = Recorded(stores)
    await log.append([tweet(1, 1), like(2, 1), like(3, 1), RepairRequested([UserId(1)], 2), like(4, 1)])

    await store_handler(log, projection, batch_size=1)(await log.read(0, 4), 0)

    assert projection.applied == [1, 2, 3, 4, 2, 3]
    assert await projection.position() == 4
    assert await stores.tweets.counts([TweetId(1)]) == [TweetCounts(likes=2)]


async def test_a_repair_brings_back_what_the_store_has_lost(log: ImpatientLog, stores: Stores) -> None:
    await log.append([tweet(1, 1), like(2, 1), RepairRequested([], 1)])
    first, *others = await log.read(0, 10)
    await stores.projection.apply(others[:1])

    await store_handler(log, stores.projection, 100)(others[1:], 2)

    assert first.offset == 1
    assert [each and each.id for each in await stores.tweets.entries([TweetId(1)])] == [1]


async def test_poison_that_looks_like_a_repair_stops_nothing(log: ImpatientLog, stores: Stores) -> None:
    poison = Logged(0, 2, b'{"type":"RepairRequested"}', 0)
    await log.append([tweet(1, 1), like(2, 1)])
    (first,) = await log.read(0, 1)

    await store_handler(log, stores.projection, 100)([first, poison], 0)

    assert await stores.projection.position() == 2


async def test_a_locked_file_stops_the_store_for_now_and_loses_nothing(tmp_path: Path) -> None:
    world = Stepped(tmp_path)
    await world.open()
    store = world.engine.store
    store.connection.execute("PRAGMA busy_timeout = 0")
    await world.append(tweet(1, 1))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable):
        await world.step(STORE)
    assert await world.step(FANOUT) == 0
    other.execute("ROLLBACK")
    other.close()

    await world.drain()
    assert world.engine.positions.reached(FANOUT) == 1
    assert [edge.entry.id for edge in (await world.page(1)).edges] == [1]
    await world.close()
