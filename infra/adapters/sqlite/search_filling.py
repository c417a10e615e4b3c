"""What fills the search index of a data folder: the group `search`, and making the index anew beside the one in use."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from infra.adapters.sqlite.database import translated
from infra.adapters.sqlite.search_file import (
    EPOCH,
    IS_WHOLE,
    POSITION,
    merge_all,
    open_search_file,
    put_state,
    put_tweets,
    put_users,
    state,
    write,
)
from infra.adapters.sqlite.search_index import SQLiteSearchIndex
from loaders.ids import ID_MAX
from loaders.records import TweetId, UserId
from realtime.index import index_changes, indexed
from realtime.ports import EventLog, Logged

Outcome = TypeVar("Outcome")
SCANNED_AT_ONCE = 500
REST_S = 0.005
"""A rest after each part of a rebuild: the server has other work."""

_SCAN = (
    "SELECT id, author_id, text, lang, media FROM store.tweets"
    " WHERE id < ? AND gone_offset IS NULL AND root_id IS NULL ORDER BY id DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class SearchFiles:
    """The index, the stores that it is made from, the one made anew beside it, and the sign that asks for that."""

    index: Path
    store: Path
    accounts: Path

    @property
    def anew(self) -> Path:
        """Where the index is made anew."""
        return self.index.with_name(f"{self.index.stem}-anew.db")

    @property
    def asked(self) -> Path:
        """The file that asks for a new index for as long as it is there, and tells how far that is."""
        return asking_file(self.index)


def asking_file(index: Path) -> Path:
    """Return the file that asks for a new index in the place of this one."""
    return index.with_name(f"{index.stem}-rebuild")


class SearchFilling:
    """Writes the index in a thread of its own; each batch is one transaction, its place in the log included.

    `is_whole` tells whether the index has all that there was when it was begun. The group `search` must run after
    `store`: what is scanned for a new index is then never behind what was followed.
    """

    def __init__(self, files: SearchFiles, log: EventLog, index: SQLiteSearchIndex) -> None:
        self.is_whole = False
        self.position = 0
        self._files = files
        self._log = log
        self._index = index
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._connection: sqlite3.Connection | None = None
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, files: SearchFiles, log: EventLog, index: SQLiteSearchIndex, applied: int
    ) -> "AsyncIterator[SearchFilling]":
        """Open the index and find its place in the log, from which it is to be followed.

        An index that cannot be followed, because there was none yet, or the log is another or reaches back no longer,
        goes on from what the store has `applied`, and is not whole until it is made anew.
        """
        filling = cls(files, log, index)
        first, end = await log.bounds()
        try:
            await filling._do(lambda: filling._begin(first, end, applied))
            yield filling
        finally:
            await filling._do(filling._close)
            filling._thread.shutdown()

    @property
    def is_asked_anew(self) -> bool:
        """Tell whether the index is to be made anew: it is not whole, or an operator asks for it."""
        return not self.is_whole or self._files.asked.exists()

    def ask_anew(self) -> None:
        """Ask for a new index, as an operator does."""
        self._files.asked.touch()

    async def apply(self, batch: Sequence[Logged], _previous: int = 0) -> None:
        """Apply consecutive events and move on after them; applying one again changes nothing."""
        async with self._turn:
            await self._do(lambda: _transact(self._main(), lambda connection: _apply(connection, batch)))
            self.position = batch[-1].offset

    async def look_for_accounts(self, _position: int = 0) -> None:
        """Take in accounts that came or changed, of which no event tells."""
        async with self._turn:
            await self._do(lambda: _transact(self._main(), put_users))

    async def make_anew(self, batch_size: int) -> None:
        """Make the index anew from the stores and the log, then put it in the place of the one in use.

        That one is followed and searched meanwhile. At the exchange both have the same place in the log, so that
        nothing is missing after it that was found before.
        """
        place = self.position
        anew = await self._do(lambda: self._open_anew(place))
        try:
            below, count = ID_MAX, 0
            while scanned := await self._do(lambda: _transact(anew, lambda connection: _scan(connection, below))):  # noqa: B023
                below, count = scanned[-1], count + len(scanned)
                await self._tell(f"{count:,} tweets")
                await asyncio.sleep(REST_S)
            while await self._do(lambda: _transact(anew, put_users)):  # noqa: ASYNC110 - it is a pause, not a wait
                await asyncio.sleep(REST_S)
            await self._tell(f"{count:,} tweets, merging")
            await self._do(lambda: merge_all(anew))
            while True:
                async with self._turn:
                    read = await self._log.read(place, batch_size)
                    batch = [logged for logged in read if logged.offset <= self.position]
                    if not batch:
                        await self._exchange(anew)
                        return
                    await self._do(lambda: _transact(anew, lambda connection: _apply(connection, batch)))  # noqa: B023
                    place = batch[-1].offset
        finally:
            await self._do(anew.close)

    async def _exchange(self, anew: sqlite3.Connection) -> None:
        await self._do(anew.close)
        await self._do(self._close)
        try:
            await self._index.while_closed(lambda: self._files.anew.replace(self._files.index))
        finally:
            await self._do(lambda: self._main().execute("SELECT 1"))
        self.is_whole = True
        self._files.asked.unlink(missing_ok=True)

    async def _tell(self, progress: str) -> None:
        await self._do(lambda: self._files.asked.write_text(progress, encoding="utf-8"))

    def _begin(self, first: int, end: int, applied: int) -> None:
        try:
            self._look(first, end, applied)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            # It is damaged, and made from what is not.
            self._close()
            _remove(self._files.index)
            self._look(first, end, applied)

    def _look(self, first: int, end: int, applied: int) -> None:
        def look(connection: sqlite3.Connection) -> None:
            place = state(connection, POSITION)
            is_of_log = state(connection, EPOCH) in {None, self._log.epoch} and (place or 0) <= end
            if is_of_log and first <= (place or 0) + 1:
                self.is_whole = place is None or bool(state(connection, IS_WHOLE))
                self.position = place or 0
            else:
                self.is_whole, self.position = False, applied
            _put_states(connection, self._log.epoch, self.position, self.is_whole)

        _transact(self._main(), look)

    def _open_anew(self, place: int) -> sqlite3.Connection:
        _remove(self._files.anew)
        anew = open_search_file(self._files.anew, self._files.store, self._files.accounts)
        _transact(anew, lambda connection: _put_states(connection, self._log.epoch, place, is_whole=True))
        return anew

    def _main(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_search_file(self._files.index, self._files.store, self._files.accounts)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _do(self, work: Callable[[], Outcome]) -> Outcome:
        with translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _apply(connection: sqlite3.Connection, batch: Sequence[Logged]) -> None:
    write(connection, index_changes(batch))
    put_users(connection)
    put_state(connection, POSITION, batch[-1].offset)


def _scan(connection: sqlite3.Connection, below: int) -> list[int]:
    rows = connection.execute(_SCAN, (below, SCANNED_AT_ONCE)).fetchall()
    put_tweets(connection, [indexed(TweetId(tweet_id), UserId(author_id), *row) for tweet_id, author_id, *row in rows])
    return [row[0] for row in rows]


def _put_states(connection: sqlite3.Connection, epoch: int, place: int, is_whole: bool) -> None:
    for name, value in ((EPOCH, epoch), (POSITION, place), (IS_WHOLE, int(is_whole))):
        put_state(connection, name, value)


def _transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Outcome]) -> Outcome:
    # Not IMMEDIATE, which would take the stores' locks as well; nobody else writes the index.
    connection.execute("BEGIN")
    try:
        outcome = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return outcome


def _remove(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        each.unlink(missing_ok=True)
