"""Bodies of HTTP requests, bounded: an ASGI middleware that answers 413 as soon as a body is known to be too large."""

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.graphql_errors import coded_error

BODY_TOO_LARGE = "BODY_TOO_LARGE"


class BodyLimit:
    """Passes bodies of at most `limit` bytes on as they arrive, and buffers none of them.

    Paths that begin with `unlimited` bound their bodies themselves.

    A larger one is answered with 413 and a coded GraphQL error, before the application runs where the request declares
    its length; the application behind sees the client leave, and what it answers then is dropped.
    """

    def __init__(self, app: ASGIApp, limit: int = 100_000, unlimited: str | None = None) -> None:
        self._app = app
        self._limit = limit
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (self._unlimited and scope["path"].startswith(self._unlimited)):
            await self._app(scope, receive, send)
        elif _declared_length(scope) > self._limit:
            await self._refuse(send)
        else:
            await self._run(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._limit
        exceeded = started = False

        async def counted() -> Message:
            nonlocal left, exceeded
            if exceeded:
                return {"type": "http.disconnect"}
            message = await receive()
            left -= len(message.get("body", b""))
            exceeded = left < 0
            return {"type": "http.disconnect"} if exceeded else message

        async def guarded(message: Message) -> None:
            nonlocal started
            if not exceeded or started:
                started = True
                await send(message)

        try:
            await self._app(scope, counted, guarded)
        except Exception:
            # The application was cut off in the middle of a body; that it complains says nothing new.
            if not exceeded:
                raise
        if exceeded and not started:
            await self._refuse(send)

    async def _refuse(self, send: Send) -> None:
        error = coded_error(f"The body is over the limit of {self._limit} bytes.", BODY_TOO_LARGE)
        body = orjson.dumps({"errors": [error]})
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),  # the rest of the body is not read
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value[:19]) if value.isdigit() else 0
    return 0
