"""The lists of entries by a key: author, hashtag, tweet replied to, tweet retweeted. Pure.

Each is cut into buckets of time, so that no partition of the database grows without end, and has a table beside it of
the buckets that hold anything, so that nobody probes empty ones.
"""

from typing import NamedTuple

from loaders.ids import milliseconds_of
from loaders.ports import SliceOf
from loaders.records import TweetId

DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS

Key = int | str


class Listing(NamedTuple):
    """A list's table, and how long its buckets last; the table of its buckets has the same name and an ending."""

    table: str
    bucket_ms: int

    def bucket_of(self, entry_id: int) -> int:
        """Return the bucket in which an id stands: a greater id never stands in a lesser one."""
        return milliseconds_of(entry_id) // self.bucket_ms


# An author writes only so much in a month; anybody may add to the others, who can all be busy on the same day.
BY_AUTHOR = Listing("entries_by_author", MONTH_MS)
BY_HASHTAG = Listing("tweets_by_hashtag", DAY_MS)
BY_PARENT = Listing("replies_by_tweet", DAY_MS)
BY_ROOT = Listing("retweets_by_tweet", DAY_MS)

LISTINGS = {
    SliceOf.AUTHOR: BY_AUTHOR,
    SliceOf.AUTHOR_TWEETS: BY_AUTHOR,
    SliceOf.HASHTAG: BY_HASHTAG,
    SliceOf.REPLIES: BY_PARENT,
    SliceOf.RETWEETS: BY_ROOT,
}
"""Which list a slice is cut from."""


def mark_bucket(tweet_id: TweetId) -> int:
    """Return the bucket of a tweet among what one account did: with its likes and its retweets."""
    return milliseconds_of(tweet_id) // MONTH_MS
