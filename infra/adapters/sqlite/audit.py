"""AuditSource on SQLite: the rules of the home timeline once more, as SQL, past every cache."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from infra.adapters.sqlite.database import translated
from realtime.ports import AuditSource

TIMELINE = """
WITH source (id) AS (
    SELECT ?1 UNION SELECT followee_id FROM follows WHERE follower_id = ?1 AND standing
), hidden (id) AS (
    SELECT target_id FROM mutes WHERE actor_id = ?1 AND standing
    UNION SELECT target_id FROM blocks WHERE actor_id = ?1 AND standing
    UNION SELECT actor_id FROM blocks WHERE target_id = ?1 AND standing
)
SELECT t.id, coalesce(t.root_id, t.id) FROM tweets AS t
WHERE t.author_id IN source AND t.author_id NOT IN hidden AND t.gone_offset IS NULL
AND CASE WHEN t.root_id IS NULL
    THEN t.reply_author_id IS NULL OR t.reply_author_id IN source
    ELSE t.root_author_id NOT IN hidden
        AND EXISTS (SELECT 1 FROM tweets AS root WHERE root.id = t.root_id AND root.gone_offset IS NULL)
END
ORDER BY t.id DESC LIMIT ?2
"""
KNOWN_TWEET = "SELECT 1 FROM tweets WHERE id = ?"
KNOWN_RETWEET = "SELECT 1 FROM retweets WHERE user_id = ? AND root_id = ? AND entry_id != ?"


class SQLiteAuditSource:
    """Reads a data folder's projections by a connection of its own, in another thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def timeline(self, viewer_id: int, limit: int) -> Sequence[tuple[int, int]]:
        """See `AuditSource`."""
        return await asyncio.to_thread(self._timeline, viewer_id, limit)

    async def unknown(self, posted: Sequence[tuple[int, int, int | None]]) -> Sequence[int]:
        """See `AuditSource`."""
        return await asyncio.to_thread(self._unknown, posted)

    def _timeline(self, viewer_id: int, limit: int) -> list[tuple[int, int]]:
        with translated():
            connection = self._open()
            try:
                return connection.execute(TIMELINE, (viewer_id, limit)).fetchall()
            finally:
                connection.close()

    def _unknown(self, posted: Sequence[tuple[int, int, int | None]]) -> list[int]:
        with translated():
            connection = self._open()
            try:
                return [
                    entry_id
                    for entry_id, author_id, root_id in posted
                    if not connection.execute(KNOWN_TWEET, (entry_id,)).fetchone()
                    # A second retweet of the same tweet is refused; the row of the one that stands is the reason.
                    and not (root_id and connection.execute(KNOWN_RETWEET, (author_id, root_id, entry_id)).fetchone())
                ]
            finally:
                connection.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)


_: type[AuditSource] = SQLiteAuditSource
