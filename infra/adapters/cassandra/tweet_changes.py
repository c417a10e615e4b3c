"""What events make of the rows of tweets, retweets and likes, and of their counts. Pure: rows in, rows out.

Every decision needs rows of the event's own log partition alone, so that however the partitions run, each comes to the
same. The first place of an id wins (P2), and a row knows the place that changed it last: replays change nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from infra.adapters.cassandra.counts import CountChange
from infra.adapters.cassandra.listings import BY_AUTHOR, BY_HASHTAG, BY_PARENT, BY_ROOT, Key, Listing
from infra.adapters.cassandra.stamps import Stamp, offset_of
from infra.adapters.cassandra.tweet_rows import LikeRow, RetweetRow, Skeleton, TweetRow, skeleton
from loaders.entities import hashtag_keys
from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    LikeChanged,
    LikesImported,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
)

LIKES, RETWEETS, REPLIES, QUOTES = range(4)
TWEETS = 0

Pair = tuple[UserId, TweetId]
CountChanges = defaultdict[int, list[CountChange]]


@dataclass(slots=True)
class Wanted:
    """The keys of the rows that events must be judged by."""

    tweets: set[TweetId] = field(default_factory=set)
    retweets: set[Pair] = field(default_factory=set)
    likes: set[Pair] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Add what an event needs."""
        match event:
            case TweetPosted() | TweetDeleted():
                self.tweets.add(event.id)
            case Retweeted() | RetweetUndone():
                self.tweets.add(event.id)
                self.retweets.add((event.author_id, event.root_id))
            case LikeChanged():
                self.likes.add((event.user_id, event.tweet_id))
            case TweetsImported():
                for row in event.tweets:
                    self.add(row.tweet)
            case LikesImported():
                self.likes.update((user_id, tweet_id) for user_id, tweet_id in event.likes)
            case _:
                pass  # it concerns no tweet


