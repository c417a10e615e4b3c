"""The trends of a data folder: counted in memory, anew from the log's last hours at every start."""

from collections.abc import Callable
from pathlib import Path

from infra.adapters.trends import MemoryTrendStore
from infra.settings import Settings
from realtime.ports import EventLog
from realtime.positions import Positions
from realtime.trend_limits import TrendLimits
from realtime.trend_terms import blocked_terms
from realtime.trending import Trending, first_counted
from realtime.trends import TrendCounter
from realtime.worker import TRENDS

BLOCKLIST = "trends-blocked.txt"
BLOCKLIST_BYTES_MAX = 1_000_000
WINDOWS_BEFORE = 2
"""Hours beyond the baseline's: the window itself, and the one whose last authors leave it first."""


async def open_trends(
    settings: Settings, log: EventLog, positions: Positions, now_ms: Callable[[], int]
) -> tuple[MemoryTrendStore, Trending]:
    """Return where rankings are read, and what makes them; the group `trends` begins as far back as rankings reach."""
    (end,) = await log.end()
    start = await first_counted(log, now_ms(), settings.trends_baseline_hours + WINDOWS_BEFORE)
    positions.advance(TRENDS, start)
    store = MemoryTrendStore(lambda: positions.reached(TRENDS) >= end)
    counter = TrendCounter(trend_limits(settings))
    return store, Trending(counter, store.put, Blocklist(settings.data_dir / BLOCKLIST).terms, now_ms)


class Blocklist:
    """The terms of a file that an operator may change at any time; none while there is no file that can be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed_at_ns = 0
        self._terms: frozenset[str] = frozenset()

    def terms(self) -> frozenset[str]:
        """Return the terms; the file is read only where it has changed."""
        try:
            changed_at_ns = self._path.stat().st_mtime_ns
            if changed_at_ns != self._changed_at_ns:
                with self._path.open("rb") as file:
                    text = file.read(BLOCKLIST_BYTES_MAX).decode(errors="replace")
                self._terms, self._changed_at_ns = blocked_terms(text.splitlines()), changed_at_ns
        except OSError:
            self._terms, self._changed_at_ns = frozenset(), 0
        return self._terms


def trend_limits(settings: Settings) -> TrendLimits:
    """Return the limits that the settings name."""
    return TrendLimits(
        lateness_minutes=settings.trends_lateness_minutes,
        baseline_hours=settings.trends_baseline_hours,
        authors_min=settings.trends_authors_min,
        ranked_max=settings.trends_ranked_max,
        terms_max=settings.trends_terms_max,
        authors_held_max=settings.trends_authors_max,
        tweets_held_max=settings.trends_tweets_max,
    )
