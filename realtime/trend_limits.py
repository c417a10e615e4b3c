"""What counting trends holds of each term, and the limits under which it does. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

MINUTE_MS = 60_000
WINDOW_MINUTES = 60
BITS = 64
SPREAD = 0x9E37_79B9_7F4A_7C15
"""The golden ratio's 64 bits: multiplied by it, neighbouring ids have unlike first bits."""


@dataclass(frozen=True, slots=True)
class TrendLimits:
    """What a trend must have, and what counting may hold.

    `lateness_minutes` is how much older than the newest minute an event may be to count. `expected_min` is the
    baseline, in authors a window, of what was never seen before. Words, which have no sign before them, need a past of
    `words_after_hours`, since without one the commonest words look new.
    """

    lateness_minutes: int = 5
    baseline_hours: int = 24
    authors_min: int = 2
    expected_min: float = 0.5
    score_min: float = 1.0
    ranked_max: int = 50
    words_after_hours: int = 3
    terms_max: int = 20_000
    authors_held_max: int = 200_000
    tweets_held_max: int = 100_000


class Use(NamedTuple):
    """A tweet's terms, each once, and when they were written."""

    tweet_id: int
    author_id: int
    at_ms: int
    terms: tuple[str, ...]


@dataclass(slots=True)
class Bucket:
    """One term in one minute: its tweets, and how many each author that is held wrote of them."""

    uses: int = 0
    authors: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Past:
    """What a ranking knows of a term besides its window: distinct authors by hours of the clock, and their sum.

    `since_ms` is from when on it has been a trend without a break.
    """

    past: dict[int, int] = field(default_factory=dict)
    past_sum: int = 0
    since_ms: int | None = None

    def end_hour(self, hour: int, authors: int, baseline_hours: int) -> None:
        """Take in the authors of the hour that ended before this one, and forget what lies before the baseline."""
        if authors:
            self.past[hour - 1] = authors
        first = hour - 1 - baseline_hours
        for old in [each for each in self.past if each < first]:
            del self.past[old]
        self.past_sum = sum(self.past.values())


@dataclass(slots=True)
class Term(Past):
    """A term in the window: its tweets, and in how many minutes each author that is held wrote one.

    `missed` is what it may have been
    missed by before it was held, and `missed_at` the minute of that. Of the authors one in 2 ** `level` is held.
    """

    uses: int = 0
    authors: dict[int, int] = field(default_factory=dict)
    held: int = 0
    missed: int = 0
    missed_at: int = 0
    level: int = 0

    @property
    def weight(self) -> int:
        """By which the least term is found: its authors of the window and of the past, and what it may have missed."""
        return (len(self.authors) << self.level) + self.past_sum + self.missed

    def holds(self, author_id: int) -> bool:
        """Tell whether an author is among those that are held at this level of sampling."""
        return not self.level or (author_id * SPREAD & (1 << BITS) - 1) >> BITS - self.level == 0
