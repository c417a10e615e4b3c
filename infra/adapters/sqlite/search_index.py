"""SearchIndex on SQLite's FTS5: searches in a thread of their own, one at a time, so that none holds the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from infra.adapters.sqlite.database import BUSY_TIMEOUT_MS, RETRY_AFTER_S, translated
from loaders.errors import Unavailable
from loaders.ports import Found, FoundUser, SearchIndex
from loaders.records import TweetId, UserId
from loaders.search_query import Both, Either, Mark, MarkKind, Node
from loaders.words import Phrase

CACHE_KIB = 32_768
LAST = "\U0010ffff"
"""Sorts after whatever a name goes on with."""

_NEWEST = (
    "SELECT rowid, author_id, {words} FROM tweets WHERE tweets MATCH ? AND rowid < ? AND rowid >= ?"
    " ORDER BY rowid DESC LIMIT ?"
)
NEWEST = _NEWEST.format(words="''")
NEWEST_WITH_WORDS = _NEWEST.format(words="words")
_SIGNS = {
    MarkKind.HASHTAG: "#",
    MarkKind.MENTION: "@",
    MarkKind.AUTHOR: ":f",
    MarkKind.LANG: ":l",
    MarkKind.MEDIA: ":m",
}


class SQLiteSearchIndex:
    """The index of one data folder, as searches read it.

    `searches_max` bounds how many are under way or wait, `timeout_s` how long each may take. `is_complete` is asked of
    who fills the index.
    """

    def __init__(self, path: Path, searches_max: int, timeout_s: float, is_complete: Callable[[], bool]) -> None:
        self._path = path
        self._searches_max = searches_max
        self._timeout_s = timeout_s
        self._is_complete = is_complete
        self._searches = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._connection: sqlite3.Connection | None = None

    @property
    def is_complete(self) -> bool:
        """See `SearchIndex`."""
        return self._is_complete()

    async def newest(
        self, root: Node, below: int, lowest: int, limit: int, with_words: bool = False
    ) -> Sequence[Found]:
        """See `SearchIndex`."""
        sql = NEWEST_WITH_WORDS if with_words else NEWEST
        rows: list[tuple[int, int, str]] = await self._rows(sql, (match_of(root), below, lowest, limit))
        return [Found(TweetId(tweet_id), UserId(author_id), words) for tweet_id, author_id, words in rows]

    async def users(self, prefixes: Sequence[str], below: FoundUser | None, limit: int) -> Sequence[FoundUser]:
        """See `SearchIndex`."""
        # The longest is the rarest: the others are looked up for what it finds.
        first, *others = sorted(prefixes, key=len, reverse=True)
        sql = "SELECT DISTINCT user_id, followers FROM names AS found WHERE name >= ? AND name < ?"
        given: list[object] = [first, first + LAST]
        for other in others:
            sql += (
                " AND EXISTS (SELECT 1 FROM users, json_each(users.names) AS each WHERE users.user_id = found.user_id"
                " AND each.value >= ? AND each.value < ?)"
            )
            given += [other, other + LAST]
        if below is not None:
            sql += " AND (followers, user_id) < (?, ?)"
            given += [below.followers, below.id]
        rows: list[tuple[int, int]] = await self._rows(
            sql + " ORDER BY followers DESC, user_id DESC LIMIT ?", (*given, limit)
        )
        return [FoundUser(UserId(user_id), followers) for user_id, followers in rows]

    async def while_closed(self, work: Callable[[], object]) -> None:
        """Let go of the file, do something with it, and let the next search open it anew; searches wait meanwhile."""

        def run() -> None:
            self._close()
            work()

        await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def end(self) -> None:
        """Let go of the file and of the thread, for good."""
        await self.while_closed(lambda: None)
        self._thread.shutdown()

    async def _rows(self, sql: str, given: Sequence[object]) -> list[Any]:
        if self._searches >= self._searches_max:
            raise Unavailable("Too many searches are waiting", retry_after_s=RETRY_AFTER_S)
        self._searches += 1
        try:
            work = self._thread.submit(self._read, sql, given)
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as error:
            if self._connection is not None:
                self._connection.interrupt()
            raise Unavailable("The search takes too long: ask for rarer words", retry_after_s=RETRY_AFTER_S) from error
        finally:
            self._searches -= 1

    def _read(self, sql: str, given: Sequence[object]) -> list[Any]:
        with translated():
            return self._opened().execute(sql, given).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            # The thread's own; what interrupts it is another.
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connection.execute("PRAGMA query_only = ON")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def match_of(node: Node) -> str:
    """Return a query in the language of FTS5; words and marks hold no quotation mark."""
    match node:
        case Phrase(words, is_open):
            return f'"{" ".join(words)}"{"*" if is_open else ""}'
        case Mark(kind, value):
            return f'"{_SIGNS[kind]}{value}"'
        case Either(parts):
            return " OR ".join(f"({match_of(part)})" for part in parts)
        case Both(wanted, unwanted):
            text = " AND ".join(f"({match_of(part)})" for part in wanted)
            if not unwanted:
                return text
            return f"({text}) NOT ({' OR '.join(f'({match_of(part)})' for part in unwanted)})"


_: type[SearchIndex] = SQLiteSearchIndex
