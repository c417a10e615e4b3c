"""What the group `fanout` may see of the log (L1), without any server."""

import asyncio
from collections.abc import Sequence

from infra.cluster.applied import POLL_MIN_S, Applied
from loaders.places import Place
from realtime.ports import Logged

WAIT_S = 10.0


class Handed:
    """A feed that was handed ten events."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        self.asked.append(limit)
        return [Logged(partition, offset, b"", 0) for offset in range(after + 1, 11)][:limit]

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        del timeout_s, partition
        return after < 10


class Store:
    """The store's positions, and the feed that follows them; every look at the clock finds it gone on."""

    def __init__(self, *positions: int) -> None:
        self.positions = [*positions]
        self.asked = 0
        self.now_s = 0.0
        self.step_s = POLL_MIN_S
        self.handed = Handed()
        self.feed = Applied(self.place, self.monotonic_s).feed(self.handed)

    async def place(self) -> Place:
        self.asked += 1
        await asyncio.sleep(0)
        return tuple(self.positions)

    def monotonic_s(self) -> float:
        self.now_s += self.step_s
        return self.now_s


async def test_nothing_is_seen_before_the_store_has_applied_it() -> None:
    feed = Store(0).feed

    assert await feed.read(0, 5) == ()
    assert not await feed.wait(0, 0.0)
    assert await feed.read(0, 5) == ()


async def test_what_is_applied_is_seen_and_nothing_beyond_it() -> None:
    feed = Store(4, 9).feed

    assert await feed.wait(0, WAIT_S)
    assert await feed.wait(0, WAIT_S, 1)

    assert [logged.offset for logged in await feed.read(0, 100)] == [1, 2, 3, 4]
    assert [logged.offset for logged in await feed.read(2, 100)] == [3, 4]
    assert [logged.offset for logged in await feed.read(0, 3, 1)] == [1, 2, 3]
    assert await feed.read(4, 100) == ()


async def test_a_wait_ends_when_the_store_comes_up() -> None:
    applied = Store(2)
    feed = applied.feed
    waiting = asyncio.ensure_future(feed.wait(2, WAIT_S))
    while applied.asked < 2:  # noqa: ASYNC110 - each turn of the loop is one of the worker
        await asyncio.sleep(0)
    assert not waiting.done()
    applied.positions[0] = 3

    assert await waiting
    assert [logged.offset for logged in await feed.read(2, 100)] == [3]


async def test_the_store_is_not_asked_while_what_it_applied_is_not_read() -> None:
    applied = Store(9)
    feed = applied.feed
    await feed.wait(0, WAIT_S)

    for after in range(9):
        assert await feed.wait(after, WAIT_S)

    assert applied.asked == 1


async def test_all_who_wait_at_once_share_one_look() -> None:
    applied = Store(*range(1, 9))
    applied.step_s = 0.0

    assert all(await asyncio.gather(*(applied.feed.wait(0, WAIT_S, partition) for partition in range(8))))

    assert applied.asked == 1
