"""What viewers did with the tweets that they saw last, kept as it was read: a page that is read again asks nothing."""

from collections.abc import Callable, Sequence

from infra.adapters.sqlite.database import Bounded
from loaders.records import TweetId, UserId, ViewerMarks

TWEETS_MAX = 200


class Marks:
    """The marks of at most `viewers_max` viewers, on at most `TWEETS_MAX` tweets each and those asked for together.

    `touched` must hear of every like and retweet that changes.
    """

    def __init__(self, viewers_max: int) -> None:
        self._known = Bounded[UserId, dict[TweetId, ViewerMarks]](viewers_max)

    def of(
        self, viewer_id: UserId, ids: Sequence[TweetId], read: Callable[[Sequence[TweetId]], Sequence[ViewerMarks]]
    ) -> list[ViewerMarks]:
        """Return the marks on tweets in the order of their ids; `read` is called for those unknown, if there are."""
        known = self._known.get(viewer_id)
        if known is None or len(known) > TWEETS_MAX:
            known = {}
            self._known.put(viewer_id, known)
        missing = [tweet_id for tweet_id in ids if tweet_id not in known]
        if missing:
            known.update(zip(missing, read(missing), strict=True))
        return [known[tweet_id] for tweet_id in ids]

    def touched(self, viewer_id: UserId) -> None:
        """Forget what a changed row makes wrong."""
        self._known.drop(viewer_id)
