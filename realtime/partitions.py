"""Which partition of the log an event belongs to (rule P4)."""

from typing import NamedTuple

from loaders.places import partition_of
from realtime.events import (
    Event,
    FollowsImported,
    LikeChanged,
    LikesImported,
    RelationChanged,
    RepairRequested,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
)


class Layout(NamedTuple):
    """How a log is divided: the partitions whose offsets make a place, and after them those of likes alone.

    Likes are most of what happens, and no stream resumes from them: they keep out of the cursors.
    """

    partitions: int = 1
    like_partitions: int = 0


def log_partition(event: Event, layout: Layout) -> int:
    """Return the partition that an event belongs to (rule P4)."""
    if isinstance(event, RepairRequested):
        return event.partition
    if layout.like_partitions and isinstance(event, LikeChanged | LikesImported):
        return layout.partitions + partition_of(log_key(event), layout.like_partitions)
    return partition_of(log_key(event), layout.partitions)


def log_key(event: Event) -> int:
    """Return the key that orders an event among its like (rule P4): author, liker, or unordered pair.

    The rows of an import's event are of one partition, so that the first speaks for all. A repair names its own.
    """
    match event:
        case TweetPosted() | Retweeted() | TweetDeleted() | RetweetUndone():
            return event.author_id
        case LikeChanged():
            return event.user_id
        case RelationChanged():
            return event.actor_id ^ event.target_id
        case FollowsImported(follows=[(follower_id, followee_id, _), *_]):
            return follower_id ^ followee_id
        case TweetsImported(tweets=[row, *_]):
            return row.tweet.author_id
        case LikesImported(likes=[(user_id, _), *_]):
            return user_id
        case RepairRequested():
            return event.partition
        case _:
            return 0
