import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.infra.live import World, contract, eventually, open_world

HOME = contract("HomeTimelineUpdates")
SHORT = "subscription { homeTimelineUpdates { ... on TimelineTweetAdded { tweet { text } } } }"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.person("bob", "ada")
        yield opened


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
