import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect
from strawberry.http import GraphQLRequestData

from infra.live_http import LiveHttpProtocol
from infra.live_sse import sse_response
from resolvers.context import Context
from tests.infra.live import World, contract, eventually, open_world

HOME = contract("HomeTimelineUpdates")
SHORT = "subscription { homeTimelineUpdates { ... on TimelineTweetAdded { tweet { text } } } }"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.person("bob", "ada")
        yield opened


LARGE = SHORT.replace("text", " ".join(["text", *(f"a{number}: text" for number in range(28))]))


def request(world: World, query: str, handle: str) -> bytes:
    """Return the bytes that ask for a stream of events."""
    body = json.dumps({"query": query}).encode()
    lines = ["POST /graphql HTTP/1.1", "host: localhost", "content-type: application/json"]
    lines += ["accept: text/event-stream", f"authorization: {world.token(handle)}", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Events:
    """A stream of server-sent events, from the outside."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """Answer the next event's name and data, comments left out."""
        async with asyncio.timeout(10):
            name = ""
            async for line in self._lines:
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                    return name, json.loads(data) if data else None
                elif line.startswith(":"):
                    assert line == ": ping"
            return "", None


@asynccontextmanager
async def events(world: World, query: str, handle: str | None = None, **variables: Any) -> AsyncIterator[Events]:
    headers = {"accept": "text/event-stream"} | ({} if handle is None else {"authorization": world.token(handle)})
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.port}", headers=headers, timeout=10) as client,
        client.stream("POST", "/graphql", json={"query": query, "variables": variables}) as response,
    ):
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
        yield Events(response)


async def test_server_sent_events_share_what_is_rendered_for_sockets(world: World) -> None:
    async with world.client("bob") as client, events(world, HOME, "bob") as stream:
        await world.follow(client)
        await eventually(lambda: world.engine.hub.stream_count() == 2)
        await world.post("ada", "to both")
        message = await client.read()
        assert await stream.next() == ("next", message["payload"])
        assert (world.live.executed, world.live.deliveries) == (1, 2)
        await world.live.close_all()
        assert await stream.next() == ("complete", None)
    assert world.live.open == 0


async def test_who_leaves_a_stream_of_events_leaves_nothing_behind(world: World) -> None:
    async with events(world, HOME, "bob"):
        await eventually(lambda: world.engine.hub.stream_count() == 1)
    await eventually(lambda: world.live.open == 0)
    await eventually(lambda: not world.heard())


@pytest.mark.parametrize(
    ("query", "handle", "code"),
    [
        (HOME, None, "UNAUTHENTICATED"),
        ('subscription { homeTimelineUpdates(after: "x") { __typename } }', "bob", "BAD_USER_INPUT"),
        ("subscription { nothing }", None, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_event_stream_that_cannot_begin_says_why_and_completes(
    world: World, query: str, handle: str | None, code: str
) -> None:
    async with events(world, query, handle) as stream:
        name, data = await stream.next()
        assert (name, data["errors"][0]["extensions"]["code"], "data" in data) == ("next", code, False)
        assert await stream.next() == ("complete", None)


async def test_an_event_stream_that_is_not_read_in_time_ends_as_unavailable(tmp_path: Path) -> None:
    async with open_world(tmp_path, settings={"mailbox_size": 5}) as world:
        await world.person("bob", "ada")
        async with events(world, HOME, "bob") as stream:
            await eventually(lambda: world.engine.hub.stream_count() == 1)
            await asyncio.gather(*(world.post("ada", f"{number}") for number in range(50)))
            name, data = await stream.next()
            while "errors" not in data:
                name, data = await stream.next()
            assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "UNAVAILABLE")
            assert await stream.next() == ("complete", None)
        assert world.live.closed == {1013: 1}


async def test_who_stops_reading_an_event_stream_is_cut_off_with_bounded_memory(tmp_path: Path) -> None:
    async with open_world(tmp_path, stall_s=0.3) as world:
        await world.person("bob", "ada")
        await world.person("cyd", "ada")
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            stalled.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stalled, ("127.0.0.1", world.port))
            await asyncio.get_running_loop().sock_sendall(stalled, request(world, LARGE, "bob"))
            await eventually(lambda: world.engine.hub.stream_count() == 1)
            (unread,) = [each for each in world.server.server_state.connections if isinstance(each, LiveHttpProtocol)]
            async with events(world, LARGE, "cyd") as reading:
                await eventually(lambda: world.engine.hub.stream_count() == 2)
                buffered = 0
                for number in range(100):
                    await world.post("ada", f"{number:03d}" + "x" * 270)
                    assert f"{number:03d}x" in str(await reading.next())
                    buffered = max(buffered, unread.transport.get_write_buffer_size())
                await eventually(lambda: unread not in world.server.server_state.connections)
                assert buffered < 65_536 + 2 * 28 * 300
                assert world.engine.hub.stream_count() == 1
                assert world.live.closed == {1013: 1}
                await world.post("ada", "after")
                assert "after" in str(await reading.next())


async def test_on_another_server_a_stalled_event_stream_ends_all_the_same(tmp_path: Path) -> None:
    async with open_world(tmp_path, stall_s=0.05) as world:
        await world.person("bob", "ada")
        data = GraphQLRequestData(query=HOME, variables=None, operation_name=None, extensions=None)
        context = Context(world.engine.services, world.people["bob"].id)
        response = await sse_response(world.live, data, context, "id")
        assert response is not None
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > 1:
                await asyncio.Event().wait()

        answering = asyncio.ensure_future(response({"type": "http"}, receive, send))
        await eventually(lambda: world.engine.hub.stream_count() == 1)
        await world.post("ada", "never taken")
        with pytest.raises(ClientDisconnect):
            await answering
        assert (world.live.open, world.live.closed, world.engine.hub.stream_count()) == (0, {1013: 1}, 0)


async def test_beyond_the_limit_an_event_stream_is_refused_with_503(tmp_path: Path) -> None:
    async with open_world(tmp_path, sockets_max=1) as world, world.client(), httpx.AsyncClient() as client:
        url, headers = f"http://127.0.0.1:{world.port}/graphql", {"accept": "text/event-stream"}
        query = 'subscription { hashtagUpdates(name: "a") { id } }'
        response = await client.post(url, json={"query": query}, headers=headers)
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_a_stopping_server_completes_its_event_streams(world: World) -> None:
    async with events(world, HOME, "bob") as stream:
        await eventually(lambda: world.engine.hub.stream_count() == 1)
        world.server.should_exit = True
        assert await stream.next() == ("complete", None)
