"""When people tweet: by day more than by night in their own part of the world, and lately more than a week ago."""

import math
from collections.abc import Mapping
from random import Random

WINDOW_DAYS = 7
FADE_DAYS = 3.0
BIN_S = 1800
HOUR_S = 3600
DAY_S = 86_400

# A rough zone per language: where most of its speakers in the sample would live.
ZONE_HOURS: Mapping[str, float] = {
    "en": 0, "de": 1, "fr": 1, "it": 1, "es": -4, "pt": -3, "ar": 3, "hi": 5.5, "th": 7,
}  # fmt: skip

# Relative activity by local hour, an invented curve: asleep from 2 to 6, a hump at lunch, the peak from 20 to 22.
BY_HOUR = (
    0.45, 0.22, 0.12, 0.08, 0.07, 0.10, 0.22, 0.45, 0.65, 0.72, 0.75, 0.80,
    0.90, 0.85, 0.78, 0.76, 0.80, 0.86, 0.95, 1.05, 1.20, 1.20, 1.05, 0.75,
)  # fmt: skip


def local_hour(at: float, lang: str) -> int:
    """The hour of the day (0 to 23) at `at`, in Unix seconds, where `lang` is spoken."""
    return int((at + ZONE_HOURS[lang] * HOUR_S) % DAY_S // HOUR_S)


def activity(at: float, lang: str) -> float:
    """How likely speakers of `lang` are to be about at `at`, relative to other hours; at most max(BY_HOUR)."""
    return BY_HOUR[local_hour(at, lang)]


def draw_times(rng: Random, lang: str, now: float, count: int) -> list[float]:
    """`count` times in the WINDOW_DAYS before `now`, unsorted, in Unix seconds cut to milliseconds."""
    starts = [now - (back + 1) * BIN_S for back in range(WINDOW_DAYS * DAY_S // BIN_S)]
    weights = [activity(start + BIN_S / 2, lang) * math.exp(-(now - start) / (FADE_DAYS * DAY_S)) for start in starts]
    return [_cut(start + rng.random() * BIN_S) for start in rng.choices(starts, weights, k=count)]


def draw_delay(rng: Random, lang: str, since: float, now: float, median_s: float) -> float | None:
    """A time after `since` at which a speaker of `lang` may act on what they saw; None if that is not before `now`."""
    for _ in range(3):
        # The delays of real retweets span minutes to days: a lognormal with a wide spread comes near.
        at = _cut(since + 1 + rng.lognormvariate(math.log(median_s), 1.5))
        if at < now and rng.random() * max(BY_HOUR) < activity(at, lang):
            return at
    return None


def _cut(at: float) -> float:
    return math.floor(at * 1000) / 1000
