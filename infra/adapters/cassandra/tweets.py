"""TweetStore on Cassandra and ScyllaDB."""

from collections.abc import Collection, Iterable, Sequence

from infra.adapters.cassandra.counts import TWEET_COUNTS, totals
from infra.adapters.cassandra.cuts import Cut
from infra.adapters.cassandra.listings import mark_bucket
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.slices import read_cuts
from infra.adapters.cassandra.stamps import Stamp
from infra.adapters.cassandra.tweet_rows import Skeleton, entry
from loaders.ports import Slice, TweetStore
from loaders.records import Entry, Tweet, TweetCounts, TweetId, UserId, ViewerMarks
from realtime.partitions import Layout

BODIES = (
    "SELECT id, author_id, text, created_at_ms, in_reply_to_id, quoted_id, lang, media, root_id, gone"
    " FROM tweets_by_id WHERE id {}"
)
SKELETONS = f"SELECT {', '.join(Skeleton._fields)} FROM tweets_by_id WHERE id {{}}"
ENDS = "SELECT id, gone FROM tweets_by_id WHERE id {}"
LIKED = "SELECT tweet_id, standing FROM likes_by_user WHERE tweet_id {} AND user_id = ? AND bucket = ?"
RETWEETED = "SELECT root_id, standing, entry_id FROM retweets_by_user WHERE root_id {} AND user_id = ? AND bucket = ?"


class CassandraTweetStore:
    """Tweets of one keyspace, as seen in the epoch of the log in force.

    Nothing is kept in memory: every answer is what a quorum of the region holds. A call sends its reads at once; what
    shows retweets asks for their originals after that, since those may have gone without them.
    """

    def __init__(self, session: CassandraSession, epoch: int, layout: Layout) -> None:
        self._session = session
        self._epoch = epoch
        self._layout = layout

    async def get_many(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        """See `TweetStore`."""
        answers = await self._session.reads(by_ids(BODIES, _distinct(ids)))
        found = {row[0]: Tweet(*row[:8]) for rows in answers for row in rows if row[8] is None and row[9] is None}
        return [found.get(tweet_id) for tweet_id in ids]

    async def entries(self, ids: Sequence[TweetId]) -> Sequence[Entry | None]:
        """See `TweetStore`."""
        answers = await self._session.reads(by_ids(SKELETONS, _distinct(ids)))
        rows = [Skeleton._make(row) for rows in answers for row in rows]
        found = {each.id: each for each in await self._entries(rows)}
        return [found.get(tweet_id) for tweet_id in ids]

    async def slices(self, slices: Sequence[Slice]) -> Sequence[Sequence[Entry]]:
        """See `TweetStore`."""
        cuts = [Cut(wanted) for wanted in slices]
        await read_cuts(self._session, cuts)
        entries = iter(await self._entries([row for cut in cuts for row in cut.rows]))
        return [[next(entries) for _ in cut.rows] for cut in cuts]

    async def counts(self, ids: Sequence[TweetId]) -> Sequence[TweetCounts]:
        """See `TweetStore`."""
        answers = await self._session.reads(TWEET_COUNTS.all(_distinct(ids)))
        found = totals(row for rows in answers for row in rows)
        return [TweetCounts(*found.get(tweet_id, ())) for tweet_id in ids]

    async def marks(self, viewer_id: UserId, ids: Sequence[TweetId]) -> Sequence[ViewerMarks]:
        """See `TweetStore`."""
        likes, retweets = _marks(LIKED, viewer_id, ids), _marks(RETWEETED, viewer_id, ids)
        answers = await self._session.reads([*likes, *retweets])
        liked = {row[0] for rows in answers[: len(likes)] for row in rows if row[1]}
        retweeted = {row[0] for rows in answers[len(likes) :] for row in rows if row[1]}
        return [ViewerMarks(tweet_id in liked, tweet_id in retweeted) for tweet_id in ids]

    async def retweet_id(self, viewer_id: UserId, root_id: TweetId) -> TweetId | None:
        """See `TweetStore`."""
        (rows,) = await self._session.reads(_marks(RETWEETED, viewer_id, [root_id]))
        return next((TweetId(entry_id) for _, standing, entry_id in rows if standing), None)

    async def _entries(self, rows: Sequence[Skeleton]) -> list[Entry]:
        """Return the entries of rows, each retweet with what became of its original."""
        known = {row.id: row.gone for row in rows if row.root_id is None}
        asked = _distinct(
            row.root_id for row in rows if row.root_id is not None and row.gone is None and row.root_id not in known
        )
        answers = await self._session.reads(by_ids(ENDS, asked))
        ends: dict[TweetId, Stamp | None] = {**known, **{row[0]: row[1] for rows in answers for row in rows}}
        return [
            entry(row, None if row.root_id is None else ends.get(row.root_id), self._epoch, self._layout)
            for row in rows
        ]


def _distinct(ids: Iterable[TweetId]) -> list[TweetId]:
    return list(dict.fromkeys(ids))


def _marks(text: str, viewer_id: UserId, ids: Collection[TweetId]) -> list[Statement]:
    """Return the reads of what a viewer did with tweets: all those of one bucket stand in one partition."""
    by_bucket: dict[int, list[TweetId]] = {}
    for tweet_id in _distinct(ids):
        by_bucket.setdefault(mark_bucket(tweet_id), []).append(tweet_id)
    return [read for bucket, some in by_bucket.items() for read in by_ids(text, some, viewer_id, bucket)]


_: type[TweetStore] = CassandraTweetStore
