"""Trends from windows that were counted elsewhere: scored and ranked as they come. Pure."""

import heapq
from collections.abc import Collection, Sequence
from typing import NamedTuple

from loaders.trends import Ranking
from realtime.trend_limits import MINUTE_MS, Past, TrendLimits
from realtime.trend_scores import Counted, ranked


class TermCount(NamedTuple):
    """A term within a window: its tweets, and their distinct authors."""

    name: str
    tweets: int
    authors: int


class Window(NamedTuple):
    """The hour before a minute, counted. Terms with fewer authors than a trend has are there at the ends of hours."""

    minute: int
    terms: Sequence[TermCount]


class WindowRanker:
    """Ranks windows one after the other, as `TrendCounter` ranks its own.

    Deterministic: the same windows in the same order come to the same rankings, for every process that reads them.
    A window that comes again, or late, changes nothing: whoever counts may have begun anew from somewhat earlier.
    """

    def __init__(self, limits: TrendLimits) -> None:
        self._limits = limits
        self.blocked: Collection[str] = ()
        """Terms that never trend, hashtags without their #."""
        self.pasts: dict[str, Past] = {}
        self._trending: set[str] = set()
        self._began = 0
        self.ranking = Ranking(0)

    @property
    def minute(self) -> int:
        """The minute that the newest window ends with; 0 before the first."""
        return self.ranking.until_ms // MINUTE_MS

    def take(self, window: Window) -> bool:
        """Rank a window; answer whether it was a new one."""
        minute, terms = window
        if minute <= self.minute:
            return False
        self._began = self._began or minute - 1
        if minute % 60 == 0:
            self._end_hour(minute // 60, terms)
        least = self._limits.authors_min
        candidates = [
            Counted(name, tweets, authors, self.pasts.get(name) or Past())
            for name, tweets, authors in terms
            if authors >= least
        ]
        for name in self._trending.difference(each.name for each in candidates):
            self.pasts[name].since_ms = None
        trends = ranked(candidates, minute, self._began, self.blocked, self._limits)
        for name, _, _, past in candidates:
            if past.since_ms is not None:
                self.pasts[name] = past
        self._let_go({each.name for each in candidates if each.past.since_ms is not None})
        self.ranking = Ranking(minute * MINUTE_MS, trends)
        return True

    def _let_go(self, trending: set[str]) -> None:
        """Hold no past of terms that have none, once they trend no longer."""
        for name in self._trending - trending:
            if not self.pasts[name].past:
                del self.pasts[name]
        self._trending = trending

    def _end_hour(self, hour: int, terms: Sequence[TermCount]) -> None:
        authors = {each.name: each.authors for each in terms}
        for name in authors.keys() - self.pasts.keys():
            self.pasts[name] = Past()
        for name, past in list(self.pasts.items()):
            past.end_hour(hour, authors.get(name, 0), self._limits.baseline_hours)
            if not past.past and name not in self._trending:
                del self.pasts[name]
        if (over := len(self.pasts) - self._limits.terms_max) > 0:
            held = ((name, past.past_sum) for name, past in self.pasts.items() if name not in self._trending)
            for name, _ in heapq.nsmallest(over, held, key=lambda each: each[1]):
                del self.pasts[name]
