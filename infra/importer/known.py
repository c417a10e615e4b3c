"""What the group `store` has applied already, read by a connection of the importer's own."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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


class Known:
    """Lookups in the store's file. Each is one statement, and sees what was committed when it began."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> "Iterator[Known]":
        """Open the store's file for reading, from any thread, one at a time."""
        with translated():
            connection = sqlite3.connect(
                f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
            )
        try:
            yield cls(connection)
        finally:
            connection.close()

    def position(self, group: str) -> int:
        """Return the offset up to which a group has done its work."""
        with translated():
            row = self._connection.execute(
                "SELECT log_offset FROM positions WHERE consumer_group = ?", (group,)
            ).fetchone()
        return row[0] if row else 0

    def edges(self, pairs: Collection[tuple[UserId, UserId]]) -> set[tuple[UserId, UserId]]:
        """Return those (follower, followee) that ever stood: what was undone since stays undone."""
        return {(row[0], row[1]) for row in self._rows(EDGES, pairs)}

    def origins(self, keys: Collection[str]) -> Mapping[str, Origin | None]:
        """Return the rows imported before, by key; None for one that the store refused."""
        return {key: None if origin[0] is None else Origin._make(origin) for key, *origin in self._rows(ORIGINS, keys)}

    def taken(self, ids: Collection[int]) -> set[int]:
        """Return which ids have a row, deleted or not."""
        return {row[0] for row in self._rows(TAKEN, ids)}

    def retweeted(self, pairs: Collection[tuple[UserId, TweetId]]) -> set[tuple[UserId, TweetId]]:
        """Return those (user, root) where the user ever retweeted the root."""
        return {(row[0], row[1]) for row in self._rows(RETWEETED, pairs)}

    def buried(self, after: int) -> int:
        """Return how many events beyond an offset could not be applied."""
        with translated():
            row = self._connection.execute(
                "SELECT count(*) FROM dead_letters WHERE log_offset > ? AND consumer_group = 'store'", (after,)
            ).fetchone()
        return int(row[0])

    def _rows(self, sql: str, wanted: Collection[object]) -> list[tuple[Any, ...]]:
        with translated():
            return self._connection.execute(sql, (orjson.dumps(list(wanted)).decode(),)).fetchall()
