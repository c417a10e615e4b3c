"""What a data folder's rows are in the log: bulk events, which no socket hears one by one. Pure."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from infra.importer.feed import ROWS_PER_EVENT, by_partition
from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    FollowsImported,
    ImportedTweet,
    LikesImported,
    RelationChanged,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
    Verb,
)
from realtime.partitions import Layout

Row = tuple[Any, ...]
Rows = Sequence[Row]
MakeEvents = Callable[[Rows, Layout], Sequence[Event]]
"""Turns a page of rows into events; those of one partition take effect in their order."""


def standing_tweets(rows: Rows, layout: Layout) -> Sequence[Event]:
    """Tweets and retweets that stand."""
    return _tweets([_posted(row) for row in rows], layout)


def gone_tweets(rows: Rows, layout: Layout) -> Sequence[Event]:
    """Tweets and retweets that were taken away, and after each that it was.

    An account may have retweeted a tweet several times: each time stands by itself before the next one comes.
    """
    rounds: defaultdict[int, list[Row]] = defaultdict(list)
    times: defaultdict[tuple[int, int], int] = defaultdict(int)
    for row in rows:
        author_id, root_id = row[1], row[8]
        number = 0
        if root_id is not None:
            number = times[author_id, root_id]
            times[author_id, root_id] += 1
        rounds[number].append(row)
    return [
        event
        for number in sorted(rounds)
        for tweets in ([_posted(row) for row in rounds[number]], [_gone(row) for row in rounds[number]])
        for event in _tweets(tweets, layout)
    ]


def follows(rows: Rows, layout: Layout) -> Sequence[Event]:
    """Follows that stand, with the ids of their edges."""
    parts = by_partition(rows, lambda row: row[0] ^ row[1], layout.partitions)
    return [FollowsImported([(UserId(one), UserId(other), edge_id) for one, other, edge_id in part]) for part in parts]


def ended_follows(rows: Rows, layout: Layout) -> Sequence[Event]:
    """Follows that were ended: an import must not begin them anew."""
    began = follows([(*row, 0) for row in rows], layout)
    return [*began, *relations(Verb.UNFOLLOW)(rows, layout)]


def relations(verb: Verb) -> MakeEvents:
    """What accounts did to others."""

    def made(rows: Rows, _layout: Layout) -> Sequence[Event]:
        return [RelationChanged(verb, UserId(actor_id), UserId(target_id), 0) for actor_id, target_id in rows]

    return made


def likes(rows: Rows, layout: Layout) -> Sequence[Event]:
    """Likes that stand."""
    parts = by_partition(rows, lambda row: row[0], layout.like_partitions or layout.partitions)
    return [LikesImported([(UserId(user_id), TweetId(tweet_id)) for user_id, tweet_id in part]) for part in parts]


def _tweets(tweets: Sequence[ImportedTweet], layout: Layout) -> Sequence[Event]:
    parts = by_partition(tweets, lambda each: each.tweet.author_id, layout.partitions, ROWS_PER_EVENT)
    return [TweetsImported(part) for part in parts]


def _posted(row: Row) -> ImportedTweet:
    (
        tweet_id,
        author_id,
        text,
        created_at_ms,
        parent_id,
        parent_author_id,
        quoted_id,
        lang,
        root_id,
        root_author,
        media,
        key,
    ) = row
    if root_id is not None:
        return ImportedTweet(key or "", Retweeted(tweet_id, author_id, root_id, root_author, created_at_ms))
    answers = (parent_id, parent_author_id)
    tweet = TweetPosted(tweet_id, author_id, text, created_at_ms, *answers, quoted_id, lang, media)
    return ImportedTweet(key or "", tweet)


def _gone(row: Row) -> ImportedTweet:
    tweet_id, author_id, _, _, parent_id, _, quoted_id, _, root_id, *_ = row
    if root_id is not None:
        return ImportedTweet("", RetweetUndone(tweet_id, author_id, root_id))
    return ImportedTweet("", TweetDeleted(tweet_id, author_id, parent_id, quoted_id))
