"""What is traced, and how spans are made. This folder alone knows OpenTelemetry; it is loaded where traces go anywhere.

Whether an operation is traced is decided before anything is done for it: one that is not costs a number drawn by lot.
So a failure of what is not traced gets a span of its own at its end, made of what is known by then.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from infra.allowance import Allowance
from infra.asked import Asked, Traceparent, traceparent_of
from infra.graphql_errors import INTERNAL
from infra.settings import Settings
from infra.traces.export import BoundedSpans, otlp_exporter
from loaders.errors import RoostError, Unavailable

OURS: Final = frozenset((INTERNAL, Unavailable.code))
"""The codes of what is the server's fault: what clients do wrong is no failure of a span."""
NANOSECONDS: Final = 1_000_000_000

Attributes = Mapping[str, str | int | list[int]]


class Tracing:
    """Decides what is traced, and makes its spans; they hold names, hashes, places and codes, never what was said.

    `lot` draws from [0, 1). A caller's own decision (traceparent) is followed; at most so many traces a second begin.
    """

    def __init__(
        self,
        settings: Settings,
        process: str,
        exporter: SpanExporter,
        *,
        lot: Callable[[], float] = random.random,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        resource = Resource.create({"service.name": f"roost-{process}", "roost.tenant": settings.tenant})
        self.spans = BoundedSpans(exporter, settings.trace_queue_max)
        self.provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(self.spans)
        self.tracer = self.provider.get_tracer("roost")
        self._ratio = settings.trace_ratio
        self._lot = lot
        self._begun = Allowance(settings.traces_per_s_max, monotonic_s)
        self._failures = Allowance(settings.trace_errors_per_s_max, monotonic_s)

    @classmethod
    def exporting(cls, settings: Settings, process: str) -> "Tracing":
        """Trace to the collector of the settings."""
        return cls(settings, process, otlp_exporter(settings.otlp_url, settings.trace_timeout_ms))

    @property
    def left_out(self) -> int:
        """How many traces and failures were not recorded, over what a second may have."""
        return self._begun.left_out + self._failures.left_out

    def close(self) -> None:
        """Export what waits, for a bounded time."""
        self.spans.close()

    def draws(self, parent: Traceparent | None) -> bool:
        """Decide whether an operation is traced: as its caller has, or else by lot."""
        is_wanted = self._lot() < self._ratio if parent is None else parent.is_sampled
        return is_wanted and self._begun.take()

    @contextmanager
    def span(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL, parent: str = "", attributes: Attributes | None = None
    ) -> Iterator[Span]:
        """Make a span of what happens inside, below the running one or below a traceparent."""
        with self.tracer.start_as_current_span(
            name,
            context=below(parent) if parent else None,
            kind=kind,
            attributes=attributes,
            # An error's text may quote what somebody wrote.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except Exception as error:
                fail(span, code_of(error))
                raise

    @contextmanager
    def operation(self, asked: Asked, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[None]:
        """Trace an operation that was drawn."""
        with self.span(_title(asked), kind, attributes=_told(asked)) as span:
            asked.trace_id = f"{span.get_span_context().trace_id:032x}"
            yield
            code = next((code for code in asked.codes if code in OURS), None)
            if code is not None:
                fail(span, code)

    def ended(self, asked: Asked, seconds: float) -> None:
        """Tell the outermost span what came out; a failure of what is not traced becomes a span now."""
        code = next((code for code in asked.codes if code in OURS), None)
        span = get_current_span()
        if asked.is_traced and span.is_recording():
            span.set_attributes(_told(asked))
            if code is not None:
                fail(span, code)
        elif code is not None and not asked.is_traced:
            parent = "" if asked.parent is None else traceparent(*asked.parent[:2])
            self.failed(_title(asked), code, seconds, _told(asked), parent)

    def failed(self, name: str, code: str, seconds: float, attributes: Attributes, parent: str = "") -> None:
        """Record a failure that took so long until now; it was not traced, but so many a second are kept."""
        if self._failures.take():
            end_ns = time.time_ns()
            began_ns = end_ns - int(seconds * NANOSECONDS)
            context = below(parent) if parent else Context()
            span = self.tracer.start_span(
                name, context, SpanKind.SERVER, {**attributes, "roost.sampled": "error"}, start_time=began_ns
            )
            fail(span, code)
            span.end(end_ns)


def fail(span: Span, code: str) -> None:
    """Mark a span as failed."""
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", code)


def code_of(error: Exception) -> str:
    """Return an error's code, which tells nothing of whoever met it."""
    return error.code if isinstance(error, RoostError) else INTERNAL


def traceparent(trace_id: str, span_id: str) -> str:
    """Return the traceparent of a span that is recorded."""
    return f"00-{trace_id}-{span_id}-01"


def traceparent_to(span: Span) -> str:
    """Return the traceparent under which a span's consequences are its own."""
    context = span.get_span_context()
    return traceparent(f"{context.trace_id:032x}", f"{context.span_id:016x}")


def below(text: str) -> Context:
    """Return the context in which a span goes below a traceparent; an empty one where that is none."""
    parent = traceparent_of(text)
    if parent is None:
        return Context()
    at = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(at), Context())


def _title(asked: Asked) -> str:
    return f"{asked.kind} {asked.operation}"


def _told(asked: Asked) -> dict[str, str]:
    """Return what a span tells of an operation; the document is told by its hash."""
    told = {"roost.correlation_id": asked.correlation_id}
    if asked.query:
        told["graphql.operation.name"] = asked.operation
        told["graphql.operation.type"] = asked.kind
        told["graphql.document.hash"] = f"sha256:{hashlib.sha256(asked.query.encode('utf-8', 'replace')).hexdigest()}"
    return told
