"""What Prometheus reads at /metrics: the counts that the parts keep themselves, collected when it asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from prometheus_client import PlatformCollector, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from infra.health import Health
from infra.measures import Measures
from infra.media.service import media_tallies
from infra.siblings import Siblings
from infra.tallies import home_pools, latencies, pool_tallies, services_tallies, state_tallies

if TYPE_CHECKING:
    from infra.gateway import Gateway

ASKED_S = 1.0
"""How long the parts may take to say how they are: who has not said so by then is not ready."""

States = Mapping[str, Mapping[str, object]]


class RoostCollector(Collector):
    """Reads the engine's and the gateway's counts."""

    def __init__(self, health: Health, gateway: "Gateway") -> None:
        self._health = health
        self._gateway = gateway

    def collect(self) -> Iterable[Metric]:
        """Return all metrics as of now."""
        yield from self._requests()
        if self._health.engine is not None:
            yield from self._engine()
            yield from self._live()

    def _engine(self) -> Iterator[Metric]:
        engine = self._gateway.engine
        yield from engine.measures()
        yield from services_tallies(engine.services)
        yield from media_tallies(engine.services.uploading.tallies, self._gateway.media.transfers)
        yield from pool_tallies({**home_pools(engine.services), **engine.pools()})
        yield CounterMetricFamily("roost_hub_gaps_filled", "Gaps read from the log", engine.hub.gaps_filled)
        yield GaugeMetricFamily("roost_home_streams", "Live streams attached", engine.hub.stream_count())
        waiting = list(engine.hub.waiting())
        yield GaugeMetricFamily("roost_mailbox_events", "Events that wait in all mailboxes", sum(waiting))
        yield GaugeMetricFamily("roost_mailbox_events_most", "Events in the fullest mailbox", max(waiting, default=0))

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily("roost_http_requests", "GraphQL requests by status", labels=["status"])
        for status, count in self._gateway.answered.items():
            requests.add_metric([str(status)], count)
        yield requests
        gate = self._gateway.gate
        yield GaugeMetricFamily("roost_operations_waiting", "Operations that wait for their turn", gate.waiting)
        yield GaugeMetricFamily("roost_streams_waiting", "Live streams that wait to begin", gate.streams_waiting)
        yield CounterMetricFamily("roost_operations_refused", "Operations refused, over the longest wait", gate.refused)

    def _live(self) -> Iterator[Metric]:
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
        about = "From a tweet's id to its frame on a socket"
        yield latencies("roost_post_to_socket_seconds", about, {(): live.reached}, [])


class StateCollector(Collector):
    """Shows how the parts said that they are. `look` asks them, before each collection."""

    def __init__(self, ask: Callable[[], Awaitable[States]]) -> None:
        self._ask = ask
        self._states: States = {}

    async def look(self) -> None:
        """Ask all parts; if they take too long or fail, none of those known is ready."""
        try:
            async with asyncio.timeout(ASKED_S):
                self._states = await self._ask()
        except Exception:
            self._states = {name: {"ready": False} for name in self._states}

    def collect(self) -> Iterable[Metric]:
        """Return the states as they were said last."""
        return state_tallies(self._states)


class Exposition:
    """What one process shows, made anew each time; where `siblings` share its port, what they all do."""

    def __init__(
        self, measures: Measures, states: Callable[[], Awaitable[States]], siblings: Siblings | None = None
    ) -> None:
        self._measures = measures
        self._states = StateCollector(states)
        self._siblings = siblings
        # When each series began, Prometheus sees by itself: it would be a third more of them.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        ProcessCollector(registry=measures.registry)
        PlatformCollector(registry=measures.registry)
        measures.registry.register(self._states)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Watch the event loop, and answer siblings that ask, as long as this lasts."""
        watching = asyncio.create_task(self._measures.watch_loop())
        try:
            async with nullcontext() if self._siblings is None else self._siblings.answering(self._own):
                yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def text(self) -> bytes:
        """Return all metrics as of now in Prometheus' format, within some seconds even if parts or siblings hang."""
        return await (self._own() if self._siblings is None else self._siblings.text(self._own))

    async def _own(self) -> bytes:
        await self._states.look()
        return generate_latest(self._measures.registry)


def gateway_exposition(health: Health, gateway: "Gateway", siblings: Siblings | None) -> Exposition:
    """Return what a gateway shows: what it measures, and what its parts count."""
    gateway.measures.registry.register(RoostCollector(health, gateway))
    return Exposition(gateway.measures, health.parts, siblings)


def metrics_route(shown: Exposition) -> BaseRoute:
    """Return the route /metrics."""

    async def metrics(_: Request) -> Response:
        return Response(await shown.text(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)
