"""How far each group has come in this process's log, and waiting for it."""

import asyncio
import heapq
import itertools


class Positions:
    """Offsets by group. They only grow; whoever waits for one is woken when it is reached."""

    def __init__(self) -> None:
        self._reached: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[int, int, asyncio.Future[None]]]] = {}
        self._numbers = itertools.count()

    def reached(self, group: str) -> int:
        """Return the offset up to which a group has done its work."""
        return self._reached.get(group, 0)

    def advance(self, group: str, offset: int) -> None:
        """Move a group on and wake those who waited for that."""
        if offset <= self.reached(group):
            return
        self._reached[group] = offset
        waiting = self._waiting.get(group)
        while waiting and waiting[0][0] <= offset:
            future = heapq.heappop(waiting)[2]
            if not future.done():
                future.set_result(None)

    async def wait(self, group: str, offset: int, timeout_s: float) -> bool:
        """Wait until a group has reached an offset; False after the timeout."""
        if self.reached(group) >= offset:
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting.setdefault(group, []), (offset, next(self._numbers), future))
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        return True
