"""How often each operation was asked for, how long it took and what it came to; and how the event loop is doing."""

import asyncio
import gc
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from strawberry.types.execution import ExecutionResult

from infra.graphql_errors import INTERNAL, codes_of
from loaders.errors import RoostError

NAMES_MAX = 200
ANONYMOUS, OTHER = "anonymous", "other"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LOOK_EVERY_S = 0.25
LAG_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

GENERATIONS = 3
TEXTS_KEPT_MAX = 256

_NAMED = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,63})")


class Pauses(Collector):
    """How long garbage collections held everything up, while this is entered.

    One may begin anywhere, within a metric's own lock too: so it is counted in plain numbers, by no metric's means.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._began_s = 0.0
        self._took_s = [0.0] * GENERATIONS

    def __enter__(self) -> None:
        gc.callbacks.append(self._heard)

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._heard)

    def collect(self) -> Iterable[Metric]:
        """Return the seconds by generation."""
        family = CounterMetricFamily("roost_gc_pause_seconds", "Time in garbage collection", labels=["generation"])
        for generation, seconds in enumerate(self._took_s):
            family.add_metric([str(generation)], seconds)
        yield family

    def _heard(self, phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            self._began_s = self._clock_s()
        else:
            self._took_s[about["generation"]] += self._clock_s() - self._began_s


class Measures:
    """Histograms and counters of one process; `names_max` operations are told apart, the rest count as "other".

    Only operations that were executed get a name of their own, so that refused documents cannot use the names up.
    """

    def __init__(self, clock_s: Callable[[], float], names_max: int = NAMES_MAX) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.clock_s = clock_s
        self._names_max = names_max
        self._names = {ANONYMOUS, OTHER}
        self._took = Histogram(
            "roost_operation_duration_seconds",
            "Time from the context to the result of a query or mutation",
            ["operation"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._took_by: dict[str, Histogram] = {}
        self._errors = Counter(
            "roost_operation_errors", "Errors in answers, by code", ["operation", "code"], registry=self.registry
        )
        self._lag = Histogram(
            "roost_event_loop_lag_seconds",
            "How much later than asked for the event loop came back",
            buckets=LAG_BUCKETS_S,
            registry=self.registry,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        tasks = Gauge("roost_event_loop_tasks", "Tasks that are not done", registry=self.registry)
        # There are two for each socket: they are counted when somebody asks.
        tasks.set_function(lambda: 0.0 if self._loop is None else len(asyncio.all_tasks(self._loop)))
        GCCollector(registry=self.registry)
        self._pauses = Pauses(clock_s)
        self.registry.register(self._pauses)

    def executed(self, query: str, operation_name: str | None, seconds: float, result: ExecutionResult) -> None:
        """Count an operation and its errors."""
        errors = result.errors or ()
        name = self._name(query, operation_name, is_new_told=result.data is not None)
        self._observe(name, seconds)
        for code in codes_of(errors):
            self._errors.labels(name, code).inc()

    def failed(self, query: str, operation_name: str | None, seconds: float, error: Exception) -> None:
        """Count an operation that ended by an exception."""
        name = self._name(query, operation_name, is_new_told=False)
        self._observe(name, seconds)
        self._errors.labels(name, error.code if isinstance(error, RoostError) else INTERNAL).inc()

    async def watch_loop(self) -> None:
        """Look how late the event loop is until cancelled."""
        loop = self._loop = asyncio.get_running_loop()
        with self._pauses:
            while True:
                due_s = loop.time() + LOOK_EVERY_S
                await asyncio.sleep(LOOK_EVERY_S)
                self._lag.observe(max(0.0, loop.time() - due_s))

    def _observe(self, name: str, seconds: float) -> None:
        took = self._took_by.get(name)
        if took is None:
            took = self._took_by[name] = self._took.labels(name)
        took.observe(seconds)

    def _name(self, query: str, operation_name: str | None, *, is_new_told: bool) -> str:
        if operation_name is None:
            operation_name = _name_in(query)
        if operation_name in self._names:
            return operation_name
        if not is_new_told or len(self._names) >= self._names_max:
            return OTHER
        self._names.add(operation_name)
        return operation_name


@lru_cache(maxsize=TEXTS_KEPT_MAX)
def _name_in(query: str) -> str:
    found = _NAMED.search(query)
    return ANONYMOUS if found is None else found[1]
