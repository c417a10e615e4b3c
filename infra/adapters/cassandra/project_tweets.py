"""Writing what events make of tweets, retweets, likes and their counts, in an order that survives every crash."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from cassandra.query import UNSET_VALUE  # type: ignore[import-untyped]

from infra.adapters.cassandra.changes import Applying, Placed
from infra.adapters.cassandra.counts import AUTHOR_COUNTS, TWEET_COUNTS, count
from infra.adapters.cassandra.listings import Key, Listing, mark_bucket
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import Stamp
from infra.adapters.cassandra.tweet_changes import Pair, TweetChanges, Wanted
from infra.adapters.cassandra.tweet_rows import LikeRow, RetweetRow, Skeleton, TweetRow
from infra.adapters.cassandra.waiting import together
from loaders.records import TweetId, UserId


def _insert(table: str, *columns: str) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) USING TIMESTAMP ?"


READ_TWEETS = f"SELECT {', '.join(TweetRow._fields)} FROM tweets_by_id WHERE id {{}}"
READ_RETWEETS = f"SELECT user_id, root_id, {', '.join(RetweetRow._fields)} FROM retweets_by_user WHERE "
READ_LIKES = f"SELECT user_id, tweet_id, {', '.join(LikeRow._fields)} FROM likes_by_user WHERE "
READ_BUCKETS = "SELECT key FROM {table}_buckets WHERE key {{}} AND bucket = ?"
WRITE_TWEET = _insert("tweets_by_id", *TweetRow._fields)
WRITE_RETWEET = _insert("retweets_by_user", "user_id", "bucket", "root_id", *RetweetRow._fields)
WRITE_LIKE = _insert("likes_by_user", "user_id", "bucket", "tweet_id", *LikeRow._fields)
WRITE_IMPORT = _insert("imports", "key", "tweet_id")
FIRST_WINS = 1 << 62
"""Timestamps counted down from here let the first place of an import's row win."""


async def apply_tweets(applying: Applying, events: Sequence[Placed]) -> None:
    """Apply what concerns tweets; see `changes.Apply`.

    Each column is written with the stamp of the event that made it so (C2). The rows that say that an event has been
    applied come last: whatever a crash leaves out is made up for when the batch comes again, cut in whichever way.
    They are read first, so that two workers who both hold the partition to be theirs do no harm.
    """
    wanted = Wanted()
    for event, _ in events:
        wanted.add(event)
    changes = await _read(applying.session, wanted)
    for event, offset in events:
        changes.apply(event, applying.stamp(offset))
    await together(
        count(applying, {TWEET_COUNTS: changes.tweet_counts, AUTHOR_COUNTS: changes.author_counts}),
        _open_buckets(applying.session, changes),
    )
    await applying.session.write_many(_first_writes(changes))
    await applying.session.write_many(_last_writes(changes))


async def _read(session: CassandraSession, wanted: Wanted) -> TweetChanges:
    # What is written last is read first: no row of an event is missed while another tells that it is applied.
    retweets, likes = _pairs(READ_RETWEETS, "root_id", wanted.retweets), _pairs(READ_LIKES, "tweet_id", wanted.likes)
    marks = iter(await session.reads([*retweets, *likes]))
    tweets = await session.reads(by_ids(READ_TWEETS, list(wanted.tweets)))
    return TweetChanges(
        {row[0]: TweetRow._make(row) for rows in tweets for row in rows},
        {row[:2]: RetweetRow._make(row[2:]) for _ in retweets for row in next(marks)},
        {row[:2]: LikeRow._make(row[2:]) for _ in likes for row in next(marks)},
    )


