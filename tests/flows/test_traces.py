"""One trace leads from a mutation to the sockets, and holds nothing of what was said in it."""

import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.answers import WAIT_S, contract
from tests.collector import Collector
from tests.server_process import ServerProcess, event_updates, free_port, open_socket, sign_up

MARKER = "MARKERhunter2"
SPREAD = ("log.append", "store handle", "fanout handle", "broadcast publish", "socket deliver")
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector.running() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=WAIT_S) as client:
        yield client


async def spans_by_outcome(http: httpx.AsyncClient, server: ServerProcess) -> dict[str, float]:
    text = (await http.get(f"{server.url}/metrics")).text
    (family,) = [each for each in text_string_to_metric_families(text) if each.name == "roost_trace_spans"]
    return {sample.labels["outcome"]: sample.value for sample in family.samples}


async def test_one_trace_leads_from_a_mutation_to_a_socket(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=1.0, tenant="ours") as server:
        ada, bob = await sign_up(http, server.url, "ada"), await sign_up(http, server.url, "bob")
        await bob.follow(ada)
        await bob.home()
        async with open_socket(server.socket_url, bob.token) as live:
            await live.subscribe("HomeTimelineUpdates")
            await ada.tweet(MARKER)
            await live.next()
            spans = await collector.trace_with("POST /graphql", "mutation PostTweet", *SPREAD)

    chain = (
        "POST /graphql",
        "mutation PostTweet",
        "log.append",
        "fanout handle",
        "broadcast publish",
        "socket deliver",
    )
    for parent, child in pairwise(chain):
        assert spans[child][0].parent_id == spans[parent][0].span_id, child
    assert spans["store handle"][0].parent_id == spans["log.append"][0].span_id
    assert spans["POST /graphql"][0].parent_id == ""
    assert {span.service for each in spans.values() for span in each} == {"roost-gateway"}
    told = spans["mutation PostTweet"][0].attributes
    digest = hashlib.sha256(contract()["PostTweet"].encode()).hexdigest()
    assert told["graphql.operation.name"] == "PostTweet"
    assert told["graphql.document.hash"] == f"sha256:{digest}"
    assert told["roost.correlation_id"] == spans["POST /graphql"][0].trace_id
    (offset,) = spans["log.append"][0].attributes["roost.offsets"]
    for group in ("store", "fanout"):
        handled = spans[f"{group} handle"][0].attributes
        assert (handled["messaging.consumer.group.name"], handled["roost.offset"]) == (group, offset)
    assert collector.paths == {"/v1/traces"}


async def test_the_trace_leads_to_server_sent_events_as_well(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=1.0) as server:
        ada, bob = await sign_up(http, server.url, "ada"), await sign_up(http, server.url, "bob")
        await bob.follow(ada)
        # From a place in the log, so that it matters not whether the stream begins before the tweet.
        place = (await bob.ask("HomeTimeline", first=1))["liveCursor"]
        async with aclosing(event_updates(bob, "HomeTimelineUpdates", after=place)) as updates:
            await ada.tweet(MARKER)
            assert (await anext(updates))["tweet"]["text"] == MARKER
            spans = await collector.trace_with("mutation PostTweet", *SPREAD)

    (delivered,) = spans["socket deliver"]
    assert delivered.parent_id == spans["broadcast publish"][0].span_id
    assert delivered.attributes["roost.offset"] == spans["fanout handle"][0].attributes["roost.offset"]
    assert MARKER.encode() not in collector.raw


async def test_no_span_holds_what_is_somebodys_own(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=1.0) as server:
        ada = await sign_up(http, server.url, "ada")
        await ada.tweet(MARKER)
        await ada.run("LogIn", input={"handle": "ada", "password": MARKER})
        await ada.run(f'query Marked {{ user(handle: "{MARKER}") {{ id }} node(id: "{MARKER}") {{ id }} }}')
        await ada.run(f"query Marked {{ {MARKER} ")
        for headers in ({"authorization": f"Bearer {MARKER}"}, {"user-agent": MARKER, "baggage": f"a={MARKER}"}):
            for path in ("/graphql", f"/graphql?query={{{MARKER}}}&variables={MARKER}", f"/{MARKER}"):
                accept = {"accept": "application/json"}
                await http.get(f"{server.url}{path}", headers=headers | accept)
        await ada.run("query Last { viewer { id } }")
        await collector.trace_with("query Last", "POST /graphql")

    assert b"hunter2" not in collector.raw
    assert ada.token.encode()[:30] not in collector.raw
    assert {"mutation PostTweet", "mutation LogIn", "query Marked"} <= {span.name for span in collector.spans}


