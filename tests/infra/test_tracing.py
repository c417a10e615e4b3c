"""What is drawn, what is kept though it was not, and that spans are bounded."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from infra.asked import Asked, headers_of, origin_in, traceparent_of
from infra.settings import Settings
from infra.traces.spread import DELIVERIES_MAX, Deliveries, traced_handle
from infra.traces.tracing import Tracing
from loaders.errors import Unavailable
from realtime.ports import Logged, Origin, Reference

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


class Broken(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise OSError(f"{len(spans)} are gone")


@pytest.fixture
def kept() -> Kept:
    return Kept()


def tracing(folder: Path, exporter: SpanExporter, lot: float = 0.5, **changes: object) -> Tracing:
    return Tracing(Settings.for_tests(folder, **changes), "test", exporter, lot=lambda: lot, monotonic_s=lambda: 0.0)


@pytest.mark.parametrize(
    ("ratio", "lot", "parent", "is_drawn"),
    [
        (0.01, 0.0099, None, True),
        (0.01, 0.01, None, False),
        (0.0, 0.0, None, False),
        (1.0, 0.9999, None, True),
        (0.0, 0.5, TRACE, True),
        (1.0, 0.0, TRACE[:-1] + "0", False),
    ],
)
def test_it_is_drawn_by_lot_unless_the_caller_has_decided(
    tmp_path: Path, kept: Kept, ratio: float, lot: float, parent: str | None, is_drawn: bool
) -> None:
    traces = tracing(tmp_path, kept, lot, trace_ratio=ratio)

    assert traces.draws(None if parent is None else traceparent_of(parent)) is is_drawn
    traces.close()


def test_nobody_can_make_everything_traced(tmp_path: Path, kept: Kept) -> None:
    traces = tracing(tmp_path, kept, traces_per_s_max=3)

    assert sum(traces.draws(traceparent_of(TRACE)) for _ in range(10)) == 3
    assert traces.left_out == 7
    traces.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        TRACE.replace("0af7", "0AF7"),
        TRACE.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{'1' * 16}-01",
        "x" + TRACE,
    ],
)
def test_what_is_no_traceparent_is_none(text: str) -> None:
    assert traceparent_of(text) is None


@pytest.mark.parametrize(("code", "count"), [("UNAVAILABLE", 1), ("INTERNAL_SERVER_ERROR", 1), ("NOT_FOUND", 0)])
def test_our_failures_are_kept_though_they_were_not_drawn(tmp_path: Path, kept: Kept, code: str, count: int) -> None:
    traces = tracing(tmp_path, kept)
    asked = Asked("r1", traceparent_of(TRACE[:-1] + "0"))
    asked.is_traced, asked.query, asked.codes = False, "query Home { a }", [code]

    traces.ended(asked, 0.25)
    traces.close()

    assert len(kept.spans) == count
    for span in kept.spans:
        assert span.attributes is not None
        assert (span.name, span.attributes["error.type"]) == ("query Home", code)
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
        assert (span.end_time or 0) - (span.start_time or 0) == 250_000_000


def test_of_an_outage_so_many_failures_a_second_are_kept(tmp_path: Path, kept: Kept) -> None:
    traces = tracing(tmp_path, kept, trace_errors_per_s_max=5)
    asked = Asked("r1")
    asked.is_traced, asked.codes = False, ["UNAVAILABLE"]

    for _ in range(20):
        traces.ended(asked, 0.1)
    traces.close()

    assert (len(kept.spans), traces.left_out) == (5, 15)


def test_what_the_collector_does_not_take_is_counted(tmp_path: Path) -> None:
    traces = tracing(tmp_path, Broken())

    for _ in range(3):
        with traces.span("one"):
            pass
    traces.close()

    assert (traces.spans.exporter.failed, traces.spans.exporter.exported) == (3, 0)


async def test_a_groups_failure_is_kept_and_marks_what_was_traced(tmp_path: Path, kept: Kept) -> None:
    traces = tracing(tmp_path, kept)
    seen: list[Origin | None] = []

    async def fails(batch: Sequence[Logged], _previous: int) -> None:
        seen.extend(each.origin for each in batch)
        raise Unavailable("MARKER")

    handle = traced_handle("store", fails, traces, lambda: 0.0)
    for origin in (None, Origin("r1", TRACE)):
        with pytest.raises(Unavailable):
            await handle([Logged(3, 7, b"MARKER", 0, origin)], 6)
    traces.close()

    plain, traced = kept.spans
    assert plain.parent is None
    assert traced.parent is not None
    assert f"{traced.parent.trace_id:032x}" == TRACE[3:35]
    for span in (plain, traced):
        assert span.attributes is not None
        assert (span.name, span.attributes["error.type"], span.attributes["roost.offset"]) == (
            "store handle",
            "UNAVAILABLE",
            7,
        )
        assert "MARKER" not in span.to_json()
    assert seen[0] is None
    assert seen[1] is not None
    assert traced.context is not None
    assert seen[1].trace == f"{TRACE[:36]}{traced.context.span_id:016x}-01"


def test_of_one_events_deliveries_the_first_are_traced(tmp_path: Path, kept: Kept) -> None:
    traces = tracing(tmp_path, kept)
    now_ns = [1_000]
    deliveries = Deliveries(traces, lambda: now_ns[0])

    class Tweet:
        id = 5

    deliveries.heard(Reference(0, 1, 2, "posted", (5, 1, 0, 0), TRACE))
    for _ in range(DELIVERIES_MAX + 5):
        deliveries.delivered(Tweet())
    deliveries.heard(Reference(0, 2, 3, "posted", (5, 1, 0, 0), TRACE))
    now_ns[0] += 60_000_000_000
    deliveries.delivered(Tweet())
    traces.close()

    assert [span.name for span in kept.spans] == ["socket deliver"] * DELIVERIES_MAX


def test_an_origin_goes_through_headers_and_whoever_wrote_them_cannot_feign_one() -> None:
    assert origin_in(headers_of(Origin("r1", TRACE))) == Origin("r1", TRACE)
    assert origin_in(headers_of(Origin("r1"))) == Origin("r1")
    assert headers_of(None) == []
    assert origin_in(None) is None
    assert origin_in([("correlation-id", b"a\nb"), ("traceparent", TRACE.encode())]) is None
    assert origin_in([("correlation-id", b"r1"), ("traceparent", b"MARKER")]) == Origin("r1")
