"""Trends: what is talked about now far more than is usual."""

from datetime import UTC, datetime
from typing import NamedTuple


class Trend(NamedTuple):
    """A term that trends: a hashtag with its #, or a word; its tweets within the window, and since when it trends."""

    name: str
    tweet_count: int
    score: float
    since_ms: int

    @property
    def since(self) -> datetime:
        """Since when, in UTC."""
        return datetime.fromtimestamp(self.since_ms / 1000, UTC)


class Ranking(NamedTuple):
    """The trends of the window that ended at a time, the strongest first. Two of the same trends are alike."""

    until_ms: int
    trends: tuple[Trend, ...] = ()
