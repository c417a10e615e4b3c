"""HTTP on uvicorn, so that a stream which nobody reads any more can be cut off.

ASGI alone cannot: its `send` waits for the peer without end. This is tied to uvicorn's protocol on httptools, and to be
looked at again whenever uvicorn changes.
"""

import socket
from typing import Any, Final, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infra.live_protocol import KERNEL_BUFFER_BYTES

EXTENSION: Final = "roost.connection"


class LiveHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, for `uvicorn.Config(http=LiveHttpProtocol)`; applications find it by `connection_of`."""

    def on_message_begin(self) -> None:
        """Begin a request, with this connection in its scope."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)["extensions"] = {EXTENSION: self}

    def narrow(self) -> None:
        """Cap the kernel's send buffer: nobody sees what it holds."""
        kernel = self.transport.get_extra_info("socket")
        if kernel is not None:
            kernel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)

    def abort(self) -> None:
        """Drop the connection at once, whatever is still to be sent."""
        self.transport.abort()


def connection_of(scope: Scope) -> LiveHttpProtocol | None:
    """Return the connection of a request; None on any other server, where nobody can be cut off."""
    found = scope.get("extensions", {}).get(EXTENSION)
    return found if isinstance(found, LiveHttpProtocol) else None
