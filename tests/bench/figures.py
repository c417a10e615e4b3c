"""What a benchmark found: figures with their floors and targets, and the machine that they hold for."""

import os
import platform
import resource
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to reach: `at_least`, or `below`, in the figure's own unit."""

    at_least: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        return f">= {shown(self.at_least)}" if self.at_least is not None else f"< {shown(self.below)}"

    def is_met(self, value: float) -> bool:
        """Tell whether a value reaches it."""
        return (self.at_least is None or value >= self.at_least) and (self.below is None or value < self.below)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `floor` is what the least possible work came to in the same run, in the same unit.

    `rounds` are the values that the figure is the median of.
    """

    bench: str
    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    target: Target | None = None
    note: str = ""
    rounds: Sequence[float] = ()

    @property
    def ratio(self) -> float | None:
        """How many times the floor the value is."""
        return self.value / self.floor if self.floor else None

    @property
    def verdict(self) -> str:
        """The target, and whether it was reached."""
        if self.target is None:
            return ""
        return f"{self.target} {'met' if self.target.is_met(self.value) else 'MISSED'}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self) | {
            "ratio": self.ratio,
            "target": None if self.target is None else str(self.target),
            "met": None if self.target is None else self.target.is_met(self.value),
        }


def middle(bench: str, name: str, values: Sequence[float], unit: str, **more: Any) -> Figure:
    """Return the figure that is the median of these rounds."""
    return Figure(bench, name, median(values), unit, rounds=tuple(values), **more)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value under which this share of them lies, by the nearest rank; values need not be sorted."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(value: float | None) -> str:
    """Return a number with as many digits as mean something."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def loop_ms() -> float:
    """Return the processor time of one and the same bare loop: shared machines differ threefold from hour to hour."""
    times = []
    for _ in range(5):
        began_s, total = time.process_time(), 0
        for number in range(500_000):
            total += number & 7
        times.append(1000 * (time.process_time() - began_s))
    return round(median(times), 1)


def environment(cores: Sequence[int], folder: Path) -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    return {
        "cores": os.cpu_count(),
        "server_core": cores[0],
        "client_core": cores[-1],
        "processor": _processor(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()}",
        "bare_loop_ms": loop_ms(),
        "load_average": [round(each, 2) for each in os.getloadavg()],
        "folder": str(folder.parent),
    }


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """How much processor time all of the machine, and this run with its ended children, had used at a moment."""

    wall_s: float
    all_s: float
    own_s: float

    @classmethod
    def now(cls) -> Self:
        """Look at the counters."""
        user, nice, system, _idle, _waiting, *interrupts = (
            int(field) for field in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:8]
        )
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return cls(
            time.monotonic(),
            (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK"),
            sum(each.ru_utime + each.ru_stime for each in own),
        )

    def others_since(self, before: "Meanwhile") -> float:
        """Return how many cores other processes kept busy in the mean: what the figures suffered from."""
        others_s = (self.all_s - before.all_s) - (self.own_s - before.own_s)
        return max(0.0, others_s / (self.wall_s - before.wall_s))


def print_table(figures: Sequence[Figure], console: Console) -> None:
    """Print figures as a table."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("figure", overflow="fold")
    for name in ("value", "floor", "of floor"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("target")
    table.add_column("floor is; notes", overflow="fold")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{shown(figure.value)} {figure.unit}",
            shown(figure.floor),
            "" if figure.ratio is None else f"{figure.ratio:.3g}",
            figure.verdict,
            "; ".join(each for each in (figure.floor_name, figure.note) if each),
        )
    console.print(table)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
