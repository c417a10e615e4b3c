"""What a live home timeline tells its subscriber."""

from dataclasses import dataclass

from loaders.cursors import LiveCursor
from loaders.records import Delivery, Entry


@dataclass(frozen=True, slots=True)
class TweetAdded:
    """An entry came into the timeline, at the place of its cursor."""

    entry: Entry
    live_cursor: str
    cursor: str
    delivery: Delivery
    replayed: bool


@dataclass(frozen=True, slots=True)
class TweetRemoved:
    """The entry at this cursor went; `tweet_id` is the original's global id."""

    tweet_id: str
    live_cursor: str
    cursor: str


@dataclass(frozen=True, slots=True)
class TimelineReset:
    """The change cannot be told, or the place is out of reach: fetch the timeline afresh, and go on from here."""

    live_cursor: str
    reason: str


HomeUpdate = TweetAdded | TweetRemoved | TimelineReset


class Arrivals:
    """What was told of the latest arrivals, by place: it is made once for all streams. The oldest goes first."""

    def __init__(self, size: int = 1_024) -> None:
        self._size = size
        self._told: dict[tuple[int, int, bool], tuple[LiveCursor, TweetAdded]] = {}
        self.get = self._told.get

    def put(self, key: tuple[int, int, bool], told: tuple[LiveCursor, TweetAdded]) -> tuple[LiveCursor, TweetAdded]:
        """Keep and answer what was told."""
        if len(self._told) >= self._size:
            del self._told[next(iter(self._told))]
        self._told[key] = told
        return told
