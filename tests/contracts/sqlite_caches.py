"""What is cached of the embedded store, held against the same store without that cache, at any time of a history."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from infra.adapters.sqlite.projection import SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from tests.contracts.histories import events_of
from tests.contracts.making import logged

Question = TypeVar("Question")


def check_answers(
    history: list[tuple[object, ...]],
    pieces: Sequence[tuple[int, Sequence[Question]]],
    last: Sequence[Question],
    ask: Callable[[SQLiteTweetStore, Question], Awaitable[object]],
    limit: str,
    size: int,
) -> None:
    """Apply a history piece by piece, and ask the same after each, twice; `limit` names what bounds the cache."""
    batch = logged(events_of(history))

    async def run(folder: Path) -> None:
        async with (
            SQLiteStore.open(folder / "store.db", **{limit: size}) as store,
            SQLiteStore.open(folder / "store.db", **{limit: 0}) as bare,
        ):
            tweets, read = SQLiteTweetStore(store), SQLiteTweetStore(bare)
            applied = 0
            for count, asked in [*pieces, (len(batch), last)]:
                if some := batch[applied : applied + count]:
                    await SQLiteProjection(store).apply(some)
                    applied += len(some)
                for question in (*asked, *asked):
                    assert await ask(tweets, question) == await ask(read, question)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
