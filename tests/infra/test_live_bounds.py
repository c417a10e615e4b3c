import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from infra.gate import NoRoom
from infra.live_protocol import LiveProtocol
from loaders.global_ids import encode_id
from tests.infra.live import Endpoint, World, contract, eventually, open_world, text_of

HOME = contract("HomeTimelineUpdates")
SHORT = "subscription { homeTimelineUpdates { ... on TimelineTweetAdded { tweet { text } } } }"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.person("bob", "ada")
        yield opened


LARGE = SHORT.replace("text", " ".join(["text", *(f"a{number}: text" for number in range(28))]))


async def test_who_stops_reading_is_cut_off_with_bounded_memory_and_others_hear_everything(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(open_world(tmp_path, stall_s=0.3))
        await world.person("bob", "ada")
        await world.person("cyd", "ada")
        narrow = stack.enter_context(socket.socket())
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", world.port))
        stalled = await stack.enter_async_context(world.client("bob", sock=narrow, max_queue=1, close_timeout=0.01))
        await world.follow(stalled, "1", LARGE)
        reading = await stack.enter_async_context(world.client("cyd"))
        await world.follow(reading, "1", LARGE)
        peers = [each for each in world.server.server_state.connections if isinstance(each, LiveProtocol)]
        assert len(peers) == 2
        texts = [f"{number:03d}" + "x" * 270 for number in range(100)]
        buffered = 0
        for text in texts:
            await world.post("ada", text)
            assert text_of(await reading.read()) == text
            buffered = max(buffered, *(peer.transport.get_write_buffer_size() for peer in peers))
        assert buffered < 65_536 + 2 * 28 * 300
        await eventually(lambda: world.live.closed[1013] == 1)
        await eventually(lambda: len(world.server.server_state.connections) == 1)
        assert world.engine.hub.stream_count() == 1
        await world.post("ada", "after")
        assert text_of(await reading.read()) == "after"


async def test_a_stream_whose_mailbox_overflows_is_closed_with_1013_and_resumes_from_its_cursor(tmp_path: Path) -> None:
    async with open_world(tmp_path, settings={"mailbox_size": 5}) as world:
        await world.person("bob", "ada")
        async with world.client("bob") as client:
            await world.follow(client)
            await world.post("ada", "first")
            cursor = (await client.read())["payload"]["data"]["homeTimelineUpdates"]["liveCursor"]
            await asyncio.gather(*(world.post("ada", f"{number}") for number in range(50)))
            assert await client.closed() == (1013, "Too slow: come back with your cursor")
        await eventually(lambda: world.engine.hub.stream_count() == 0)
        assert await world.engine.drained(10)
        async with world.client("bob") as client:
            await world.follow(client, after=cursor)
            assert {text_of(await client.read()) for _ in range(50)} == {f"{number}" for number in range(50)}


async def test_a_stream_that_finds_no_room_is_not_ended_but_closed_with_1013_and_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> None:
        raise NoRoom("Too much is asked for at once: ask again", retry_after_s=1.0)

    async with world.client("bob") as crowded:
        with monkeypatch.context() as patch:
            patch.setattr(Endpoint, "enter_stream", refuse)
            await crowded.subscribe("home", HOME)
            assert await crowded.closed() == (1013, "Too much is asked for at once: ask again")
    async with world.client("bob") as again:
        await world.follow(again)
        await world.post("ada", "hello")
        assert text_of(await again.read()) == "hello"


async def test_beyond_the_limit_new_sockets_are_closed_with_1013(tmp_path: Path) -> None:
    async with open_world(tmp_path, sockets_max=1) as world:
        async with world.client() as first:
            async with world.bare() as second:
                assert (await second.closed())[0] == 1013
            assert await first.ask("{ __typename }")
        await eventually(lambda: world.live.open == 0)
        async with world.client() as third:
            assert await third.ask("{ __typename }")
        assert (world.live.opened, world.live.closed[1013]) == (2, 1)


async def test_a_client_that_vanishes_leaves_nothing_behind(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client, "1")
        await world.follow(client, "2", SHORT)
        await client.subscribe("3", contract("TweetCounts"), id=encode_id("Tweet", 1))
        await eventually(lambda: ("counts", 1) in world.heard())
        client.connection.transport.abort()
        await eventually(lambda: world.live.open == 0)
        await eventually(lambda: not world.heard())
    assert world.live.closed[1006] + world.live.closed[1005] == 1
    assert not world.server.server_state.connections


class HeldPasswords:
    """Passwords that take until they are let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def hash(self, password: str) -> str:
        self.asked.set()
        await self.let_go.wait()
        return password

    async def verify(self, password_hash: str | None, password: str) -> bool:
        return password_hash == password

    def close(self) -> None:
        """Nothing is held."""


async def test_at_the_end_a_socket_is_closed_with_1012_after_what_is_under_way(tmp_path: Path) -> None:
    passwords = HeldPasswords()
    async with open_world(tmp_path, services=lambda given: replace(given, passwords=passwords)) as world:
        await world.person("bob", "ada")
        async with world.client("bob") as busy, world.client("bob") as idle:
            await world.follow(busy)
            await world.follow(idle)
            await busy.subscribe(
                "up", contract("SignUp"), input={"handle": "dan", "displayName": "Dan", "password": "12345678"}
            )
            await passwords.asked.wait()
            closing = asyncio.ensure_future(world.live.close_all())
            assert await idle.closed() == (1012, "The service restarts")
            assert world.live.open == 1
            async with world.bare() as late:
                assert (await late.closed())[0] == 1013
            passwords.let_go.set()
            answer = await busy.read()
            assert answer["payload"]["data"]["signUp"]["viewer"]["handle"] == "dan"
            assert await busy.read() == {"id": "up", "type": "complete"}
            assert await busy.closed() == (1012, "The service restarts")
            await closing
        assert world.live.closed == {1012: 2, 1013: 1}


async def test_what_outlasts_the_grace_does_not_hold_up_the_end(tmp_path: Path) -> None:
    passwords = HeldPasswords()
    options: dict[str, Any] = {"services": lambda given: replace(given, passwords=passwords), "grace_s": 0.05}
    async with open_world(tmp_path, **options) as world, world.client() as client:
        await client.subscribe(
            "up", contract("SignUp"), input={"handle": "dan", "displayName": "Dan", "password": "12345678"}
        )
        await passwords.asked.wait()
        await world.live.close_all()
        assert await client.closed() == (1012, "The service restarts")


async def test_a_stopping_server_closes_its_sockets_with_1012(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client)
        world.server.should_exit = True
        assert await client.closed() == (1012, "The service restarts")


async def test_on_another_protocol_of_the_server_sockets_work_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, protocol=WebSocketsSansIOProtocol) as world:
        await world.person("bob", "ada")
        async with world.client("bob") as client, world.bare() as rude, world.client("bob") as other:
            await world.follow(client)
            await world.follow(other)
            await asyncio.gather(*(world.post("ada", f"{number}") for number in range(20)))
            assert len([text_of(await client.read()) for _ in range(20)]) == 20
            await rude.connection.send("[]")
            assert (await rude.closed())[0] == 4400
            await client.send({"id": "home", "type": "complete"})
            await world.live.close_all()
            assert (await client.closed())[0] == 1012
            assert (await other.closed())[0] == 1012


async def test_a_message_in_very_many_fragments_is_closed_with_1009(world: World) -> None:
    async with world.bare() as client:
        await client.connection.send(["{", *[""] * 2_000])
        assert await client.closed() == (1009, "Too many fragments")
