"""Entry point of the benchmarks' server processes: Roost itself, or the floor below any Python server."""

import gc
import os
import resource
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ACKNOWLEDGED = '{"type":"connection_ack"}'
BROADCAST = "/broadcast"


class Floor:
    """Raw ASGI: ready bytes for a request, and one ready frame to all sockets for a request of /broadcast."""

    def __init__(self, body_bytes: int) -> None:
        self._body = b"x" * body_bytes
        self._frame = "x" * body_bytes
        self._headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % body_bytes)]
        self._sends: set[Send] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer as ASGI asks."""
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": self._body})
            if scope["path"] == BROADCAST:
                await self._broadcast()
        elif scope["type"] == "websocket":
            await self._socket(receive, send)

    async def _broadcast(self) -> None:
        message = {"type": "websocket.send", "text": self._frame}
        for send in list(self._sends):
            await send(message)

    async def _socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self._sends.discard(send)
                return
            if "connection_init" in message["text"]:
                await send({"type": "websocket.send", "text": ACKNOWLEDGED})
            else:
                self._sends.add(send)


def raise_file_limit() -> None:
    """Let this process open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve_floor(port: int, body_bytes: int) -> None:
    """Serve the floor, with the same event loop and parsers as Roost."""
    import uvicorn

    app = Floor(body_bytes)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        backlog=2_048,
        timeout_graceful_shutdown=1,
    )


def serve_roost() -> None:
    """Serve Roost as `roost serve` does, with the settings of the environment."""
    from infra.server import run
    from infra.settings import Settings

    run(Settings.load(os.environ))


def main(arguments: list[str]) -> None:
    """Take `roost CORE` or `floor CORE PORT BYTES`."""
    kind, core, *more = arguments
    # Before any thread begins: threads inherit the core.
    os.sched_setaffinity(0, {int(core)})
    raise_file_limit()
    if kind == "floor":
        serve_floor(*map(int, more))
    else:
        serve_roost()


if __name__ == "__main__":
    main(sys.argv[1:])
