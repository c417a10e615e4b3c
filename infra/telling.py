"""How what is told of Roost gets out: log lines and spans that were dropped, counted for whoever collects them."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.log_queue import QueuedHandler

if TYPE_CHECKING:
    from infra.traces.tracing import Tracing


class TellingCollector(Collector):
    """Reads the counts of the process's log and traces."""

    def __init__(self, tracing: "Tracing | None") -> None:
        self._tracing = tracing

    def collect(self) -> Iterable[Metric]:
        """Return them as of now."""
        queues = [each for each in logging.getLogger().handlers if isinstance(each, QueuedHandler)]
        dropped = sum(each.dropped for each in queues)
        yield CounterMetricFamily("roost_log_lines_dropped", "Log lines that nobody took in time", dropped)
        if self._tracing is None:
            return
        spans = CounterMetricFamily("roost_trace_spans", "Spans by what became of them", labels=["outcome"])
        queue = self._tracing.spans
        outcomes = {
            "exported": queue.exporter.exported,
            "failed": queue.exporter.failed,
            "dropped": queue.dropped,
        }
        for outcome, count in outcomes.items():
            spans.add_metric([outcome], count)
        yield spans
        yield CounterMetricFamily(
            "roost_traces_left_out",
            "Traces and failures not recorded, over what a second may have",
            self._tracing.left_out,
        )
