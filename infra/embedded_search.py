"""The search of a data folder, opened and closed with it: the index that is searched, and what fills it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.adapters.sqlite.search_filling import SearchFiles, SearchFilling
from infra.adapters.sqlite.search_index import SQLiteSearchIndex
from infra.settings import Settings
from realtime.ports import EventLog
from realtime.positions import Positions
from realtime.worker import SEARCH, STORE

LAG_EVENTS_MAX = 2_000
"""Further behind, as after a bulk import, searches say that they are not complete."""


@asynccontextmanager
async def open_search(
    settings: Settings, log: EventLog, positions: Positions, stores: tuple[Path, Path]
) -> AsyncIterator[tuple[SQLiteSearchIndex, SearchFilling]]:
    """Open the index beside the files of tweets and of accounts; the group `search` begins where the index ends."""

    def is_complete() -> bool:
        return filling.is_whole and positions.reached(STORE) - positions.reached(SEARCH) <= LAG_EVENTS_MAX

    path = settings.database(settings.search_url, "search")
    index = SQLiteSearchIndex(path, settings.searches_max, settings.search_timeout_ms / 1000, is_complete)
    try:
        async with SearchFilling.open(SearchFiles(path, *stores), log, index, positions.reached(STORE)) as filling:
            positions.advance(SEARCH, filling.position)
            yield index, filling
    finally:
        await index.end()
