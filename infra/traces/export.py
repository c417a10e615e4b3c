"""Spans on their way to a collector: bounded, counted, and never in anybody's way."""

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

BATCH_MAX = 512
EXPORT_EVERY_MS = 1_000
CLOSED_WITHIN_S = 2.0
TRACES_PATH = "/v1/traces"


def otlp_exporter(url: str, timeout_ms: int) -> OTLPSpanExporter:
    """Return what sends to a collector: the URL's path, where it has one, is where it takes traces."""
    endpoint = url if urlsplit(url).path.strip("/") else url.rstrip("/") + TRACES_PATH
    return OTLPSpanExporter(endpoint=endpoint, timeout=timeout_ms / 1_000)


class CountedExporter(SpanExporter):
    """Counts what was exported and what the collector did not take; only the thread that exports calls it."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.taken = 0
        self.exported = 0
        self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export; whatever goes wrong is a failure and no more."""
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception:
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
        else:
            self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """End; an export under way is given up."""
        self._inner.shutdown()


class BoundedSpans(BatchSpanProcessor):
    """The library's queue and thread, but that a new span is dropped over the bound, and counted."""

    def __init__(self, exporter: SpanExporter, waiting_max: int) -> None:
        self.exporter = CountedExporter(exporter)
        self._waiting_max = waiting_max
        self._put = 0
        self.dropped = 0
        super().__init__(
            self.exporter,
            max_queue_size=2 * waiting_max,
            schedule_delay_millis=EXPORT_EVERY_MS,
            max_export_batch_size=min(BATCH_MAX, waiting_max),
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        if self._put - self.exporter.taken >= self._waiting_max:
            self.dropped += 1
            return
        self._put += 1
        super().on_end(span)

    def close(self) -> None:
        """Export what waits, for two seconds at most."""
        ending = threading.Thread(target=self.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSED_WITHIN_S)
        if ending.is_alive():
            self.exporter.shutdown()
