"""Shows how far a piece of work is: a bar with rate and time left on a terminal, else a line every few seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


class Meter:
    """One piece of work of `total` units, 0 if nobody knows; `rows` are what its rate counts."""

    def __init__(self, console: Console, name: str, total: int, clock_s: Callable[[], float]) -> None:
        self._console = console
        self._name = name
        self._total = total
        self._clock_s = clock_s
        self._began_s = self._said_s = clock_s()
        self._rows = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Iterator["Meter"]:
        """Show the meter while the work goes on."""
        if not self._console.is_terminal:
            yield self
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as bar:
            self._task = bar.add_task(self._name, total=self._total or None, rate="")
            self._bar = bar
            yield self

    def advance(self, rows: int, done: int) -> None:
        """Say that so many more rows are done, and how many units are done by now."""
        self._rows += rows
        now_s = self._clock_s()
        elapsed_s = max(now_s - self._began_s, 1e-9)
        rate = f"{self._rows:,} rows, {self._rows / elapsed_s:,.0f}/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=rate)
        elif now_s - self._said_s >= LINE_EVERY_S:
            self._said_s = now_s
            left = ""
            if 0 < done <= self._total:
                left = f", {100 * done // self._total} %, {elapsed_s * (self._total - done) / done:.0f} s left"
            self._console.print(f"{self._name}: {rate}{left}", markup=False, highlight=False)


def meter(console: Console, name: str, total: int) -> Meter:
    """Return a meter that goes by the real clock."""
    return Meter(console, name, total, time.monotonic)
