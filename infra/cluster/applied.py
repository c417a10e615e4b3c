"""What the group `fanout` may see of the log: only what `store` has applied (rule L1)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from realtime.ports import Logged
from realtime.worker import Feed

POLL_MIN_S, POLL_MAX_S = 0.005, 0.1

Position = Callable[[int], Awaitable[int]]
"""Answers how far the group `store` has come in a partition."""


class AppliedFeed:
    """Hands on what a member of `fanout` was given, as soon as the stores reflect it.

    `store` runs in other processes; how far it is stands beside what it stores. It is asked for only while something
    waits, ever less often the longer that takes.
    """

    def __init__(self, feed: Feed, position: Position) -> None:
        self._feed = feed
        self._position = position
        self._applied: dict[int, int] = {}

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """See `Feed`."""
        # Offsets count up by one, so that so many are the most that may be seen.
        visible = self._applied.get(partition, 0) - after
        return await self._feed.read(after, min(limit, visible), partition) if visible > 0 else ()

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """See `Feed`."""
        if self._applied.get(partition, 0) > after:
            return await self._feed.wait(after, timeout_s, partition)
        if not await self._feed.wait(after, timeout_s, partition):
            return False
        loop = asyncio.get_running_loop()
        deadline, pause_s = loop.time() + timeout_s, POLL_MIN_S
        while True:
            applied = self._applied[partition] = await self._position(partition)
            if applied > after:
                return True
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, POLL_MAX_S)


_: type[Feed] = AppliedFeed
