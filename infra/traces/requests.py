"""HTTP requests that are traced, by OpenTelemetry's own middleware; it is shown no more of them than it may tell."""

from typing import Any, Final, cast

from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import get_current_span
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.asked import Asked, asked_by, traceparent_of
from infra.traces.tracing import Tracing

TRACED: Final = "roost.traced"
_SHOWN: Final = frozenset((b"traceparent", b"tracestate"))


class TracedRequests:
    """The application with spans around the requests to one path that are drawn; others go to it directly.

    The library tells of URLs with their queries and of errors with their texts, and these hold documents: so it gets a
    scope without them, and the application gets its own.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing, path: str) -> None:
        self._app = app
        self._tracing = tracing
        self._path = path
        self._instrumented = OpenTelemetryMiddleware(
            _as_it_came,
            tracer_provider=tracing.provider,
            meter_provider=NoOpMeterProvider(),
            exclude_spans=["receive", "send"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] != self._path or not self._draws(scope):
            await self._app(scope, receive, send)
            return
        scope[TRACED] = True
        call = _Call(self._app, scope)
        shown = {
            "type": "http",
            "method": scope["method"],
            "scheme": scope.get("scheme", "http"),
            "http_version": scope.get("http_version", "1.1"),
            "path": self._path,
            "query_string": b"",
            "headers": [header for header in scope["headers"] if header[0] in _SHOWN],
            _CALL: call,
        }
        await self._instrumented(cast(Any, shown), cast(Any, receive), cast(Any, send))
        if call.error is not None:
            raise call.error

    def _draws(self, scope: Scope) -> bool:
        parent = None
        for name, value in scope["headers"]:
            if name == b"traceparent":
                parent = traceparent_of(value.decode("latin-1"))
        return self._tracing.draws(parent)


def asked_in_trace(scope: Scope) -> Asked:
    """Begin what a traced request asks for; where it has no name of its own, it goes by the trace's."""
    trace_id = f"{get_current_span().get_span_context().trace_id:032x}"
    asked = asked_by(scope["headers"], lambda: trace_id)
    asked.trace_id, asked.is_traced = trace_id, True
    return asked


_CALL: Final = "roost.call"


class _Call:
    """A request as it came, and what went wrong with it."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self.error: Exception | None = None


async def _as_it_came(shown: Scope, receive: Receive, send: Send) -> None:
    call: _Call = shown[_CALL]
    try:
        await call.app(call.scope, receive, send)
    except Exception as error:
        call.error = error