def _pairs(text: str, tweet: str, pairs: Collection[Pair]) -> list[Statement]:
    """Return the reads of what accounts did with tweets: together what one account did, or many did with one tweet."""
    users = Counter(tweet_id for _, tweet_id in pairs)
    by_user: defaultdict[tuple[UserId, int], list[TweetId]] = defaultdict(list)
    by_tweet: defaultdict[TweetId, list[UserId]] = defaultdict(list)
    for user_id, tweet_id in pairs:
        if users[tweet_id] > 1:
            by_tweet[tweet_id].append(user_id)
        else:
            by_user[user_id, mark_bucket(tweet_id)].append(tweet_id)
    of_users, of_tweets = f"{text}{tweet} {{}} AND user_id = ? AND bucket = ?", f"{text}user_id {{}} AND bucket = ?"
    return [
        *(read for key, ids in by_user.items() for read in by_ids(of_users, ids, *key)),
        *(
            read
            for tweet_id, ids in by_tweet.items()
            for read in by_ids(f"{of_tweets} AND {tweet} = ?", ids, mark_bucket(tweet_id), tweet_id)
        ),
    ]


async def _open_buckets(session: CassandraSession, changes: TweetChanges) -> None:
    """Note the buckets to which something comes for the first time: most are known, and reading costs less."""
    wanted: defaultdict[tuple[Listing, int], dict[Key, Stamp]] = defaultdict(dict)
    for (listing, key, entry_id), row in changes.listed.items():
        wanted[listing, listing.bucket_of(entry_id)][key] = row.gone or row.stamp
    reads = [
        (place, read)
        for place, keys in wanted.items()
        for read in by_ids(READ_BUCKETS.format(table=place[0].table), list(keys), place[1])
    ]
    for (place, _), rows in zip(reads, await session.reads([read for _, read in reads]), strict=True):
        for (key,) in rows:
            del wanted[place][key]
    await session.write_many(
        [
            [(_insert(f"{listing.table}_buckets", "key", "bucket"), (key, bucket, stamp))]
            for (listing, bucket), keys in wanted.items()
            for key, stamp in keys.items()
        ]
    )


def _first_writes(changes: TweetChanges) -> list[list[Statement]]:
    groups = _listed(changes)
    # Whether a retweet is applied is told by the row of the account and the tweet, not by its own.
    groups += [[_tweet(row)] for row in _changed_tweets(changes) if row.root_id is not None]
    groups += [
        [(WRITE_IMPORT, (key, tweet_id, FIRST_WINS - stamp))] for key, (tweet_id, stamp) in changes.imports.items()
    ]
    return groups


def _last_writes(changes: TweetChanges) -> list[list[Statement]]:
    groups: defaultdict[object, list[Statement]] = defaultdict(list)
    for row in _changed_tweets(changes):
        if row.root_id is None:
            groups[row.id].append(_tweet(row))
    marks = [
        *(_mark(WRITE_RETWEET, pair, changes.retweets[pair]) for pair in changes.changed_retweets),
        *(_mark(WRITE_LIKE, pair, changes.likes[pair]) for pair in changes.changed_likes),
    ]
    for mark in marks:
        user_id, bucket, *_ = mark[1]
        groups[user_id, bucket].append(mark)
    return list(groups.values())


def _changed_tweets(changes: TweetChanges) -> list[TweetRow]:
    return [changes.tweets[tweet_id] for tweet_id in changes.changed_tweets]


def _tweet(row: TweetRow) -> Statement:
    return WRITE_TWEET, (*_set(row), row.gone or row.stamp)


def _listed(changes: TweetChanges) -> list[list[Statement]]:
    """Return the rows of lists, by partition of the database."""
    groups: defaultdict[tuple[Listing, Key, int], list[Statement]] = defaultdict(list)
    for (listing, key, entry_id), row in changes.listed.items():
        bucket = listing.bucket_of(entry_id)
        text = _insert(listing.table, "key", "bucket", *Skeleton._fields)
        groups[listing, key, bucket].append((text, (key, bucket, *_set(row), row.gone or row.stamp)))
    return list(groups.values())


def _mark(text: str, pair: Pair, row: RetweetRow | LikeRow) -> Statement:
    user_id, tweet_id = pair
    return text, (user_id, mark_bucket(tweet_id), tweet_id, *row, row.stamp)


def _set(row: TweetRow | Skeleton) -> list[object]:
    """Return what a row holds; columns without a value are left alone, since writing none would leave a tombstone."""
    return [UNSET_VALUE if value is None else value for value in row]
