"""What the group `fanout` may see of the log (L1), without any server."""

import asyncio
from collections.abc import Sequence

from infra.cluster.applied import AppliedFeed
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


class Applied:
    """The store's positions, by partition."""

    def __init__(self, **positions: int) -> None:
        self.positions = {int(name.removeprefix("p")): offset for name, offset in positions.items()}
        self.asked = 0

    async def __call__(self, partition: int) -> int:
        self.asked += 1
        return self.positions.get(partition, 0)


async def test_nothing_is_seen_before_the_store_has_applied_it() -> None:
    feed = AppliedFeed(Handed(), Applied())

    assert await feed.read(0, 5) == ()
    assert not await feed.wait(0, 0.0)
    assert await feed.read(0, 5) == ()


async def test_what_is_applied_is_seen_and_nothing_beyond_it() -> None:
    handed = Handed()
    feed = AppliedFeed(handed, Applied(p0=4, p1=9))

    assert await feed.wait(0, WAIT_S)
    assert await feed.wait(0, WAIT_S, 1)

    assert [logged.offset for logged in await feed.read(0, 100)] == [1, 2, 3, 4]
    assert [logged.offset for logged in await feed.read(2, 100)] == [3, 4]
    assert [logged.offset for logged in await feed.read(0, 3, 1)] == [1, 2, 3]
    assert await feed.read(4, 100) == ()


async def test_a_wait_ends_when_the_store_comes_up() -> None:
    applied = Applied(p0=2)
    feed = AppliedFeed(Handed(), applied)
    waiting = asyncio.ensure_future(feed.wait(2, WAIT_S))
    while applied.asked < 2:
        await asyncio.sleep(0)
        if applied.asked:
            applied.positions[0] = 3

    assert await waiting
    assert [logged.offset for logged in await feed.read(2, 100)] == [3]


async def test_the_store_is_not_asked_while_what_it_applied_is_not_read() -> None:
    applied = Applied(p0=9)
    feed = AppliedFeed(Handed(), applied)
    await feed.wait(0, WAIT_S)

    for after in range(9):
        assert await feed.wait(after, WAIT_S)

    assert applied.asked == 1
