"""How terms that somebody counted are scored against their own past, and ranked. Pure.

The mean of a term's distinct authors over the hours before is its baseline; its score is the log-likelihood ratio of a
Poisson burst over that.
"""

import heapq
from collections.abc import Collection, Iterable
from math import log
from typing import NamedTuple

from loaders.trends import Trend
from realtime.trend_limits import MINUTE_MS, Past, TrendLimits


class Counted(NamedTuple):
    """A term of a window: its tweets, its distinct authors, and its past."""

    name: str
    tweets: int
    authors: int
    past: Past


def ranked(
    terms: Iterable[Counted], minute: int, began: int, blocked: Collection[str], limits: TrendLimits
) -> tuple[Trend, ...]:
    """Return the trends of the window that ends with a minute, the strongest burst first.

    `began` is the minute from which on there was counting. The terms' `since_ms` are brought up to date; it is for the
    caller to end that of terms with fewer than `authors_min` authors, which need not be given.
    """
    found = []
    past_hours = min(limits.baseline_hours, max(0.0, (minute - began) / 60 - 1))
    for name, tweets, authors, past in terms:
        if name.removeprefix("#") in blocked:
            past.since_ms = None
            continue
        if past_hours < limits.words_after_hours and not name.startswith("#"):
            continue
        # The hour just over is the window's own.
        before = past.past_sum - past.past.get(minute // 60 - 1, 0)
        score = burst(authors, max(limits.expected_min, before / max(1.0, past_hours)))
        if score >= limits.score_min:
            found.append((score, name, tweets, past))
        else:
            past.since_ms = None
    trends = []
    for score, name, tweets, past in heapq.nsmallest(limits.ranked_max, found, key=lambda each: (-each[0], each[1])):
        if past.since_ms is None:
            past.since_ms = minute * MINUTE_MS
        trends.append(Trend(name, tweets, round(score, 2), past.since_ms))
    return tuple(trends)


def burst(authors: int, expected: float) -> float:
    """Return how much more likely so many authors are at their own rate than at the expected one, as a logarithm."""
    return authors * log(authors / expected) - (authors - expected) if authors > expected else 0.0
