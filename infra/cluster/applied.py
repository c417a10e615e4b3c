"""What the group `fanout` may see of the log: only what `store` has applied (rule L1)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from loaders.places import Place
from realtime.ports import Logged
from realtime.worker import Feed

POLL_MIN_S, POLL_MAX_S = 0.005, 0.1


class Applied:
    """How far the group `store` has come in every partition, as its own processes have written it beside the stores.

    It is read only while somebody waits, for all partitions and for all who wait at once, and at most once in
    `POLL_MIN_S`; `read` answers it.
    """

    def __init__(self, read: Callable[[], Awaitable[Place]], monotonic_s: Callable[[], float]) -> None:
        self._read = read
        self._monotonic_s = monotonic_s
        self._place: Place = ()
        self._read_at_s = float("-inf")
        self._reading = asyncio.Lock()

    def reached(self, partition: int) -> int:
        """Return how far the group was in a partition when that was read last."""
        return self._place[partition] if partition < len(self._place) else 0

    async def look(self) -> None:
        """Read it, unless another has just done so."""
        async with self._reading:
            if self._monotonic_s() - self._read_at_s >= POLL_MIN_S:
                began_s = self._monotonic_s()
                self._place = await self._read()
                self._read_at_s = began_s

    def feed(self, feed: Feed) -> "AppliedFeed":
        """Return what may be seen of a feed."""
        return AppliedFeed(feed, self)


class AppliedFeed:
    """Hands on what a member of `fanout` was given, as soon as the stores reflect it.

    Who waits looks ever less often, the longer that takes.
    """

    def __init__(self, feed: Feed, applied: Applied) -> None:
        self._feed = feed
        self._applied = applied

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """See `Feed`."""
        # Offsets count up by one, so that so many are the most that may be seen.
        visible = self._applied.reached(partition) - after
        return await self._feed.read(after, min(limit, visible), partition) if visible > 0 else ()

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """See `Feed`."""
        if self._applied.reached(partition) > after:
            return await self._feed.wait(after, timeout_s, partition)
        if not await self._feed.wait(after, timeout_s, partition):
            return False
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + timeout_s, POLL_MIN_S
        while True:
            await self._applied.look()
            if self._applied.reached(partition) > after:
                return True
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_MAX_S)


_: type[Feed] = AppliedFeed
