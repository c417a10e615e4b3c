"""Trends live: the list as it is, then each that differs."""

from collections.abc import AsyncGenerator

from loaders.ports import TrendStore
from loaders.trends import Trend


async def trend_updates(store: TrendStore, size: int) -> AsyncGenerator[tuple[Trend, ...], None]:
    """Yield the first `size` trends of the newest ranking, and of each later one in which they are not the same."""
    ranking = await store.newest()
    shown = ranking.trends[:size]
    yield shown
    while True:
        ranking = await store.after(ranking.until_ms)
        if ranking.trends[:size] != shown:
            shown = ranking.trends[:size]
            yield shown
