"""What Prometheus reads: the counts that the parts keep themselves, collected when it asks."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from infra.health import Health

if TYPE_CHECKING:
    from infra.app import Gateway


class RoostCollector(Collector):
    """Reads the engine's and the gateway's counts."""

    def __init__(self, health: Health, gateway: "Gateway") -> None:
        self._health = health
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        """Return all metrics as of now."""
        yield from self._engine()
        yield from self._requests()

    def _engine(self) -> Iterator[Metric]:
        engine = self._health.engine
        if engine is None:
            return
        yield from engine.measures()
        yield GaugeMetricFamily("roost_home_streams", "Live streams attached", engine.hub.stream_count())
        yield CounterMetricFamily("roost_hub_gaps_filled", "Gaps read from the log", engine.hub.gaps_filled)
        rebuilds = engine.services.home.rebuilds
        yield CounterMetricFamily("roost_timelines_rebuilt", "Home timelines rebuilt", rebuilds.done)
        pulls = engine.services.home.pulls
        yield GaugeMetricFamily("roost_pulls_under_way", "Home timelines being read without a list", pulls.under_way)
        yield CounterMetricFamily("roost_pulls_refused", "Pages refused, over the budget for that", pulls.refused)

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("roost_http_requests", "GraphQL requests by status", labels=["status"])
        for status, count in self._gateway.answered.items():
            requests.add_metric([str(status)], count)
        yield requests
        gate = self._gateway.gate
        yield GaugeMetricFamily("roost_operations_waiting", "Operations that wait for their turn", gate.waiting)
        yield GaugeMetricFamily("roost_streams_waiting", "Live streams that wait to begin", gate.streams_waiting)
        yield CounterMetricFamily("roost_operations_refused", "Operations refused, over the longest wait", gate.refused)
        if self._health.engine is None:
            return
        live = self._gateway.live
        yield GaugeMetricFamily("roost_sockets_open", "Sockets and event streams open", live.open)
        yield CounterMetricFamily("roost_sockets_opened", "Sockets and event streams opened", live.opened)
        closed = CounterMetricFamily("roost_sockets_closed", "Sockets and event streams closed", labels=["code"])
        for code, count in live.closed.items():
            closed.add_metric([str(code)], count)
        yield closed
        yield CounterMetricFamily("roost_live_deliveries", "Live events delivered", live.deliveries)
        yield CounterMetricFamily("roost_live_executions", "Live events executed", live.executed)
        yield CounterMetricFamily("roost_live_errors", "Live operations ended by an error", live.errors)


def metrics_route(health: Health, gateway: "Gateway") -> BaseRoute:
    """Return the route /metrics: what the gateway measures, and what its parts count."""
    registry = gateway.measures.registry
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(RoostCollector(health, gateway))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)
