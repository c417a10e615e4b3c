"""A server that can open no more files: who is connected goes on, and who comes waits until there is room."""

import asyncio
from contextlib import suppress
from pathlib import Path

import httpx

from tests.server_process import COMMAND, ServerProcess, open_socket, sign_up

FILES = 128
CONNECTIONS = 300
REFUSED_S = 2.0
BACK_S = 30.0


async def test_who_is_connected_goes_on_though_no_more_files_can_be_opened(tmp_path: Path) -> None:
    command = ("sh", "-c", f'ulimit -n {FILES} && exec "$@"', "sh", *COMMAND, "serve")
    crowd: list[asyncio.StreamWriter] = []
    async with ServerProcess(tmp_path / "data", command) as server, httpx.AsyncClient(timeout=30.0) as http:
        ada, bob = [await sign_up(http, server.url, name) for name in ("ada", "bob")]
        await bob.follow(ada)
        async with open_socket(server.socket_url, bob.token) as socket:
            await socket.subscribe("HomeTimelineUpdates")
            for _ in range(CONNECTIONS):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                crowd.append(writer)
            async with httpx.AsyncClient(timeout=REFUSED_S) as somebody_new:
                with suppress(httpx.TransportError):
                    late = await somebody_new.get(f"{server.url}/health/live")
                    raise AssertionError(f"there were files left: {late.status_code}")

            await ada.tweet("still here")
            assert await bob.home() == ["still here"]
            assert (await socket.next())["tweet"]["text"] == "still here"

            for writer in crowd:
                writer.close()
            async with asyncio.timeout(BACK_S), httpx.AsyncClient(timeout=REFUSED_S) as somebody_new:
                while True:
                    with suppress(httpx.TransportError):
                        assert (await somebody_new.get(f"{server.url}/health/live")).status_code == 200
                        break
            await ada.tweet("and now")
