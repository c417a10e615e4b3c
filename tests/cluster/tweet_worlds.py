"""Logs of several partitions, each in a world of its own, and what the stores must hold of their tweets in the end.

Every example takes ids and hashtags of its own, so that all share one keyspace.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence

from infra.adapters.cassandra.changes import Placed
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.tweets import CassandraTweetStore
from loaders.places import spot
from loaders.ports import Slice, SliceOf
from loaders.records import Entry, TweetId, UserId
from realtime.events import (
    Event,
    ImportedTweet,
    LikeChanged,
    LikesImported,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
)
from realtime.partitions import Layout, log_partition
from tests.contracts.histories import PEOPLE, TAGS, TWEETS, author_of, events_of
from tests.contracts.making import delete, retweet, undo
from tests.contracts.model import Model

LAYOUT = Layout(2, 1)
WORLD = 10_000
"""How far the ids of one example are from those of the next."""

_worlds = itertools.count(1_000)


def own_world() -> int:
    """Return what to add to all ids of an example."""
    return next(_worlds) * WORLD


def moved(event: Event, by: int) -> list[Event]:
    """Return an event of a history in a world of its own, cut so that its rows are of one log partition."""
    match event:
        case TweetPosted():
            answers, answered = event.in_reply_to_id, event.reply_author_id
            return [
                TweetPosted(
                    TweetId(event.id + by),
                    UserId(author_of(event.id) + by),
                    " ".join(f"{word}{by}" if word.startswith("#") else word for word in event.text.split()),
                    event.created_at_ms,
                    None if answers is None else TweetId(answers + by),
                    None if answered is None else UserId(answered + by),
                    None if event.quoted_id is None else TweetId(event.quoted_id + by),
                    event.lang,
                    event.media,
                )
            ]
        case Retweeted():
            return [retweet(event.id + by, event.author_id + by, event.root_id + by, event.root_author_id + by)]
        case TweetDeleted():
            return [delete(event.id + by, event.author_id + by)]
        case RetweetUndone():
            return [undo(event.id + by, event.author_id + by, event.root_id + by)]
        case LikeChanged():
            return [LikeChanged(UserId(event.user_id + by), TweetId(event.tweet_id + by), event.liked)]
        case LikesImported():
            return [LikesImported([(UserId(user + by), TweetId(liked + by)) for user, liked in event.likes])]
        case TweetsImported():
            rows = [
                ImportedTweet(f"{row.key} {by}", each)
                for row in event.tweets
                for each in moved(row.tweet, by)
                if isinstance(each, TweetPosted | Retweeted)
            ]
            return [TweetsImported(rows[:2]), TweetsImported(rows[2:])]
        case _:
            return []


def written(history: Sequence[tuple[object, ...]], by: int) -> tuple[dict[int, list[Placed]], Model]:
    """Return the log of a history by partition, and what the stores must hold in the end."""
    log: defaultdict[int, list[Placed]] = defaultdict(list)
    model = Model()
    for event in (each for whole in events_of(history) for each in moved(whole, by)):
        partition = log_partition(event, LAYOUT)
        offset = len(log[partition]) + 1
        log[partition].append((event, offset))
        # The model knows one order: spots are one, which keeps that of each partition.
        model.apply(event, spot(partition, offset, LAYOUT.partitions))
    return log, model


def in_its_partition(entry: Entry | None) -> Entry | None:
    """Return a model's entry with its offset instead of its spot."""
    return None if entry is None else entry._replace(offset=entry.offset // LAYOUT.partitions)


async def check(tweets: CassandraTweetStore, model: Model, by: int) -> None:
    """Hold everything that a store answers against the model."""
    ids = [TweetId(number + by) for number in (*TWEETS, *range(100, 131), 999)]
    people = [UserId(number + by) for number in (*PEOPLE, 9)]
    assert list(await tweets.entries(ids)) == [in_its_partition(model.entry(each)) for each in ids]
    assert list(await tweets.get_many(ids)) == [model.tweet(each) for each in ids]
    assert list(await tweets.counts(ids)) == [model.counts(each) for each in ids]
    for viewer in people:
        assert list(await tweets.marks(viewer, ids)) == [model.marks(viewer, each) for each in ids]
    keys: dict[SliceOf, Sequence[int | str]] = {SliceOf.HASHTAG: [f"{tag}{by}" for tag in TAGS]}
    keys |= {SliceOf.AUTHOR: people, SliceOf.AUTHOR_TWEETS: people, SliceOf.REPLIES: ids, SliceOf.RETWEETS: ids}
    slices = [Slice(of, key, 100) for of in SliceOf for key in keys[of]]
    for cut, found in zip(slices, await tweets.slices(slices), strict=True):
        shown = [each for each in found if cut.of is SliceOf.RETWEETS or each.gone_at is None]
        assert shown == [in_its_partition(each) for each in model.slice(cut)], cut


async def check_authors(session: CassandraSession, model: Model, by: int) -> None:
    """Hold the counts of authors against the model."""
    for person in PEOPLE:
        rows = await session.rows("SELECT sum(tweets) FROM author_counts WHERE author_id = ?", person + by)
        assert (rows[0][0] or 0) == model.user_counts(person + by).tweets
