"""The services of traced operations: each call to a port is a span. Those of all others know nothing of this."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from opentelemetry.trace import SpanKind

from infra.asked import TRACE
from infra.traces.tracing import Tracing, traceparent_to
from realtime.appending import Appending
from realtime.events import Event
from resolvers.context import Services

OFFSETS_MAX = 10


def traced_services(services: Services, tracing: Tracing) -> Services:
    """Return the same services, with spans around their calls to the log, the stores and the caches."""

    def traced(port: Any, name: str) -> Any:
        return TracedPort(port, name, tracing)

    stores, home = services.loader_stores, services.home
    users, tweets, graph = traced(stores.users, "users"), traced(stores.tweets, "tweets"), traced(stores.graph, "graph")
    appending = _appending(services.posting.appending, tracing)
    return replace(
        services,
        users=users,
        loader_stores=replace(stores, users=users, tweets=tweets, graph=graph),
        home=replace(
            home,
            tweets=tweets,
            graph=graph,
            policy=traced(home.policy, "policy"),
            timelines=traced(home.timelines, "timelines"),
            rebuilds=traced(home.rebuilds, "rebuilds"),
        ),
        posting=replace(
            services.posting,
            appending=appending,
            tweets=tweets,
            graph=graph,
            keys=traced(services.posting.keys, "keys"),
        ),
        relating=replace(services.relating, appending=appending, users=users, graph=graph),
        passwords=traced(services.passwords, "passwords"),
    )


class TracedPort:
    """Whatever stands behind a port, with a span around each call of a coroutine."""

    def __init__(self, port: Any, name: str, tracing: Tracing) -> None:
        self._port = port
        self._name = name
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def spanned(*given: Any, **named: Any) -> Any:
            with self._tracing.span(f"{self._name}.{name}"):
                return await found(*given, **named)

        return spanned


class TracedLog(TracedPort):
    """The log of traced operations: what is appended carries the span on to the groups."""

    async def append(self, events: Sequence[Event]) -> Sequence[int]:
        """See `EventLog`."""
        with self._tracing.span("log.append", SpanKind.PRODUCER) as span:
            before = TRACE.set(traceparent_to(span))
            try:
                offsets: Sequence[int] = await self._port.append(events)
            finally:
                TRACE.reset(before)
            span.set_attribute("roost.offsets", list(offsets[:OFFSETS_MAX]))
            return offsets


def _appending(appending: Appending, tracing: Tracing) -> Appending:
    log = cast(Any, TracedLog(appending.log, "log", tracing))
    return replace(appending, log=log, positions=cast(Any, TracedPort(appending.positions, "positions", tracing)))
