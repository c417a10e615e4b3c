"""How well trends find real bursts, beside raw counting: the table of docs/trends.md, and floors that hold them.

An alarm is a term that comes into the top after an hour out of it; it is false outside the labelled windows.
"""

import gzip
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from realtime.trend_limits import TrendLimits, Use
from realtime.trends import TrendCounter

DATA = Path(__file__).parents[1] / "data" / "trends"
DAY_S, HOUR_S, SOON_S, BURST_S = 86_400, 3_600, 1_800, 6 * 3_600
TOP = 10
LOOK_S = 300
Rule = Callable[[TrendCounter], Sequence[str]]


class Found(NamedTuple):
    """How many labelled windows were found, and how many alarms a day were false."""

    windows: int
    false_a_day: float


class Alarms:
    """What a rule shows over time, judged against windows: (from, to, found until) by term."""

    def __init__(self, windows: Mapping[str, Sequence[tuple[int, int, int]]]) -> None:
        self._windows = windows
        self._shown_at: dict[str, int] = {}
        self.found: set[tuple[str, int]] = set()
        self.false = 0

    def show(self, at_s: int, names: Sequence[str]) -> None:
        for name in names:
            is_new = at_s - self._shown_at.get(name, 0) > HOUR_S
            self._shown_at[name] = at_s
            held = [window for window in self._windows.get(name, ()) if window[0] <= at_s <= window[1]]
            self.found |= {(name, window[0]) for window in held if at_s <= window[2]}
            self.false += is_new and not held


def by_count(least: int) -> Rule:
    def rule(counter: TrendCounter) -> list[str]:
        counts = sorted((-uses, name) for name, (uses, _) in counter.window().items() if uses >= least)
        return [name for _, name in counts[:TOP]]

    return rule


def by_score(counter: TrendCounter) -> list[str]:
    return [trend.name for trend in counter.ranking[:TOP]]


def by_three_authors(counter: TrendCounter) -> list[str]:
    window = counter.window()
    return [trend.name for trend in counter.ranking if window[trend.name][1] >= 3][:TOP]


def elections(rules: Mapping[str, Rule]) -> dict[str, Found]:
    """Replay six weeks of posts, and look at each rule's top ten every five minutes."""
    lines = gzip.decompress((DATA / "posts_election_2021.tsv.gz").read_bytes()).decode().splitlines()[1:]
    rows = sorted(tuple(line.split("\t")) for line in lines)
    windows: dict[str, list[tuple[int, int, int]]] = {}
    for each in json.loads((DATA / "election_bursts.json").read_text()):
        start_s = each["window_start"]
        # The minute of the start is told with the next one.
        windows.setdefault(f"#{each['hashtag']}", []).append((start_s, start_s + BURST_S + HOUR_S, start_s + SOON_S))
    counter, alarms = TrendCounter(TrendLimits()), {name: Alarms(windows) for name in rules}
    first_s, look_s = int(rows[0][0]), int(rows[0][0])
    for number, (at, author, tag) in enumerate(rows, 1):
        while look_s <= int(at):
            counter.advance(look_s * 1_000)
            for name, rule in rules.items():
                alarms[name].show(look_s, rule(counter))
            look_s += LOOK_S
        counter.take(Use(number, int(author), int(at) * 1_000, (f"#{tag}",) if tag else ()))
    days = (look_s - first_s) / DAY_S
    return {name: Found(len(each.found), each.false / days) for name, each in alarms.items()}


def table(found: Mapping[str, Found], of: int) -> None:
    sys.stdout.write(f"\n| rule | found of {of} | false alarms a day |\n|---|---|---|\n")
    for name, each in found.items():
        sys.stdout.write(f"| {name} | {each.windows} | {each.false_a_day:.1f} |\n")


def test_bursts_of_hashtags_are_found_soon_and_with_fewer_false_alarms_than_by_counting() -> None:
    rules = {
        "score": by_score,
        "score, 3 authors or more": by_three_authors,
        **{f"count, {least} tweets or more": by_count(least) for least in (1, 2, 3, 5)},
    }
    found = elections(rules)
    table(found, 20)

    assert found["score"].windows >= 8
    assert found["score"].windows >= found["count, 2 tweets or more"].windows
    assert found["score"].false_a_day < 0.75 * found["count, 2 tweets or more"].false_a_day
    assert found["score, 3 authors or more"].windows >= found["count, 3 tweets or more"].windows >= 5
    assert found["score, 3 authors or more"].false_a_day < 0.6 * found["count, 3 tweets or more"].false_a_day
