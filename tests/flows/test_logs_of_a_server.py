"""What a server writes about what people ask of it: enough to follow one request, and nothing that is theirs."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.answers import WAIT_S
from tests.server_process import LOOK_AGAIN_S, Account, ServerProcess, open_socket, sign_up

MARKER = "MARKERhunter2"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-00"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server that writes all it can write."""
    data_dir = tmp_path_factory.mktemp("logs") / "data"
    async with ServerProcess(data_dir, log_level="debug", log_requests="all", tenant="ours") as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=WAIT_S) as client:
        yield client


async def line_of(server: ServerProcess, **fields: object) -> dict[str, Any]:
    """Wait for the first line with these fields."""
    async with asyncio.timeout(WAIT_S):
        while True:
            for text in server.output.splitlines():
                line = json.loads(text) if text.startswith("{") else {}
                if all(line.get(name) == value for name, value in fields.items()):
                    return dict(line)
            await asyncio.sleep(LOOK_AGAIN_S)


async def post(server: ServerProcess, http: httpx.AsyncClient, body: object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["content-type"] = "application/json"
    return await http.post(f"{server.url}/graphql", content=content, headers=named)


async def test_one_request_is_followed_from_its_answer_to_the_workers(
    running: ServerProcess, http: httpx.AsyncClient
) -> None:
    ada = await sign_up(http, running.url, "ada")
    body = {
        "query": "mutation Say($i: PostTweetInput!) { postTweet(input: $i) { tweet { id } } }",
        "variables": {"i": {"text": "hello"}},
    }

    answer = await post(running, http, body, authorization=f"Bearer {ada.token}", x_request_id="from-the-edge.1")

    assert answer.headers["x-request-id"] == "from-the-edge.1"
    line = await line_of(running, event="operation", correlationId="from-the-edge.1")
    assert (line["operation"], line["status"], line["tenantId"]) == ("Say", 200, "ours")
    assert line["viewerId"].isdigit()
    assert 0 < line["latencyMs"] < 10_000
    for group in ("store", "fanout"):
        handled = await line_of(running, event="events_handled", group=group, correlationIds=["from-the-edge.1"])
        assert handled["first"] == handled["last"]


@pytest.mark.parametrize(
    ("headers", "correlation_id"),
    [
        ({"traceparent": TRACEPARENT}, TRACE),
        ({"traceparent": TRACEPARENT, "x_request_id": "mine"}, "mine"),
        ({"traceparent": TRACEPARENT, "x_request_id": "not mine"}, TRACE),
    ],
)
async def test_a_request_goes_by_its_own_name_or_else_by_its_traces(
    running: ServerProcess, http: httpx.AsyncClient, headers: Mapping[str, str], correlation_id: str
) -> None:
    answer = await post(running, http, {"query": "{ viewer { id } }"}, **headers)

    assert answer.headers["x-request-id"] == correlation_id
    line = await line_of(running, event="operation", correlationId=correlation_id)
    assert line["traceId"] == TRACE


async def test_a_failure_tells_its_code(running: ServerProcess, http: httpx.AsyncClient) -> None:
    await post(running, http, {"query": "query Bad { nothing }"}, x_request_id="bad-1")

    line = await line_of(running, event="operation", correlationId="bad-1")
    assert (line["level"], line["code"], line["operation"], line["status"]) == (
        "info",
        "GRAPHQL_VALIDATION_FAILED",
        "Bad",
        400,
    )


async def test_no_line_holds_what_is_somebodys_own(running: ServerProcess, http: httpx.AsyncClient) -> None:
    grace = await sign_up(http, running.url, "grace")

    await _say_it_over_http(running, http, grace)
    await _say_it_on_a_socket(running, grace)
    _put_it_into_the_log(running.data_dir)

    assert (await line_of(running, event="event_buried", group="store"))["error"] == "MalformedEvent"
    assert (await line_of(running, operation="Marked", code="UNAUTHENTICATED"))["event"] == "operation"
    assert [line for line in running.output.splitlines() if "hunter2" in line.lower()] == []
    assert [line for line in running.output.splitlines() if grace.token[:30] in line] == []


async def _say_it_over_http(server: ServerProcess, http: httpx.AsyncClient, account: Account) -> None:
    """Put the marker wherever a client can, into good requests and bad ones."""
    bearer = {"authorization": f"Bearer {account.token}"}
    tweet = (
        "mutation Marked($input: PostTweetInput!) { postTweet(input: $input) { tweet { text } userErrors { code } } }"
    )
    log_in = "mutation Marked($input: LogInInput!) { logIn(input: $input) { token userErrors { code message } } }"
    bodies: list[tuple[object, dict[str, str]]] = [
        ({"query": tweet, "variables": {"input": {"text": MARKER}}}, bearer),
        ({"query": tweet, "variables": {"input": {"text": MARKER * 100}}}, bearer),
        ({"query": tweet, "variables": {"input": {"text": MARKER, "idempotencyKey": MARKER * 50}}}, bearer),
        ({"query": tweet, "variables": {"input": {"text": {MARKER: MARKER}}}}, bearer),
        ({"query": tweet, "variables": {"input": {"text": MARKER}}}, {}),
        ({"query": log_in, "variables": {"input": {"handle": account.handle, "password": MARKER}}}, {}),
        ({"query": log_in, "variables": {"input": MARKER}}, {}),
        ({"query": f'query Marked {{ viewer {{ {MARKER}(a: "{MARKER}") }} }}'}, bearer),
        ({"query": f'query {{ user(handle: "{MARKER}") {{ id }} node(id: "{MARKER}") {{ id }} }}'}, bearer),
        ({"query": f"query Marked {{ {MARKER} "}, bearer),
        ({"query": "{ viewer { id } }", "operationName": f"{MARKER} {MARKER}"}, bearer),
        ({"query": "{ viewer { id } }", "extensions": {"persistedQuery": {"sha256Hash": MARKER}}}, bearer),
        ({"query": {"text": MARKER}}, bearer),
        (b'{"query": "' + MARKER.encode() + b'"', bearer),
        (b"\xff" + MARKER.encode(), bearer),
        (b'"' + MARKER.encode() * 20_000 + b'"', bearer),
        ({"query": "{ viewer { id } }"}, {"authorization": f"Bearer {MARKER}"}),
        ({"query": "{ viewer { id } }"}, {"authorization": f"Bearer {account.token}{MARKER}"}),
        ({"query": "{ viewer { id } }"}, {"cookie": MARKER, "traceparent": MARKER, "accept": MARKER}),
        ({"query": "{ viewer { id } }"}, {"x_request_id": f"{MARKER} {MARKER}"}),
    ]
    for body, headers in bodies:
        await post(server, http, body, **headers)
    for path in (f"/graphql?query={{{MARKER}}}&variables={MARKER}", f"/{MARKER}?token={MARKER}"):
        await http.get(f"{server.url}{path}", headers={"accept": "application/json"})
    events = {"accept": "text/event-stream", **bearer}
    await post(server, http, {"query": f'subscription Marked {{ hashtagUpdates(name: "{MARKER}" }}'}, **events)


async def _say_it_on_a_socket(server: ServerProcess, account: Account) -> None:
    async with open_socket(server.socket_url, account.token) as one:
        for number, document in enumerate(
            (
                f'query Marked {{ user(handle: "{MARKER}") {{ id }} }}',
                f"query Marked {{ viewer {{ {MARKER} }} }}",
                f'subscription Marked {{ userTweetsUpdates(handle: "{MARKER}") {{ id }} }}',
                f'subscription Marked {{ homeTimelineUpdates(after: "{MARKER}") {{ __typename }} }}',
            )
        ):
            await one.subscribe(document, operation_id=f"{MARKER}{number}")
            while (await one.message())["type"] == "next":
                pass
    for frame in (
        {"type": "connection_init", "payload": {"authorization": f"Bearer {MARKER}"}},
        {"type": "connection_init", "payload": MARKER},
        {"type": MARKER},
        {"id": MARKER, "type": "subscribe", "payload": {"query": MARKER}},
    ):
        async with connect(server.socket_url, subprotocols=[Subprotocol("graphql-transport-ws")]) as raw:
            await raw.send(json.dumps(frame))
            with suppress(ConnectionClosed):
                await raw.recv()


def _put_it_into_the_log(data_dir: Path) -> None:
    """Append what no group can handle, as another process may."""
    with sqlite3.connect(data_dir / "log.db") as log:
        for payload in (f'{{"type":"TweetPosted","text":"{MARKER}"}}', MARKER, f'{{"type":"{MARKER}"}}'):
            log.execute("INSERT INTO events (key, is_entry, payload, appended_at_ms) VALUES (1, 1, ?, 1)", (payload,))
    log.close()
