"""TweetStore on SQLite."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from infra.adapters.sqlite.database import translated
from infra.adapters.sqlite.store import SQLiteStore
from loaders.ids import ID_MAX
from loaders.ports import Slice, SliceOf, TweetStore
from loaders.recent import Recent
from loaders.records import Entry, Tweet, TweetCounts, TweetId, UserId, ViewerMarks

ENTRY = (
    "SELECT t.id, t.author_id, coalesce(t.root_id, t.id), coalesce(t.root_author_id, t.author_id), t.reply_author_id,"
    " t.log_offset, coalesce(t.gone_offset, root.gone_offset) FROM tweets AS t"
    " LEFT JOIN tweets AS root ON root.id = t.root_id"
)
BOUNDS = "t.id < ? AND t.id > ? ORDER BY t.id {order} LIMIT ?"
WHERE = {
    SliceOf.AUTHOR: "WHERE t.author_id = ? AND t.gone_offset IS NULL AND " + BOUNDS,
    SliceOf.AUTHOR_TWEETS: "WHERE t.author_id = ? AND t.gone_offset IS NULL AND t.root_id IS NULL AND " + BOUNDS,
    SliceOf.HASHTAG: "JOIN hashtags AS tag ON tag.tweet_id = t.id AND tag.name = ?"
    " WHERE t.gone_offset IS NULL AND tag.tweet_id < ? AND tag.tweet_id > ? ORDER BY tag.tweet_id {order} LIMIT ?",
    SliceOf.REPLIES: "WHERE t.in_reply_to_id = ? AND t.gone_offset IS NULL AND " + BOUNDS,
    SliceOf.RETWEETS: "WHERE t.root_id = ? AND " + BOUNDS,
}
SLICE_SQL = {
    (of, ascending): f"{ENTRY} {where.format(order='ASC' if ascending else 'DESC')}"
    for of, where in WHERE.items()
    for ascending in (False, True)
}
IN_IDS = "IN (SELECT value FROM json_each(?))"
BODIES = (
    "SELECT id, author_id, text, created_at_ms, in_reply_to_id, quoted_id, lang, media FROM tweets"
    f" WHERE id {IN_IDS} AND gone_offset IS NULL AND root_id IS NULL"
)
ENTRIES = f"{ENTRY} WHERE t.id {IN_IDS}"
COUNTS = f"SELECT tweet_id, likes, retweets, replies, quotes FROM tweet_counts WHERE tweet_id {IN_IDS}"
MARKS = (
    f"SELECT tweet_id, 1 FROM likes WHERE user_id = ? AND tweet_id {IN_IDS} AND standing UNION ALL"
    f" SELECT root_id, 0 FROM retweets WHERE user_id = ? AND root_id {IN_IDS} AND standing"
)
MARKS_SINCE = (
    "SELECT tweet_id, standing, 1 FROM likes WHERE user_id = ? AND tweet_id >= ? UNION ALL"
    " SELECT root_id, standing, 0 FROM retweets WHERE user_id = ? AND root_id >= ? LIMIT ?"
)
Record = TypeVar("Record")
SLICES_PER_TURN = 200
"""After so many slices other work gets its turn: about two milliseconds."""


class SQLiteTweetStore:
    """Tweets of one data folder."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def get_many(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        """See `TweetStore`."""
        return self._cached(self._store.bodies, ids, BODIES, Tweet._make)

    async def entries(self, ids: Sequence[TweetId]) -> Sequence[Entry | None]:
        """See `TweetStore`."""
        if len(ids) == 1 and (known := self._store.entries.get(ids[0])) is not None:
            # Every live stream asks for the one entry that its event is about.
            return [known]
        return self._cached(self._store.entries, ids, ENTRIES, Entry._make)

    async def slices(self, slices: Sequence[Slice]) -> Sequence[Sequence[Entry]]:
        """See `TweetStore`."""
        found: list[Sequence[Entry]] = []
        read = 0
        for cut in slices:
            entries = self._store.heads.cut(cut)
            if entries is None:
                entries = self._read(cut)
                self._store.heads.put(cut, entries)
                read += 1
            found.append(entries)
            if read == SLICES_PER_TURN:
                read = 0
                await asyncio.sleep(0)
        return found

    async def counts(self, ids: Sequence[TweetId]) -> Sequence[TweetCounts]:
        """See `TweetStore`."""
        found = self._cached(self._store.counts, ids, COUNTS, lambda row: TweetCounts(*row[1:]))
        for tweet_id, counts in zip(ids, found, strict=True):
            if counts is None:
                self._store.counts.put(tweet_id, NO_COUNTS)
        return [counts or NO_COUNTS for counts in found]

    async def marks(self, viewer_id: UserId, ids: Sequence[TweetId]) -> Sequence[ViewerMarks]:
        """See `TweetStore`."""

        def read(unknown: Sequence[TweetId]) -> Sequence[ViewerMarks]:
            wanted = _json(unknown)
            rows = self._rows(MARKS, viewer_id, wanted, viewer_id, wanted)
            liked = {tweet_id for tweet_id, is_like in rows if is_like}
            retweeted = {tweet_id for tweet_id, is_like in rows if not is_like}
            return [ViewerMarks(tweet_id in liked, tweet_id in retweeted) for tweet_id in unknown]

        def read_since(oldest: TweetId, limit: int) -> Sequence[tuple[TweetId, int, int]]:
            rows: Sequence[Any] = self._rows(MARKS_SINCE, viewer_id, oldest, viewer_id, oldest, limit)
            return rows

        return self._store.marks.of(viewer_id, ids, read_since, read)

    async def retweet_id(self, viewer_id: UserId, root_id: TweetId) -> TweetId | None:
        """See `TweetStore`."""
        rows = self._rows(
            "SELECT entry_id FROM retweets WHERE user_id = ? AND root_id = ? AND standing", viewer_id, root_id
        )
        return TweetId(rows[0][0]) if rows else None

    def _read(self, cut: Slice) -> Sequence[Entry]:
        rows = self._rows(
            SLICE_SQL[cut.of, cut.ascending],
            cut.key,
            ID_MAX if cut.below is None else cut.below,
            -1 if cut.above is None else cut.above,
            cut.limit,
        )
        return [*map(Entry._make, rows)]

    def _cached(
        self, cache: Recent[TweetId, Record], ids: Sequence[TweetId], sql: str, record: Callable[[Any], Record]
    ) -> list[Record | None]:
        """Answer from the cache, and by one query for the rest; the projection drops what it changes."""
        found = cache.get_many(ids)
        if None not in found:
            return found
        missing = [tweet_id for tweet_id, known in zip(ids, found, strict=True) if known is None]
        read = {TweetId(row[0]): record(row) for row in self._rows(sql, _json(missing))}
        for tweet_id, value in read.items():
            cache.put(tweet_id, value)
        return [known or read.get(tweet_id) for tweet_id, known in zip(ids, found, strict=True)]

    def _rows(self, sql: str, *parameters: object) -> list[tuple[int, ...]]:
        with translated():
            return self._store.connection.execute(sql, parameters).fetchall()


NO_COUNTS = TweetCounts()


def _json(ids: Sequence[int]) -> str:
    return orjson.dumps(list(ids)).decode()


_: type[TweetStore] = SQLiteTweetStore
