"""A bare WebSocket client: it reads the headers of frames, counts them, and looks at no payload but the first."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import orjson

from tests.answers import contract
from tests.bench.servers import HOST

TEXT, CLOSE, PING = 1, 8, 9
OPEN_AT_ONCE = 50
WAIT_S = 60.0
UPGRADE = (
    "GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-protocol: graphql-transport-ws\r\nauthorization: Bearer {token}\r\n\r\n"
)


class SocketLost(Exception):
    """A socket was closed by the server while it was measured."""


class Crowd:
    """Sockets that hear the same things: who was told what, and when."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.latencies_s: list[float] = []
        self.arrived = 0
        self.first = b""
        self._sent_s: list[float] = []
        self._missing: list[int] = []
        self._all_heard: list[asyncio.Future[None]] = []
        self._before = 0

    async def join(
        self, port: int, tokens: Sequence[str], at_once: int = OPEN_AT_ONCE, after: str | None = None
    ) -> None:
        """Open one socket for each token, some at once, and subscribe on it to the home timeline, from a cursor on."""
        room = asyncio.Semaphore(at_once)

        async def one(token: str) -> None:
            async with room:
                socket = Socket(self, token, after)
                await asyncio.get_running_loop().create_connection(lambda: socket, HOST, port)
                await socket.ready
                self.sockets.append(socket)

        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*map(one, tokens))

    def begin(self) -> None:
        """Count anew: what is published from now on is number 0, 1, 2."""
        self._before = self.sockets[0].count
        if any(socket.count != self._before for socket in self.sockets):
            raise SocketLost("not all sockets have heard the same")
        self._sent_s, self._missing, self._all_heard = [], [], []
        self.latencies_s, self.arrived = [], 0

    async def publish(self, send: Callable[[], Awaitable[object]]) -> None:
        """Send one event, and wait until every socket has heard it."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._missing.append(len(self.sockets))
        self._all_heard.append(heard)
        self._sent_s.append(time.perf_counter())
        await send()
        async with asyncio.timeout(WAIT_S):
            await heard

    def heard(self, number: int, payload: bytes) -> None:
        """Take notice that one socket has its frame of this number."""
        if not self.first:
            self.first = payload
        place = number - self._before
        if not 0 <= place < len(self._sent_s):
            raise SocketLost(f"frame {place} came, and {len(self._sent_s)} were published")
        self.latencies_s.append(time.perf_counter() - self._sent_s[place])
        self.arrived += 1
        self._missing[place] -= 1
        if self._missing[place] == 0 and not self._all_heard[place].done():
            self._all_heard[place].set_result(None)

    def lost(self, why: str) -> None:
        """End the measurement: a socket that is gone would be waited for without end."""
        for future in self._all_heard:
            if not future.done():
                future.set_exception(SocketLost(why))

    def close(self) -> None:
        """Close all sockets."""
        for socket in self.sockets:
            socket.close()


class Socket(asyncio.Protocol):
    """One subscriber; `ready` is done once it has subscribed, and `count` is how many frames came since."""

    def __init__(self, crowd: Crowd, token: str, after: str | None = None) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self._crowd = crowd
        self._token = token
        self._after = after
        self._rest = b""
        self._is_open = self._is_acknowledged = self._is_closed = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(UPGRADE.format(token=self._token).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits."""
        if self._is_closed:
            return
        if not self.ready.done():
            self.ready.set_exception(SocketLost(f"closed before it was ready: {exc}"))
        self._crowd.lost(f"a socket was closed: {exc}")

    def close(self) -> None:
        """Hang up."""
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Cut frames off."""
        if self._rest:
            data = self._rest + data
        at = 0
        if not self._is_open:
            at = self._opened(data)
        size = len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if start + length > size:
                break
            if data[at] & 15 == TEXT and self._is_acknowledged:
                self.count += 1
                self._crowd.heard(self.count - 1, b"" if self._crowd.first else data[start : start + length])
            else:
                self._other(data[at] & 15, data[start : start + length])
            at = start + length
        self._rest = data[at:]

    def _opened(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101"):
            self.ready.set_exception(SocketLost(f"no WebSocket: {data[:200]!r}"))
            self.close()
            return len(data)
        self._is_open = True
        payload = {"authorization": f"Bearer {self._token}"}
        self._send(TEXT, orjson.dumps({"type": "connection_init", "payload": payload}))
        return end + 4

    def _other(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(10, payload)
        elif opcode == CLOSE:
            if not self.ready.done():
                self.ready.set_exception(SocketLost(f"closed: {payload!r}"))
            self._crowd.lost(f"closed: {payload!r}")
        elif opcode == TEXT:
            self._is_acknowledged = True
            subscribed = {"query": contract()["HomeTimelineUpdates"], "variables": {"after": self._after}}
            self._send(TEXT, orjson.dumps({"id": "1", "type": "subscribe", "payload": subscribed}))
            self.ready.set_result(None)

    def _send(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros is a mask, and leaves the payload as it is.
        length = len(payload)
        head = bytes((0x80 | opcode, 0x80 | length)) if length < 126 else b"%c\xfe" % (0x80 | opcode)
        size = b"" if length < 126 else length.to_bytes(2, "big")
        assert self._transport is not None
        self._transport.write(head + size + b"\0\0\0\0" + payload)
