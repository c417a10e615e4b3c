"""The rows of tweets, retweets and likes as the database holds them, and the entries that they make. Pure."""

from typing import NamedTuple

from infra.adapters.cassandra.stamps import Stamp, offset_in
from loaders.places import author_partition, spot
from loaders.records import Entry, TweetId, UserId
from realtime.partitions import Layout


class TweetRow(NamedTuple):
    """A tweet, or a retweet, which has no text, and its original in the root columns.

    A deleted one has no text, and empty media if it had any.
    """

    id: TweetId
    author_id: UserId
    text: str
    created_at_ms: int
    in_reply_to_id: TweetId | None
    reply_author_id: UserId | None
    quoted_id: TweetId | None
    lang: str | None
    root_id: TweetId | None
    root_author_id: UserId | None
    stamp: Stamp
    gone: Stamp | None
    media: str | None = None


class RetweetRow(NamedTuple):
    """The newest retweet of a tweet by one account, and the stamp of what happened to it last."""

    entry_id: TweetId
    standing: bool
    stamp: Stamp


class LikeRow(NamedTuple):
    """Whether an account likes a tweet, and the stamp of its last change of mind."""

    standing: bool
    stamp: Stamp


class Skeleton(NamedTuple):
    """What every list holds of an entry; the root columns of a tweet are empty."""

    id: TweetId
    author_id: UserId
    root_id: TweetId | None
    root_author_id: UserId | None
    reply_author_id: UserId | None
    stamp: Stamp
    gone: Stamp | None


def skeleton(row: TweetRow) -> Skeleton:
    """Return what lists hold of a row."""
    return Skeleton(row.id, row.author_id, row.root_id, row.root_author_id, row.reply_author_id, row.stamp, row.gone)


def entry(row: Skeleton, root_gone: Stamp | None, epoch: int, layout: Layout) -> Entry:
    """Return an entry as seen in an epoch; what earlier epochs brought stands before the log's first place.

    A retweet that was taken back keeps its own end, whatever became of the original.
    """
    gone, gone_with = (row.gone, row.author_id) if row.gone is not None else (root_gone, row.root_author_id)
    gone_at = None
    if gone is not None and gone_with is not None:
        gone_at = spot(author_partition(gone_with, layout.partitions), offset_in(epoch, gone), layout.partitions)
    return Entry(
        row.id,
        row.author_id,
        row.id if row.root_id is None else row.root_id,
        row.author_id if row.root_author_id is None else row.root_author_id,
        row.reply_author_id,
        offset_in(epoch, row.stamp),
        gone_at,
    )