async def test_a_callers_decision_is_followed(tmp_path: Path, collector: Collector, http: httpx.AsyncClient) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=0.0) as server:
        body = {"query": "query Asked { viewer { id } }"}
        for flag, span in (("00", "1" * 16), ("01", SPAN)):
            answer = await http.post(
                f"{server.url}/graphql", json=body, headers={"traceparent": f"00-{TRACE}-{span}-{flag}"}
            )
            assert answer.headers["x-request-id"] == TRACE
        await http.post(f"{server.url}/graphql", json=body)
        spans = await collector.trace_with("query Asked", "POST /graphql")

    (outermost,) = spans["POST /graphql"]
    assert (outermost.trace_id, outermost.parent_id) == (TRACE, SPAN)
    assert {span.name for span in collector.spans} == {"POST /graphql", "query Asked"}


async def test_a_failure_of_what_is_not_traced_is_kept(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=0.0, write_wait_ms=0) as server:
        ada = await sign_up(http, server.url, "ada")
        tweet = await ada.tweet("hello")
        # Nothing is hidden within no time at all: the answer is UNAVAILABLE (V3).
        refused = await ada.run("DeleteTweet", id=tweet)
        assert refused.codes == ["UNAVAILABLE"]
        spans = await collector.trace_with("mutation DeleteTweet")

    (span,) = spans["mutation DeleteTweet"]
    assert span.is_error
    assert (span.attributes["error.type"], span.attributes["roost.sampled"]) == ("UNAVAILABLE", "error")
    assert 0 < span.end_ns - span.begin_ns < WAIT_S * 1_000_000_000
    assert {each.name for each in collector.spans} == {"mutation DeleteTweet"}


async def test_an_operation_on_a_socket_is_a_trace_of_its_own(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    async with ServerProcess(tmp_path / "data", otlp_url=collector.url, trace_ratio=1.0) as server:
        ada = await sign_up(http, server.url, "ada")
        async with open_socket(server.socket_url, ada.token) as live:
            await live.subscribe("PostTweet", input={"text": MARKER})
            await live.next()
            spans = await collector.trace_with("mutation PostTweet", "fanout handle")
            by_socket = [span for span in collector.spans if span.name == "mutation PostTweet" and span.parent_id == ""]

    assert [span.trace_id for span in by_socket] == [spans["fanout handle"][0].trace_id]


async def test_a_collector_that_is_away_or_hangs_harms_no_request(
    tmp_path: Path, collector: Collector, http: httpx.AsyncClient
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with ServerProcess(tmp_path / "away", otlp_url=away, trace_ratio=1.0, trace_timeout_ms=100) as server:
        ada = await sign_up(http, server.url, "ada")
        outcomes = {"failed": 0.0}
        while not outcomes["failed"]:
            await ada.run("Viewer")
            outcomes = await spans_by_outcome(http, server)
        assert outcomes["exported"] == 0
        assert await server.stop() in {0, -signal.SIGTERM}

    collector.released.clear()
    async with ServerProcess(
        tmp_path / "hangs", otlp_url=collector.url, trace_ratio=1.0, trace_queue_max=64, traces_per_s_max=10_000
    ) as server:
        ada = await sign_up(http, server.url, "ada")
        for _ in range(100):
            assert (await ada.run("Viewer")).errors == ()
        assert (await spans_by_outcome(http, server))["dropped"] > 0
        assert await server.stop() in {0, -signal.SIGTERM}


def test_where_nothing_is_traced_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from infra.app import create_app; from infra.settings import Settings;"
        "create_app(Settings.for_tests(Path(sys.argv[1])));"
        "import json; print(json.dumps([each for each in sys.modules if each.startswith('opentelemetry')]))"
    )

    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    assert json.loads(found.stdout) == []