@dataclass(slots=True)
class TweetChanges:
    """The rows as they stood before a batch, and what the batch makes of them.

    `tweets`, `retweets` and `likes` are given as they were read; the `changed` ones are to be written. `listed` has
    the rows of the lists, and the counts' changes are by tweet and by author, in the order of the log.
    """

    tweets: dict[TweetId, TweetRow]
    retweets: dict[Pair, RetweetRow]
    likes: dict[Pair, LikeRow]
    changed_tweets: set[TweetId] = field(default_factory=set)
    changed_retweets: set[Pair] = field(default_factory=set)
    changed_likes: set[Pair] = field(default_factory=set)
    listed: dict[tuple[Listing, Key, TweetId], Skeleton] = field(default_factory=dict)
    imports: dict[str, tuple[TweetId, Stamp]] = field(default_factory=dict)
    tweet_counts: CountChanges = field(default_factory=lambda: defaultdict(list))
    author_counts: CountChanges = field(default_factory=lambda: defaultdict(list))

    def apply(self, event: Event, stamp: Stamp) -> None:
        """Take in the next event of the log partition."""
        match event:
            case TweetPosted():
                self._posted(event, stamp)
            case Retweeted():
                self._retweeted(event, stamp)
            case TweetDeleted():
                self._deleted(event, stamp)
            case RetweetUndone():
                self._undone(event, stamp)
            case LikeChanged():
                self._liked((event.user_id, event.tweet_id), event.liked, stamp)
            case TweetsImported():
                for row in event.tweets:
                    if row.key:
                        self.imports.setdefault(row.key, (row.tweet.id, stamp))
                    self.apply(row.tweet, stamp)
            case LikesImported():
                for user_id, tweet_id in event.likes:
                    self._liked((user_id, tweet_id), True, stamp)
            case _:
                pass  # it concerns no tweet

    def _posted(self, event: TweetPosted, stamp: Stamp) -> None:
        if event.id in self.tweets:
            return
        row = TweetRow(
            event.id,
            event.author_id,
            event.text,
            event.created_at_ms,
            event.in_reply_to_id,
            event.reply_author_id,
            event.quoted_id,
            event.lang,
            None,
            None,
            stamp,
            None,
            event.media,
        )
        self._put_tweet(row, event.text)
        self._count_tweet(row, 1, stamp)

    def _deleted(self, event: TweetDeleted, stamp: Stamp) -> None:
        row = self.tweets.get(event.id)
        if row is None or row.author_id != event.author_id or row.root_id is not None:
            return
        if row.gone is not None or row.stamp >= stamp:
            return
        # A column without a value is not written: empty media take the place of those that there were.
        media = None if row.media is None else ""
        self._put_tweet(row._replace(text="", gone=stamp, media=media), row.text)
        self._count_tweet(row, -1, stamp)

    def _put_tweet(self, row: TweetRow, text: str) -> None:
        self.tweets[row.id] = row
        self.changed_tweets.add(row.id)
        listed = skeleton(row)
        self.listed[BY_AUTHOR, row.author_id, row.id] = listed
        if row.in_reply_to_id is not None:
            self.listed[BY_PARENT, row.in_reply_to_id, row.id] = listed
        for name in hashtag_keys(text):
            self.listed[BY_HASHTAG, name, row.id] = listed

    def _count_tweet(self, row: TweetRow, by: int, stamp: Stamp) -> None:
        offset = offset_of(stamp)
        self.author_counts[row.author_id].append((offset, TWEETS, by))
        if row.in_reply_to_id is not None:
            self.tweet_counts[row.in_reply_to_id].append((offset, REPLIES, by))
        if row.quoted_id is not None:
            self.tweet_counts[row.quoted_id].append((offset, QUOTES, by))

    def _retweeted(self, event: Retweeted, stamp: Stamp) -> None:
        known = self.tweets.get(event.id)
        # Its own row is written before that of the pair: after a crash in between, the event goes on from here.
        if known is not None and (known.stamp, known.author_id, known.root_id) != (
            stamp,
            event.author_id,
            event.root_id,
        ):
            return
        pair = event.author_id, event.root_id
        before = self.retweets.get(pair)
        if before is not None and (before.standing or before.stamp >= stamp):
            return
        row = known or TweetRow(
            event.id,
            event.author_id,
            "",
            event.created_at_ms,
            None,
            None,
            None,
            None,
            event.root_id,
            event.root_author_id,
            stamp,
            None,
        )
        self._put_retweet(pair, row, RetweetRow(event.id, True, stamp), 1)

    def _undone(self, event: RetweetUndone, stamp: Stamp) -> None:
        pair = event.author_id, event.root_id
        before, row = self.retweets.get(pair), self.tweets.get(event.id)
        if before is None or row is None or before.entry_id != event.id:
            return
        if before.standing and before.stamp < stamp:
            self._put_retweet(pair, row._replace(gone=stamp), RetweetRow(event.id, False, stamp), -1)

    def _put_retweet(self, pair: Pair, row: TweetRow, state: RetweetRow, by: int) -> None:
        author_id, root_id = pair
        self.tweets[row.id] = row
        self.changed_tweets.add(row.id)
        self.retweets[pair] = state
        self.changed_retweets.add(pair)
        self.listed[BY_AUTHOR, author_id, row.id] = self.listed[BY_ROOT, root_id, row.id] = skeleton(row)
        self.tweet_counts[root_id].append((offset_of(state.stamp), RETWEETS, by))

    def _liked(self, pair: Pair, liked: bool, stamp: Stamp) -> None:
        before = self.likes.get(pair)
        stood = before is not None and before.standing
        if liked == stood or (before is not None and before.stamp >= stamp):
            return
        self.likes[pair] = LikeRow(liked, stamp)
        self.changed_likes.add(pair)
        self.tweet_counts[pair[1]].append((offset_of(stamp), LIKES, 1 if liked else -1))
