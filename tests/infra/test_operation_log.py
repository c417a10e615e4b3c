"""Which operations get a line, and how a line that nobody takes keeps nobody waiting."""

import json
import os
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest
from structlog.testing import capture_logs

from infra.allowance import Allowance
from infra.asked import ASKED, Asked
from infra.operation_log import OperationLog
from infra.settings import Settings
from tests.infra.log_lines import Lines

__all__ = ["configured", "logging_as_before"]

from tests.infra.test_logs import configured, log, logging_as_before


def ended(folder: Path, status: int | None, seconds: float, *codes: str, **changes: object) -> list[dict[str, object]]:
    asked = Asked("r1")
    asked.query, asked.codes = "query Home { a }", codes
    operations = OperationLog(Settings.for_tests(folder, **changes), lambda: 0.0)
    with capture_logs() as lines:
        operations.ended(asked, status, seconds)
    return [dict(line) for line in lines]


def test_what_went_well_and_quickly_gets_no_line(tmp_path: Path) -> None:
    assert ended(tmp_path, 200, 0.5) == []


@pytest.mark.parametrize(
    ("status", "seconds", "codes", "level"),
    [
        (500, 0.1, ("INTERNAL_SERVER_ERROR",), "error"),
        (200, 0.1, ("NOT_FOUND", "INTERNAL_SERVER_ERROR"), "error"),
        (503, 0.1, ("UNAVAILABLE",), "warning"),
        (200, 1.0, (), "warning"),
        (401, 0.1, ("UNAUTHENTICATED",), "info"),
        (None, 0.1, ("BAD_USER_INPUT",), "info"),
    ],
)
def test_what_failed_or_was_slow_gets_one(
    tmp_path: Path, status: int | None, seconds: float, codes: tuple[str, ...], level: str
) -> None:
    (line,) = ended(tmp_path, status, seconds, *codes)

    assert (line["event"], line["log_level"], line.get("code")) == ("operation", level, codes[0] if codes else None)
    assert line["latencyMs"] == seconds * 1_000
    assert line.get("status") == status


@pytest.mark.parametrize(("changes", "level"), [({"log_requests": "all"}, "info"), ({"log_level": "debug"}, "debug")])
def test_all_get_one_where_that_is_asked_for(tmp_path: Path, changes: dict[str, object], level: str) -> None:
    (line,) = ended(tmp_path, 200, 0.1, **changes)

    assert line["log_level"] == level


def test_an_outage_gets_so_many_lines_a_second_and_the_rest_is_counted(tmp_path: Path) -> None:
    now_s = 0.0
    operations = OperationLog(Settings.for_tests(tmp_path, log_failures_per_s=3), lambda: now_s)
    asked = Asked("r1")
    asked.codes = ["UNAVAILABLE"]

    with capture_logs() as lines:
        for _ in range(10):
            operations.ended(asked, 503, 0.1)
        now_s = 1.0
        operations.ended(asked, 503, 0.1)

    assert len(lines) == 4
    assert [line.get("leftOut") for line in lines] == [None, None, None, 7]


def test_an_allowance_begins_anew_each_second() -> None:
    seconds = iter([0.0, 0.9, 0.95, 1.0, 1.1, 1.2])
    allowance = Allowance(2, lambda: next(seconds))

    assert [allowance.take() for _ in range(6)] == [True, True, False, True, True, False]
    assert allowance.left_out == 2


def test_lines_of_an_operation_tell_whose_they_are_until_it_is_over(configured: Callable[..., Lines]) -> None:
    lines = configured(tenant="ours")
    asked = Asked("r1")
    asked.viewer_id, asked.query = 2**60, 'query Home($a: Int) { a(text: "secret") }'
    token = ASKED.set(asked)

    log.info("during")
    asked.is_over = True
    log.info("after")
    ASKED.reset(token)

    during, after = lines.all()
    told = {name: during[name] for name in ("correlationId", "viewerId", "operation", "tenantId")}
    assert told == {"correlationId": "r1", "viewerId": str(2**60), "operation": "Home", "tenantId": "ours"}
    assert "correlationId" not in after
    assert "secret" not in lines.raw()


@pytest.mark.parametrize(
    ("query", "name", "shown"),
    [
        ("{ a }", None, "anonymous"),
        ("mutation Post { a }", None, "Post"),
        ("query A { a } query B { a }", "B", "B"),
        ("{ a }", "no name\n", "anonymous"),
        ("{ a }", "x" * 65, "anonymous"),
    ],
)
def test_only_what_is_a_name_is_shown_as_one(query: str, name: str | None, shown: str) -> None:
    asked = Asked("r1")
    asked.query, asked.operation_name = query, name

    assert asked.operation == shown


def test_whoever_logs_does_not_wait_for_a_pipe_that_nobody_reads(configured: Callable[..., Lines]) -> None:
    read, write = os.pipe()
    pipe: TextIO = os.fdopen(write, "w")

    def say() -> None:
        for _ in range(3_000):
            log.info("x" * 100)

    lines = configured(pipe, log_queue_max=100)
    saying = threading.Thread(target=say)
    saying.start()
    saying.join(10)

    assert not saying.is_alive()
    assert lines.handler.dropped > 1_000
    with os.fdopen(read) as reader:
        told = next(line for line in map(json.loads, reader) if line["event"] == "log_lines_dropped")
        assert told["count"] == lines.handler.dropped
        lines.handler.close()
        pipe.close()


def test_a_stream_that_is_gone_stops_nothing(configured: Callable[..., Lines]) -> None:
    stream = StringIO()
    lines = configured(stream)
    stream.close()

    log.info("one")
    lines.handler.flush()

    assert lines.handler.dropped == 1
