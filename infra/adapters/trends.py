"""TrendStore in this process's memory: the newest ranking of its own counter."""

import asyncio
from collections.abc import Callable

from loaders.errors import Unavailable
from loaders.ports import TrendStore
from loaders.trends import Ranking

CAUGHT_UP_LOOK_S = 1.0


class MemoryTrendStore:
    """Keeps the ranking that `put` was given last; `is_whole` tells whether all is counted that a start had to."""

    def __init__(self, is_whole: Callable[[], bool]) -> None:
        self._is_whole = is_whole
        self._ranking = Ranking(0)
        self._changed = asyncio.Event()

    def put(self, ranking: Ranking) -> None:
        """Take the ranking of a later window."""
        self._ranking = ranking
        self._changed.set()
        self._changed = asyncio.Event()

    async def newest(self) -> Ranking:
        """See `TrendStore`."""
        if not self._is_whole():
            raise Unavailable("Trends are being counted anew after a start", retry_after_s=CAUGHT_UP_LOOK_S)
        return self._ranking

    async def after(self, until_ms: int) -> Ranking:
        """See `TrendStore`."""
        while (ranking := await self.newest()).until_ms <= until_ms:
            await self._changed.wait()
        return ranking


_: type[TrendStore] = MemoryTrendStore
