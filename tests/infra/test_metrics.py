"""What Prometheus reads of a real server: named as its conventions say, documented, and counting what happened."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.prometheus import needs_prometheus, promtool
from tests.server_process import ServerProcess
from tests.shown_metrics import busy, documented, names, told

TIMEOUT_S = 30.0
GROUPS = ("store", "fanout", "notify", "search", "trends")
ELSEWHERE = ("cluster", "worker", "traces are sent")
"""What the documentation says of metrics that this server does not have."""
SERIES_MAX = 700
"""Of a server that ran a dozen operations. One operation more makes fifteen."""


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        yield client


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path / "data", push_limit=2) as one:
        yield one


async def test_what_happened_is_counted(server: ServerProcess, http: httpx.AsyncClient) -> None:
    await busy(http, server)

    found = await told(http, server.url)

    assert found["roost_tweets_posted_total"][()] == 2
    assert found["roost_events_appended_total"]["RelationChanged",] == 4
    assert found["roost_entries_served_total"] == {("pushed",): 2, ("pulled",): 2}
    assert found["roost_timelines_rebuilt_total"][()] == 1
    assert found["roost_timelines_served_total"][()] >= 3
    assert found["roost_entries_pushed_total"][()] >= 1
    assert found["roost_audits_total"][()] == 1
    assert found["roost_audit_findings_total"] == {("missing",): 0, ("unexpected",): 0, ("duplicate",): 0}
    assert found["roost_post_to_timeline_seconds_count"] == {("pushed",): 1, ("pulled",): 1}
    assert found["roost_post_to_socket_seconds_count"][()] == 2
    assert 0 < found["roost_post_to_socket_seconds_sum"][()] < TIMEOUT_S
    assert found["roost_events_buried_total"] == {(group,): 0 for group in GROUPS}
    assert found["roost_lag_events"]["fanout",] == 0
    assert set(found["roost_part_ready"].values()) == {1.0}
    assert found["roost_pool_limit"]["passwords",] == 200
    assert found["roost_pool_in_use"]["pulls",] == 0
    assert found["roost_gc_pause_seconds_total"].keys() == {("0",), ("1",), ("2",)}
    assert found["process_resident_memory_bytes"][()] > 1_000_000


@needs_prometheus
async def test_promtool_has_nothing_to_say_against_the_metrics(server: ServerProcess, http: httpx.AsyncClient) -> None:
    await busy(http, server)
    text = (await http.get(f"{server.url}/metrics")).text

    assert promtool("check", "metrics", given=text) == (0, "")
    assert promtool("check", "metrics", given=text.replace("roost_audits_total", "roost_audits_number"))[0] != 0


async def test_every_metric_is_documented_and_there_are_no_more_series_than_one_can_keep(
    server: ServerProcess, http: httpx.AsyncClient
) -> None:
    await busy(http, server)
    text = (await http.get(f"{server.url}/metrics")).text
    shown = names(text)
    elsewhere = {name for name, about in documented().items() if any(word in about for word in ELSEWHERE)}

    assert shown - documented().keys() == set()
    assert documented().keys() - shown - elsewhere == set()
    assert len([line for line in text.splitlines() if not line.startswith("#")]) < SERIES_MAX
