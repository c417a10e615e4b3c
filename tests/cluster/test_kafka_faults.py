"""A broker that hangs or dies in the midst of posting: refusals in time, and nothing acknowledged is lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.adapters.kafka.consumer import GroupConsumer, GroupLimits
from infra.adapters.kafka.deliveries import DeliveryLimits
from infra.adapters.kafka.log import KafkaEventLog, KafkaLimits
from infra.adapters.kafka.ranges import RangeLimits
from infra.stack.kafka import kafka_server
from infra.stack.programs import Missing
from infra.stack.server import Server
from loaders.errors import Unavailable
from loaders.records import TweetId, UserId
from realtime.events import Event, TweetPosted, decode
from realtime.partitions import log_partition
from realtime.ports import Logged
from tests.cluster.kafka_member import LAYOUT, doubles, ends, handled, open_member
from tests.contracts.kafka_adapters import kafka_log, kafka_topics

LIMITS = KafkaLimits(DeliveryLimits(deadline_s=2.0, stall_s=1.0), RangeLimits(deadline_s=2.0))
"""Together the broker is frozen for less than the nine seconds after which Kafka takes it for gone."""
LATE_S = 2.0
"""How much later than at its deadline a call may end on a busy machine."""
AT_ONCE = 64
PATIENCE_S = 90.0
READ_SIZE = 500


class Posters:
    """Many who post at once, one tweet after the other, and remember what was acknowledged and what was refused."""

    def __init__(self, log: KafkaEventLog) -> None:
        self.acknowledged: dict[Event, int] = {}
        self.refused: list[tuple[Unavailable, float]] = []
        self._log = log
        self._numbers = iter(range(1, 10_000_000))
        self._tasks = [asyncio.create_task(self._post()) for _ in range(AT_ONCE)]

    async def until(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(PATIENCE_S):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110 - what is waited for happens in Kafka
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let all end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            number = next(self._numbers)
            event, began_s = TweetPosted(TweetId(number), UserId(number), "hello", 0), loop.time()
            try:
                (self.acknowledged[event],) = await self._log.append([event])
            except Unavailable as error:
                self.refused.append((error, loop.time() - began_s))
                await asyncio.sleep(0.1)


@asynccontextmanager
async def opened(broker: Server, folder: Path) -> AsyncIterator[KafkaEventLog]:
    """Open a log, and let a member handle what comes."""
    async with (
        kafka_topics(broker.url, LAYOUT) as url,
        kafka_log(url, LAYOUT, LIMITS) as log,
        open_member(url, log, folder, "a", is_begun_anew=True),
    ):
        yield log


async def all_handled(folder: Path, count: int) -> None:
    """Wait until so many events are handled, and check that none was skipped."""
    async with asyncio.timeout(PATIENCE_S):
        while sum(ends(handled(folder)).values()) < count:  # noqa: ASYNC110 - what is waited for happens in files
            await asyncio.sleep(0.1)
    doubles(handled(folder))


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Server]:
    try:
        server = kafka_server(tmp_path / "kafka")
    except Missing as missing:
        pytest.skip(str(missing))
    async with server:
        yield server


async def in_log(log: KafkaEventLog) -> dict[Event, list[tuple[int, int]]]:
    """Return where each event is in the log."""
    places: dict[Event, list[tuple[int, int]]] = {}
    for partition in range(LAYOUT.partitions):
        after = 0
        while batch := await read_again(log, after, partition):
            for logged in batch:
                places.setdefault(decode(logged.payload), []).append((partition, logged.offset))
            after = batch[-1].offset
    return places


async def read_again(log: KafkaEventLog, after: int, partition: int) -> Sequence[Logged]:
    """Read; a client that was cut off finds the partitions' leaders again within seconds, each for itself."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await log.read(after, READ_SIZE, partition)
            except Unavailable:
                continue


def check(acknowledged: dict[Event, int], places: dict[Event, list[tuple[int, int]]]) -> None:
    """Check that what was acknowledged is where it was said to be, and nothing is there twice."""
    wanted = {event: [(log_partition(event, LAYOUT), offset)] for event, offset in acknowledged.items()}
    assert {event: places.get(event) for event in wanted} == wanted
    assert {event: found for event, found in places.items() if len(found) > 1} == {}


