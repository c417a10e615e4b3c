"""What viewers did with the newest tweets, kept as it was read: a page or a frame that is made again asks nothing."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from infra.adapters.sqlite.database import Bounded
from loaders.records import TweetId, UserId, ViewerMarks

KEPT_MAX: Final = 500
NO_MARKS: Final = ViewerMarks()

ReadSince = Callable[[TweetId, int], Sequence[tuple[TweetId, int, int]]]
"""Reads at most so many marks on tweets from an id on: tweet, whether the mark stands, whether it is a like."""


class _Known(NamedTuple):
    """All marks of a viewer on tweets from an id on; None for an id from which on they are too many to be kept."""

    since: TweetId | None
    liked: AbstractSet[TweetId]
    retweeted: AbstractSet[TweetId]


TOO_MANY: Final = _Known(None, frozenset(), frozenset())


class Marks:
    """The marks of at most `viewers_max` viewers, at most `KEPT_MAX` each.

    All are kept from some tweet on, so that a tweet that is new needs no look. `touched` must hear of every like and
    retweet that changes.
    """

    def __init__(self, viewers_max: int) -> None:
        self._known = Bounded[UserId, _Known](viewers_max)

    def of(
        self,
        viewer_id: UserId,
        ids: Sequence[TweetId],
        read_since: ReadSince,
        read: Callable[[Sequence[TweetId]], Sequence[ViewerMarks]],
    ) -> Sequence[ViewerMarks]:
        """Return the marks on tweets in the order of their ids; `read` is called for those of whom there are many."""
        if not ids:
            return []
        known, oldest = self._known.get(viewer_id), min(ids)
        if known is None or (known.since is not None and oldest < known.since):
            known = _known(oldest, read_since(oldest, KEPT_MAX + 1))
            self._known.put(viewer_id, known)
        if known.since is None:
            return read(ids)
        if not known.liked and not known.retweeted:
            return [NO_MARKS] * len(ids)
        return [ViewerMarks(tweet_id in known.liked, tweet_id in known.retweeted) for tweet_id in ids]

    def touched(self, viewer_id: UserId) -> None:
        """Forget what a changed row makes wrong."""
        self._known.drop(viewer_id)


def _known(since: TweetId, rows: Sequence[tuple[TweetId, int, int]]) -> _Known:
    if len(rows) > KEPT_MAX:
        return TOO_MANY
    standing = [(tweet_id, is_like) for tweet_id, stands, is_like in rows if stands]
    return _Known(
        since,
        {tweet_id for tweet_id, is_like in standing if is_like},
        {tweet_id for tweet_id, is_like in standing if not is_like},
    )
