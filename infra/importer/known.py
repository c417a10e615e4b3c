"""What the group `store` has applied already, as an importer asks for it; and the answers of a data folder."""

import asyncio
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson

from infra.adapters.sqlite.database import translated
from loaders.records import TweetId, UserId

EDGES = (
    "SELECT f.follower_id, f.followee_id FROM json_each(?) AS wanted CROSS JOIN follows AS f"
    " ON f.follower_id = json_extract(wanted.value, '$[0]') AND f.followee_id = json_extract(wanted.value, '$[1]')"
)
ORIGINS = (
    "SELECT i.key, t.id, t.author_id, coalesce(t.root_id, t.id), coalesce(t.root_author_id, t.author_id)"
    " FROM json_each(?) AS wanted CROSS JOIN imports AS i ON i.key = wanted.value"
    " LEFT JOIN tweets AS t ON t.id = i.tweet_id"
)
TAKEN = "SELECT id FROM tweets WHERE id IN (SELECT value FROM json_each(?))"
RETWEETED = (
    "SELECT r.user_id, r.root_id FROM json_each(?) AS wanted CROSS JOIN retweets AS r"
    " ON r.user_id = json_extract(wanted.value, '$[0]') AND r.root_id = json_extract(wanted.value, '$[1]')"
)


class Origin(NamedTuple):
    """What is known of an imported row: its id and author, and those of the original that it shows."""

    id: TweetId
    author_id: UserId
    root_id: TweetId
    root_author_id: UserId


Places = Mapping[int, int]
"""Offsets by log partition; those that are not named are at 0."""


class Known(Protocol):
    """Lookups in what was applied. Each sees at least what was committed when it began."""

    async def positions(self, group: str) -> Places:
        """Answer how far a group has done its work."""

    async def edges(self, pairs: Collection[tuple[UserId, UserId]]) -> set[tuple[UserId, UserId]]:
        """Answer those (follower, followee) that ever stood: what was undone since stays undone."""

    async def origins(self, keys: Collection[str]) -> Mapping[str, Origin | None]:
        """Answer the rows imported before, by key; None for one that the store refused."""

    async def taken(self, ids: Collection[int]) -> set[int]:
        """Answer which ids have a row, deleted or not."""

    async def retweeted(self, pairs: Collection[tuple[UserId, TweetId]]) -> set[tuple[UserId, TweetId]]:
        """Answer those (user, root) where the user ever retweeted the root."""

    async def buried(self, after: Places) -> int:
        """Answer how many events beyond these offsets could not be applied."""


class SQLiteKnown:
    """Lookups in a data folder's store, by a connection of the importer's own, in another thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> "Iterator[SQLiteKnown]":
        """Open the store's file for reading, from any thread, one at a time."""
        with translated():
            connection = sqlite3.connect(
                f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
        try:
            yield cls(connection)
        finally:
            connection.close()

    async def positions(self, group: str) -> Places:
        """See `Known`. It is one row, and asked for often: that is done here and now."""
        with translated():
            row = self._connection.execute(
                "SELECT log_offset FROM positions WHERE consumer_group = ?", (group,)
            ).fetchone()
        return {0: row[0]} if row else {}

    async def edges(self, pairs: Collection[tuple[UserId, UserId]]) -> set[tuple[UserId, UserId]]:
        """See `Known`."""
        return {(row[0], row[1]) for row in await self._rows(EDGES, pairs)}

    async def origins(self, keys: Collection[str]) -> Mapping[str, Origin | None]:
        """See `Known`."""
        rows = await self._rows(ORIGINS, keys)
        return {key: None if origin[0] is None else Origin._make(origin) for key, *origin in rows}

    async def taken(self, ids: Collection[int]) -> set[int]:
        """See `Known`."""
        return {row[0] for row in await self._rows(TAKEN, ids)}

    async def retweeted(self, pairs: Collection[tuple[UserId, TweetId]]) -> set[tuple[UserId, TweetId]]:
        """See `Known`."""
        return {(row[0], row[1]) for row in await self._rows(RETWEETED, pairs)}

    async def buried(self, after: Places) -> int:
        """See `Known`."""
        with translated():
            row = self._connection.execute(
                "SELECT count(*) FROM dead_letters WHERE log_offset > ? AND consumer_group = 'store'",
                (after.get(0, 0),),
            ).fetchone()
        return int(row[0])

    async def _rows(self, sql: str, wanted: Collection[object]) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with translated():
                return self._connection.execute(sql, (orjson.dumps(list(wanted)).decode(),)).fetchall()

        return await asyncio.to_thread(read)


_: type[Known] = SQLiteKnown