async def test_a_frozen_broker_refuses_in_time_and_loses_nothing_acknowledged(broker: Server, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with opened(broker, tmp_path) as log:
        posters = Posters(log)
        await posters.until(500)

        broker.freeze()
        try:
            began_s = loop.time()
            with pytest.raises(Unavailable):
                await log.read(0, 10)
            assert loop.time() - began_s < LIMITS.ranges.deadline_s + LATE_S
            await asyncio.sleep(LIMITS.deliveries.deadline_s + LATE_S)
        finally:
            broker.thaw()

        assert len(posters.refused) > AT_ONCE
        assert max(seconds for _, seconds in posters.refused) < LIMITS.deliveries.deadline_s + LATE_S
        assert min(seconds for _, seconds in posters.refused) < LIMITS.deliveries.stall_s
        assert all(error.retry_after_s for error, _ in posters.refused)
        await posters.until(500)
        await posters.stop()
        places = await in_log(log)
        check(posters.acknowledged, places)
        await all_handled(tmp_path, len(places))


async def test_a_broker_killed_in_the_midst_of_posting_loses_nothing_acknowledged(
    broker: Server, tmp_path: Path
) -> None:
    async with opened(broker, tmp_path) as log:
        posters = Posters(log)
        for _ in range(2):
            await posters.until(500)
            broker.kill()
            await broker.start()

        await posters.until(500)
        await posters.stop()
        assert posters.refused
        places = await in_log(log)
        check(posters.acknowledged, places)
        await all_handled(tmp_path, len(places))


async def test_a_log_closes_soon_although_its_broker_hangs(broker: Server) -> None:
    loop = asyncio.get_running_loop()
    async with kafka_topics(broker.url, LAYOUT) as url:
        async with kafka_log(url, LAYOUT, LIMITS) as log:
            await log.append([TweetPosted(TweetId(1), UserId(1), "hello", 0)])
            broker.freeze()
            with pytest.raises(Unavailable):
                await log.append([TweetPosted(TweetId(2), UserId(1), "hello", 0)])
            began_s = loop.time()
        took_s = loop.time() - began_s
        broker.thaw()

    assert took_s < LIMITS.deliveries.deadline_s + LATE_S


async def test_a_member_that_lost_all_and_is_given_nothing_again_ends_so_that_another_joins(
    broker: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was cut off from the coordinator may wait a minute for it before it joins again.

    It ends also if it was told that nothing is its own, and although it cannot learn how far the log is: what is wrong
    with it may be wrong with those who read the log.
    """
    brief = GroupLimits(session_s=6.0, heartbeat_s=0.5, stalled_s=2.0)

    async def away() -> Sequence[int]:
        raise Unavailable("cut off")

    async with kafka_topics(broker.url, LAYOUT) as url, kafka_log(url, LAYOUT, LIMITS) as log:
        await log.append([TweetPosted(TweetId(number), UserId(number), "hello", 0) for number in range(1, 50)])
        async with open_member(url, log, tmp_path, "a", limits=brief) as a:
            await all_handled(tmp_path, 49)
            with monkeypatch.context() as cut:
                cut.setattr(log, "ends", away)
                await a.member.release(list(a.member.partitions), True)
                await a.member.take([])
                with pytest.raises(Unavailable, match="hears nothing"):
                    async with asyncio.timeout(PATIENCE_S):
                        await asyncio.shield(a.task)
            a.task = asyncio.ensure_future(asyncio.sleep(0))


async def test_a_member_that_never_gets_to_join_ends_so_that_another_tries(
    broker: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before a session is over: for so long Kafka may wait for one that was killed."""
    monkeypatch.setattr(GroupConsumer, "_assign", lambda *_: None)
    loop, brief = asyncio.get_running_loop(), GroupLimits(session_s=6.0, heartbeat_s=0.5, stalled_s=0.4)
    async with kafka_topics(broker.url, LAYOUT) as url, kafka_log(url, LAYOUT, LIMITS) as log:
        began_s = loop.time()
        async with open_member(url, log, tmp_path, "a", limits=brief) as a:
            with pytest.raises(Unavailable, match="hears nothing"):
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.shield(a.task)
            a.task = asyncio.ensure_future(asyncio.sleep(0))
        assert loop.time() - began_s > brief.session_s
