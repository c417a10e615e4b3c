"""WebSockets on uvicorn, so that who does not read costs a bounded buffer, and a close always comes to its end.

ASGI alone can do neither: its `send` waits for the peer without end, for the closing message too, and gives no way to
drop a connection. This is tied to uvicorn's sans-I/O protocol, and to be looked at again whenever uvicorn changes.
"""

import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Final, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION: Final = "roost.peer"
FLUSH_S: Final = 1.0
KERNEL_BUFFER_BYTES: Final = 131_072

_TEXT: Final = b"\x81"


class Peer(Protocol):
    """The other end of a socket: what the handler needs beyond ASGI."""

    on_shutdown: Callable[[], None] | None
    """Called when the server stops, in place of closing at once."""

    def write(self, *parts: bytes) -> bool:
        """Send a text frame at once; False if the peer does not read: wait with `writable` then."""

    async def writable(self) -> None:
        """Wait until `write` may succeed. It may never return."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and drop the connection if that cannot be flushed within a second."""

    async def closed(self) -> None:
        """Wait until a close that was begun needs nobody any more."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol as a `Peer`. Set it as `uvicorn.Config(ws=LiveProtocol)`; it shows in the scope's extensions.

    Frames are written whole and never compressed. The kernel's send buffer is capped, since what it holds is not seen
    here.
    """

    on_shutdown: Callable[[], None] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a connection over from HTTP."""
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)

    async def run_asgi(self) -> None:
        """Run the application, with this peer in its scope."""
        cast(dict[str, object], self.scope["extensions"])[EXTENSION] = self
        await super().run_asgi()

    def write(self, *parts: bytes) -> bool:
        """See `Peer`; what is written to a closed connection falls away."""
        if not self.writable_event.is_set():
            return False
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(b"".join((_TEXT, _length(sum(map(len, parts))), *parts)))
        return True

    async def writable(self) -> None:  # type: ignore[override]
        """See `Peer`."""
        await self.writable_event.wait()
