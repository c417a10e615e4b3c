"""What admission, measures, log lines and traces cost together: processor time of a page and a post, with and without.

The variants take turns request by request in one process, as those of `traces` do. Without means: whoever comes is let
in, nothing is measured, no line is considered, and no request has a correlation id or a trace of its own. The guards
before servers are none of it, since one machine has no servers: `tests/infra/test_guard.py` bounds what they cost.
"""

from collections.abc import Mapping
from typing import Any, cast

from infra.app import Application
from infra.asked import Asked
from tests.bench.figures import Figure, Target
from tests.bench.run import Run, run_loop
from tests.bench.traces import RATIO, Variant, by_turns, watched

BENCH = "price"
DEARER_MAX = 1.05
WITHOUT, WITH, TRACED = "without any of it", "with all, not drawn", "with all, traced"


class _Nothing:
    """Lets everybody in, and takes notice of nothing."""

    async def enter(self) -> None:
        """Let an operation start."""

    def executed(self, *_: object) -> None:
        """Measure nothing."""

    def failed(self, *_: object) -> None:
        """Measure nothing."""

    def ended(self, *_: object) -> None:
        """Log nothing."""


def run(run: Run) -> list[Figure]:
    """Measure pages, then posts."""
    with watched() as collector:
        on = {"otlp_url": collector.url, "traces_per_s_max": 1_000_000}
        variants = {
            WITHOUT: Variant({}, _strip),
            WITH: Variant(on | {"trace_ratio": 0.0}),
            TRACED: Variant(on | {"trace_ratio": 1.0}),
        }
        took_us = run_loop(by_turns(run, BENCH, variants))
    return [figure for what in took_us for figure in _figures(what, took_us[what])]


def _strip(app: Application) -> None:
    """Take everything out of a gateway that only watches or admits."""
    gateway, nothing = cast(Any, app.state.gateway), cast(Any, _Nothing())
    nothing.clock_s = gateway.measures.clock_s
    gateway.gate = gateway.measures = gateway.operations = nothing

    def begun(_: object) -> Asked:
        asked = Asked("none")
        asked.is_traced = False
        return asked

    gateway.begun = begun


def _figures(what: str, took_us: Mapping[str, float]) -> list[Figure]:
    dearer = ((1 - RATIO) * took_us[WITH] + RATIO * took_us[TRACED]) / took_us[WITHOUT]
    title = f"a {what} with admission, measures, logs and {RATIO:.0%} traced: times {WITHOUT}"
    return [
        *(Figure(BENCH, f"a {what}, {name}: processor time", value, "us") for name, value in took_us.items()),
        Figure(BENCH, title, dearer, "", target=Target(below=DEARER_MAX)),
    ]
