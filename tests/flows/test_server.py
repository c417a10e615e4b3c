"""A server as its owner runs it: a process of its own, from an empty folder to a clean end and a new start."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus

from infra.app import create_app, drain
from infra.clocks import Clocks
from infra.live_protocol import LiveProtocol, LiveServer
from infra.settings import Settings
from tests.answers import WAIT_S
from tests.server_process import (
    LOOK_AGAIN_S,
    PASSWORD,
    Account,
    ServerProcess,
    answered,
    event_updates,
    open_socket,
    sign_up,
)

PAGE_OF_A_FRIEND = "http://friend.example:8080"
PAGE_OF_A_STRANGER = "http://stranger.example"
SLOW_HASHES = 25
"""Passes of argon2 over the default memory: a sign-up takes long enough to be under way when the server stops."""
TIMEOUT_S = 30.0
EXPIRES_IN_S = 1.5
"""A token that was issued for whole seconds lives this long at least, less one."""
NEEDS_ALL = "query { viewer { handle } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServerProcess]:
    """A server on an empty folder for all tests that only talk to it."""
    data_dir = tmp_path_factory.mktemp("server") / "data"
    async with ServerProcess(data_dir, allowed_origins=PAGE_OF_A_FRIEND) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        yield client


@asynccontextmanager
async def served(folder: Path, **settings: object) -> AsyncIterator[tuple[ServerProcess, httpx.AsyncClient]]:
    """Run a server on a folder, and a client of it."""
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_S) as http,
        ServerProcess(folder / "data", **settings) as server,  # type: ignore[arg-type]
    ):
        yield server, http


async def test_a_server_starts_empty_and_tells_a_post_to_pages_sockets_and_event_streams(
    running: ServerProcess, http: httpx.AsyncClient
) -> None:
    ada, bob = await sign_up(http, running.url, "ada"), await sign_up(http, running.url, "bob")
    assert await bob.home() == []
    await bob.follow(ada)
    cursor = (await bob.ask("HomeTimeline"))["liveCursor"]
    async with (
        open_socket(running.socket_url, bob.token) as one,
        aclosing(event_updates(bob, "HomeTimelineUpdates", after=cursor)) as events,
    ):
        await one.subscribe("HomeTimelineUpdates", after=cursor)
        await ada.tweet("Hello, world")
        told = [await one.next(), await anext(events)]
    assert [(update["__typename"], update["tweet"]["text"]) for update in told] == [
        ("TimelineTweetAdded", "Hello, world")
    ] * 2
    assert await bob.home() == await ada.home() == ["Hello, world"]


async def test_a_new_start_keeps_everything_and_streams_go_on_from_their_cursors(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, http):
        ada, bob = await sign_up(http, server.url, "ada"), await sign_up(http, server.url, "bob")
        await bob.follow(ada)
        await ada.tweet("before")
        cursor = (await bob.ask("HomeTimeline"))["liveCursor"]
        first = await ada.tweet("unseen", idempotencyKey="k")
        assert await server.stop() in {0, -signal.SIGTERM}
        await server.start()
        assert await bob.home() == ["unseen", "before"]
        assert await ada.tweet("unseen", idempotencyKey="k") == first
        given = {"handle": "ADA", "password": PASSWORD}
        assert (await answered(http, server.url, "LogIn", {"input": given})).value["viewer"]["handle"] == "ada"
        async with open_socket(server.socket_url, bob.token) as one:
            await one.subscribe("HomeTimelineUpdates", after=cursor)
            update = await one.next()
        assert (update["tweet"]["text"], update["replayed"]) == ("unseen", True)


async def test_a_server_that_stops_answers_what_is_under_way_and_then_closes_with_1012(tmp_path: Path) -> None:
    async with served(tmp_path, argon2_time_cost=SLOW_HASHES, argon2_memory_kib=19_456) as (server, http):
        ada = await sign_up(http, server.url, "ada")
        stream = event_updates(ada, "HomeTimelineUpdates")
        async with (
            open_socket(server.socket_url, ada.token) as idle,
            open_socket(server.socket_url, ada.token) as busy,
            aclosing(stream),
        ):
            over_events = asyncio.ensure_future(anext(stream, "the end"))
            over_http = asyncio.ensure_future(sign_up(http, server.url, "bob"))
            await idle.subscribe("HomeTimelineUpdates")
            given = {"handle": "cy", "displayName": "Cy", "password": PASSWORD}
            await busy.subscribe("SignUp", input=given)
            await busy.send({"type": "ping"})
            assert (await busy.message())["type"] == "pong"
            async with asyncio.timeout(WAIT_S):
                while "roost_home_streams 2.0" not in (await http.get(f"{server.url}/metrics")).text:
                    pass  # the stream of events is on its way
            server.terminate()
            assert await idle.close_code() == 1012
            assert (await busy.next())["viewer"]["handle"] == "cy"
            assert (await busy.message())["type"] == "complete"
            assert await busy.close_code() == 1012
            assert (await over_http).handle == "bob"
            assert await over_events == "the end"
        assert await server.wait() in {0, -signal.SIGTERM}
        assert "exception" not in server.output


async def test_health_and_metrics_tell_how_it_is(running: ServerProcess, http: httpx.AsyncClient) -> None:
    hal = await sign_up(http, running.url, "hal")
    await hal.tweet("Hello, world")
    assert (await http.get(f"{running.url}/health/live")).status_code == 200
    health = (await http.get(f"{running.url}/health/ready")).json()
    assert health["status"] == "ready"
    assert {"log", "stores", "store", "fanout", "notify", "hub"} <= health["parts"].keys()
    metrics = await http.get(f"{running.url}/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    counted = {family.name: family.samples for family in text_string_to_metric_families(metrics.text)}
    reached = {sample.labels["group"]: sample.value for sample in counted["roost_group_position"]}
    assert reached.keys() == {"store", "fanout", "notify", "search", "trends"}
    assert min(reached["store"], reached["fanout"]) >= 1
    assert {sample.labels["status"]: sample.value >= 2 for sample in counted["roost_http_requests"]}["200"]
    took = {sample.labels.get("operation") for sample in counted["roost_operation_duration_seconds"]}
    assert {"SignUp", "PostTweet"} <= took


async def test_only_pages_that_are_allowed_may_call(running: ServerProcess, http: httpx.AsyncClient) -> None:
    carol = await sign_up(http, running.url, "carol")
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = {}
    for origin in (PAGE_OF_A_FRIEND, PAGE_OF_A_STRANGER):
        answers = [
            await http.options(f"{running.url}/graphql", headers={"origin": origin, **asked}),
            await http.post(f"{running.url}/graphql", json={"query": NEEDS_ALL}, headers={"origin": origin}),
        ]
        allowed[origin] = [answer.headers.get("access-control-allow-origin") for answer in answers]
    assert allowed == {PAGE_OF_A_FRIEND: [PAGE_OF_A_FRIEND] * 2, PAGE_OF_A_STRANGER: [None] * 2}
    async with open_socket(running.socket_url, carol.token, origin=PAGE_OF_A_FRIEND) as one:
        await one.subscribe(NEEDS_ALL)
        assert await one.next() == {"handle": "carol"}
    with pytest.raises(InvalidStatus) as refused:
        async with open_socket(running.socket_url, carol.token, origin=PAGE_OF_A_STRANGER):
            pass
    assert refused.value.response.status_code == 403


async def test_wrong_settings_are_all_named_with_what_is_allowed(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", push_limit="lots", allowed_origins="*", pots=8000)
    server.launch()
    try:
        assert await server.wait() not in {0, -signal.SIGTERM}
    finally:
        server.end()
    lines = server.output.splitlines()
    assert [line for line in lines if "ROOST_PUSH_LIMIT is 'lots'; allowed is a whole number from 1 to 20000" in line]
    assert [line for line in lines if "ROOST_ALLOWED_ORIGINS is '*'" in line]
    assert [line for line in lines if "ROOST_POTS is no setting" in line]
    assert "Traceback" not in server.output
    assert not (tmp_path / "data").exists()


async def test_a_second_server_on_a_folder_says_who_has_it_and_leaves_the_first_alone(
    running: ServerProcess, http: httpx.AsyncClient
) -> None:
    dan = await sign_up(http, running.url, "dan")
    second = ServerProcess(running.data_dir)
    second.launch()
    try:
        assert await second.wait() not in {0, -signal.SIGTERM}
    finally:
        second.end()
    assert f"{running.data_dir} is in use by `roost serve` (process " in second.output
    assert "Traceback" not in second.output
    await dan.tweet("still here")
    assert await dan.home() == ["still here"]


async def test_log_lines_are_json_and_tell_no_secrets(tmp_path: Path) -> None:
    secret_text = "the quick brown fox"
    async with served(tmp_path, log_level="debug") as (server, http):
        ada = await sign_up(http, server.url, "ada")
        await ada.tweet(secret_text)
        await talk_nonsense(server, ada, secret_text)
        async with open_socket(server.socket_url, ada.token) as one:
            await one.subscribe("PostTweet", input={"text": f"{secret_text}, again"})
            await one.next()
        await server.stop()
        lines = [line for line in server.output.splitlines() if line.startswith("{")]
        told = [json.loads(line) for line in lines]
        assert all({"time", "level", "logger", "event"} <= each.keys() for each in told)
        assert len(told) > 5
        for secret in (PASSWORD, ada.token, ada.token.split(".")[2], secret_text, "wrong password"):
            assert secret not in server.output
        assert not [each for each in told if "exception" in each]


async def talk_nonsense(server: ServerProcess, ada: Account, text: str) -> None:
    """Send what is refused, with secrets in it."""
    given: dict[str, Any] = {"handle": "ada", "password": "wrong password"}
    assert (await answered(ada.http, server.url, "LogIn", {"input": given})).user_errors != []
    assert (await ada.run("mutation { postTweet(input: {text: 7, wrong: true}) { tweet { id } } }")).errors
    refused = await ada.http.post(f"{server.url}/graphql", content=f'{{"query": "{text}'.encode())
    assert refused.status_code in {400, 415}
    refused = await ada.http.get(f"{server.url}/graphql", params={"query": text, "token": ada.token})
    assert refused.status_code == 400


async def test_a_socket_is_closed_with_4403_when_its_token_expires(tmp_path: Path) -> None:
    ahead_s = 0.0
    clocks = Clocks(lambda: time.time() + ahead_s)
    settings = Settings.for_tests(tmp_path, token_lifetime_hours=1)
    app = create_app(settings, clocks)
    async with serving(app) as port, httpx.AsyncClient() as http:
        ada = await sign_up(http, f"http://127.0.0.1:{port}", "ada")
        ahead_s = 3600 - EXPIRES_IN_S
        async with open_socket(f"ws://127.0.0.1:{port}/graphql", ada.token) as one:
            await one.subscribe("HomeTimelineUpdates")
            assert await one.close_code() == 4403
        assert (await ada.run("Viewer")).codes == ["UNAUTHENTICATED"]


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[int]:
    """Serve an application within this process, on the port that is answered."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, ws=LiveProtocol, log_config=None)
    server = LiveServer(config, lambda: drain(app))
    running = asyncio.ensure_future(server.serve())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                if server.started:
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def test_an_idle_connection_is_kept_as_long_as_the_settings_say(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path / "data", keep_alive_s=1) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /health/live HTTP/1.1\r\nhost: here\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        began_s = time.monotonic()

        async with asyncio.timeout(TIMEOUT_S):
            await reader.read()
        writer.close()

    assert time.monotonic() - began_s >= 0.9
    assert Settings().keep_alive_s > 60, "longer than what load balancers and clients keep idle connections for"
