"""How much of the log is applied at once: what is begun must come to its end within its time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class RowsUnderWay:
    """Lets at most `most` rows be worked on at once, by whoever came first.

    Workers of many partitions share one database. If all began at once, none would end in time where it is slow, and
    each would begin anew with what was half done. More rows than `most` are worked on alone.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = most
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    @asynccontextmanager
    async def taken(self, rows: int) -> AsyncIterator[None]:
        """Wait until so many rows may be begun, and count them until the block ends."""
        rows = min(rows, self._most)
        await self._take(rows)
        try:
            yield
        finally:
            self._give_back(rows)

    async def _take(self, rows: int) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((rows, place))
        self._let_in()
        try:
            await place
        except asyncio.CancelledError:
            self._give_back(0 if place.cancelled() else rows)
            raise

    def _give_back(self, rows: int) -> None:
        self._free += rows
        self._let_in()

    def _let_in(self) -> None:
        while self._line:
            rows, place = self._line[0]
            if not place.done():
                if rows > self._free:
                    return
                self._free -= rows
                place.set_result(None)
            self._line.popleft()
