"""Tracing as a gateway uses it: around its requests, its operations and what it delivers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Scope

from infra.asked import Asked
from infra.traces.ports import traced_services
from infra.traces.requests import TRACED, TracedRequests, asked_in_trace
from infra.traces.spread import Deliveries, TracedBroadcast
from infra.traces.tracing import Tracing
from realtime.ports import Broadcast
from resolvers.context import Context, Services

if TYPE_CHECKING:
    from infra.live_sockets import LiveSockets


class GatewayTracing:
    """What a gateway asks before and after an operation; `serve` is to be called once there are services."""

    def __init__(self, tracing: Tracing) -> None:
        self.tracing = tracing
        self.deliveries = Deliveries(tracing)
        self._services: Services | None = None

    def serve(self, services: Services, live: "LiveSockets") -> None:
        """Trace what is done by these services and sent to these sockets."""
        self._services = traced_services(services, self.tracing)
        live.traced = self.deliveries.delivered

    def broadcast(self, broadcast: Broadcast) -> Broadcast:
        """Return a broadcast whose traced references are spans."""
        return TracedBroadcast(broadcast, self.tracing)

    def around(self, app: ASGIApp, path: str) -> ASGIApp:
        """Return an application whose requests to a path are traced, those that are drawn."""
        return TracedRequests(app, self.tracing, path)

    def asked(self, scope: Scope) -> Asked | None:
        """Return what a traced request asks for; None for any other."""
        return asked_in_trace(scope) if TRACED in scope else None

    @contextmanager
    def operation(self, asked: Asked, context: Context) -> Iterator[None]:
        """Run an operation inside; one of a socket is drawn only now, and is a trace of its own."""
        kind = SpanKind.INTERNAL
        if asked.is_traced is None:
            asked.is_traced, kind = self.tracing.draws(asked.parent), SpanKind.SERVER
        if not asked.is_traced or self._services is None:
            yield
            return
        context.services = self._services
        with self.tracing.operation(asked, kind):
            yield
