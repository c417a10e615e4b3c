"""How far each group has come in this process's log, and waiting for it."""

import asyncio
import heapq
import itertools

_Line = tuple[str, int]
"""A group in a partition."""


class Positions:
    """Offsets by group and partition. They only grow; whoever waits for one is woken when it is reached."""

    def __init__(self) -> None:
        self._reached: dict[_Line, int] = {}
        self._waiting: dict[_Line, list[tuple[int, int, asyncio.Future[None]]]] = {}
        self._numbers = itertools.count()

    def reached(self, group: str, partition: int = 0) -> int:
        """Return the offset up to which a group has done its work."""
        return self._reached.get((group, partition), 0)

    def advance(self, group: str, offset: int, partition: int = 0) -> None:
        """Move a group on and wake those who waited for that."""
        if offset <= self.reached(group, partition):
            return
        self._reached[group, partition] = offset
        waiting = self._waiting.get((group, partition))
        while waiting and waiting[0][0] <= offset:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(None)

    async def wait(self, group: str, offset: int, timeout_s: float, partition: int = 0) -> bool:
        """Wait until a group has reached an offset; False after the timeout."""
        if self.reached(group, partition) >= offset:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting.setdefault((group, partition), []), (offset, next(self._numbers), future))
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        return True
