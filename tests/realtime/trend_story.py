"""Some hours of tweets as a log has them, and what the embedded counter makes of them: whoever counts must agree."""

import random
from collections.abc import Mapping, Sequence

from loaders.records import TweetId, UserId
from loaders.trends import Ranking
from realtime.events import Event, TweetDeleted, TweetPosted, encode
from realtime.ports import Logged
from realtime.trend_limits import MINUTE_MS, TrendLimits
from realtime.trend_windows import Window
from realtime.trending import Trending
from realtime.trends import TrendCounter

BEGIN = 29_000_000 // 60 * 60 - 20
"""The minute of the first event: ends of hours fall into the story."""
MINUTES, TWEETS_A_MINUTE = 150, 25
LIMITS = TrendLimits(words_after_hours=1)

Counts = Mapping[str, tuple[int, int]]


def story() -> list[Logged]:
    """Return the log of some hours: tweets out of order, some too late to count, some twice, some deleted."""
    lot, logged, known = random.Random(7), list[Logged](), list[tuple[int, int]]()

    def append(event: Event, at_ms: int) -> None:
        logged.append(Logged(0, len(logged) + 1, encode(event), at_ms))

    for minute in range(BEGIN, BEGIN + MINUTES):
        for number in range(TWEETS_A_MINUTE):
            now_ms = minute * MINUTE_MS + number * MINUTE_MS // TWEETS_A_MINUTE
            lateness_ms = lot.choice((0, 0, 0, lot.randrange(MINUTE_MS), lot.randrange(8 * MINUTE_MS)))
            author = lot.randrange(40)
            # What is talked about shifts, so that there are bursts.
            tags = {f"#t{min(lot.randrange(30), lot.randrange(30)) + minute // 30}" for _ in range(lot.randrange(3))}
            text = f"{lot.choice(('hello', 'well'))} {' '.join(tags)}"
            tweet = TweetPosted(TweetId(len(logged) + 1), UserId(author), text, now_ms - lateness_ms)
            append(tweet, now_ms)
            known.append((tweet.id, author))
            if lot.random() < 0.03:
                append(tweet, now_ms)
            if lot.random() < 0.1:
                deleted, owner = lot.choice(known[-1_500:])
                append(TweetDeleted(TweetId(deleted), UserId(owner)), now_ms)
    return logged


async def embedded(logged: Sequence[Logged]) -> tuple[dict[int, Counts], list[Ranking]]:
    """Return what the embedded counter holds as each window ends, and how it ranks them."""
    windows: dict[int, Counts] = {}
    rankings: list[Ranking] = []

    def publish(ranking: Ranking) -> None:
        rankings.append(ranking)
        windows[counter.minute] = counter.window()

    counter = TrendCounter(LIMITS)
    trending = Trending(counter, publish, frozenset, lambda: (BEGIN + MINUTES) * MINUTE_MS)
    await trending.handle(logged, 0)
    await trending.idle(0)
    return windows, rankings


def told_of(minute: int, counts: Counts) -> Counts:
    """Return what is told of a window: at the ends of hours all of it, else what may trend."""
    return {name: each for name, each in counts.items() if minute % 60 == 0 or each[1] >= LIMITS.authors_min}


def counts_of(window: Window) -> Counts:
    return {each.name: (each.tweets, each.authors) for each in window.terms}
