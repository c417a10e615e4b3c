"""WebSockets on uvicorn, so that who does not read costs a bounded buffer, and a close always comes to its end.

ASGI alone can do neither: its `send` waits for the peer without end, for the closing message too, and gives no way to
drop a connection. This is tied to uvicorn's sans-I/O protocol, and to be looked at again whenever uvicorn changes.
"""

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, cast

import uvicorn
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame

EXTENSION: Final = "roost.peer"
FLUSH_S: Final = 1.0
KERNEL_BUFFER_BYTES: Final = 131_072
FRAGMENTS_MAX: Final = 1_024
GONE: Final = (OSError, RuntimeError, WebSocketDisconnect)
"""What Starlette and the servers raise where nobody is there any more."""


class Peer(Protocol):
    """The other end of a socket: what the handler needs beyond ASGI.

    `on_shutdown`, if it is set, is called when the server stops, and then has to close the socket.
    """

    on_shutdown: Callable[[], None] | None

    def write(self, frame: bytes) -> bool:
        """Send a frame that `framed` made, at once; False if there is no room, and `room` is to be awaited first."""

    async def room(self) -> None:
        """Wait until `write` may succeed, which can be for ever."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; drop the connection if that is not flushed within a second."""

    async def closed(self) -> None:
        """Wait until the application may return without harm to a close under way."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol as a `Peer`, for `uvicorn.Config(ws=LiveProtocol)`; applications find it by `peer_of`.

    Frames are written whole, and never compressed. The kernel's send buffer is capped, since nobody sees what it holds.
    """

    on_shutdown: Callable[[], None] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a connection over from HTTP."""
        super().connection_made(transport)
        kernel = transport.get_extra_info("socket")
        if kernel is not None:
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)

    async def run_asgi(self) -> None:
        """Run the application, with this peer in its scope."""
        cast(dict[str, Any], self.scope)["extensions"][EXTENSION] = self
        await super().run_asgi()

    def write(self, frame: bytes) -> bool:
        """See `Peer`; what is written to a closed connection falls away."""
        if not self.writable.is_set():
            return False
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(frame)
        return True

    async def room(self) -> None:
        """See `Peer`."""
        await self.writable.wait()

    def close(self, code: int, reason: str) -> None:
        """See `Peer`."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        try:
            self.conn.send_close(code, reason)
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(FLUSH_S, self._await_reply)

    async def closed(self) -> None:
        """See `Peer`: the connection outlives the application by itself."""

    def shutdown(self) -> None:
        """Leave the closing to the application, if it has asked for that."""
        if self.on_shutdown is not None and self.handshake_complete and not self.close_sent:
            self.on_shutdown()
        else:
            super().shutdown()
            self._drop_unflushed()

    def keepalive_timeout(self) -> None:
        """Close a connection whose peer answers no pings."""
        super().keepalive_timeout()
        self._drop_unflushed()

    def handle_close(self, event: Frame) -> None:
        """Answer the peer's close frame."""
        super().handle_close(event)
        self._drop_unflushed()

    def handle_parser_exception(self) -> None:
        """Close after a frame that breaks the protocol."""
        super().handle_parser_exception()
        self._drop_unflushed()

    def handle_ping(self) -> None:
        """Answer a ping, unless the peer does not read the answers: they would pile up."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Frame) -> None:
        """Add a fragment to a message; empty ones count too, which no limit on its size does."""
        if len(self.frames) < FRAGMENTS_MAX:
            super().handle_cont(event)
        elif not self.close_sent:
            self.frames = []
            self.conn.send_close(1009, "Too many fragments")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Hand a message on; text that is no UTF-8 ends the socket with 1007, and without a traceback in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(1007)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def _await_reply(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.close_timer = self.loop.call_later(self.close_timeout - FLUSH_S, self.transport.abort)

    def _drop_unflushed(self) -> None:
        # A transport that is closing waits without end for its peer to take what is left.
        if self.transport.is_closing():
            self.loop.call_later(FLUSH_S, self.transport.abort)


class LiveServer(uvicorn.Server):
    """uvicorn's server, which ends what is live before all else: streams of events would never end by themselves."""

    def __init__(self, config: uvicorn.Config, close_all: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._close_all = close_all

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, after what is live."""
        await self._close_all()
        await super().shutdown(sockets)


class AsgiPeer:
    """A `Peer` on any other server: it works, but a peer that never reads can be neither seen nor dropped."""

    def __init__(self, websocket: WebSocket) -> None:
        self.on_shutdown: Callable[[], None] | None = None
        self._websocket = websocket
        self._sending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def write(self, frame: bytes) -> bool:
        """See `Peer`: one frame at a time has room."""
        if self._closing is not None:
            return True
        if self._sending is not None and not self._sending.done():
            return False
        header_bytes = {126: 4, 127: 10}.get(frame[1], 2)
        self._sending = asyncio.ensure_future(self._send(frame[header_bytes:].decode()))
        return True

    async def room(self) -> None:
        """See `Peer`."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    def close(self, code: int, reason: str) -> None:
        """See `Peer`."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close(code, reason))

    async def closed(self) -> None:
        """See `Peer`."""
        if self._closing is not None:
            await asyncio.wait([self._closing])

    async def _send(self, text: str) -> None:
        try:
            await self._websocket.send_text(text)
        except GONE:
            return

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.room()
                await self._websocket.close(code, reason)
        except GONE:
            return


def peer_of(websocket: WebSocket) -> Peer:
    """Return the peer of a socket, by whatever server it came."""
    extension = websocket.scope.get("extensions", {}).get(EXTENSION)
    return extension if isinstance(extension, LiveProtocol) else AsgiPeer(websocket)


def framed(*parts: bytes) -> bytes:
    """Return an unmasked, final text frame (RFC 6455, section 5.2) whose payload is these parts."""
    length = sum(map(len, parts))
    if length < 126:
        header = bytes((0x81, length))
    elif length < 65_536:
        header = b"\x81\x7e" + length.to_bytes(2, "big")
    else:
        header = b"\x81\x7f" + length.to_bytes(8, "big")
    return b"".join((header, *parts))
