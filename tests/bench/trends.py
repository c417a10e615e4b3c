"""Trends: a week of real acts as tweets with hashtags, through the group's own handler in one process."""

import gzip
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from loaders.records import TweetId, UserId
from loaders.trends import Ranking
from realtime.events import TweetPosted, encode
from realtime.ports import Logged
from realtime.trend_limits import TrendLimits, Use
from realtime.trending import Trending
from realtime.trends import TrendCounter
from tests.bench.figures import Figure, Target
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "trends"
ROOT = Path(__file__).parents[2]
ACTS = ROOT / "../shared/data/activity/higgs.tsv.gz"
BATCH = 500


def run(run: Run) -> list[Figure]:
    """Measure counting alone, and the handler with its reading of events and texts."""
    if not ACTS.exists():
        run.say(f"{BENCH}: the week's acts are not beside this checkout")
        return []
    counted, handled, held = in_child(_measure, run.rounds(3, 1))
    target = Target(at_least=50_000)
    return [
        Figure(BENCH, "a week's hashtag events counted and ranked each minute", counted, "/s", target=target),
        Figure(BENCH, "the same from the log's bytes, texts read", handled, "/s"),
        Figure(BENCH, "authors held at the end, by term and minute", held, ""),
    ]


def _acts() -> Iterator[tuple[int, int, str]]:
    """Yield when, who, and whom it was about: the hashtag."""
    with gzip.open(ACTS, "rt") as lines:
        next(lines)
        for line in lines:
            at, actor, target, _ = line.rstrip().split("\t")
            yield int(at) * 1_000, int(actor), f"#u{target}"


def _measure(rounds: int) -> tuple[float, float, float]:
    as_server()
    acts = list(_acts())
    uses = [Use(number, who, at_ms, (tag,)) for number, (at_ms, who, tag) in enumerate(acts, 1)]
    logged = [
        Logged(0, number, encode(TweetPosted(TweetId(number), UserId(who), f"see {tag}", at_ms)), at_ms)
        for number, (at_ms, who, tag) in enumerate(acts, 1)
    ]
    counting: list[float] = []
    handling: list[float] = []
    for _ in range(rounds):
        counter = TrendCounter(TrendLimits())
        began_s = time.perf_counter()
        for use in uses:
            counter.take(use)
        counting.append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        run_loop(_handle(logged))
        handling.append(time.perf_counter() - began_s)
    return len(acts) / min(counting), len(acts) / min(handling), counter.held


async def _handle(logged: Sequence[Logged]) -> None:
    def publish(ranking: Ranking) -> None:
        del ranking

    trending = Trending(TrendCounter(TrendLimits()), publish, frozenset, lambda: 0)
    for at in range(0, len(logged), BATCH):
        await trending.handle(logged[at : at + BATCH], at)
