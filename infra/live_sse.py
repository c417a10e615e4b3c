"""Subscriptions as server-sent events, rendered together with those of the sockets."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import orjson
from graphql import DocumentNode, OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from strawberry.http import GraphQLRequestData
from strawberry.http.streaming import SSETransport

from infra.graphql_errors import coded_error, public_errors
from infra.live_http import LiveHttpProtocol, connection_of
from infra.live_shared import Refused
from infra.live_sockets import OTHER, RESTART, TRY_LATER, LiveSockets
from loaders.errors import Unavailable
from realtime.mailbox import MailboxOverflow
from resolvers.context import Context

RETRY_AFTER_S: Final = 5.0
HEARTBEAT_S: Final = 15.0

_SSE: Final = SSETransport()
_Shown = tuple[object, bytes]
"""An event, and the JSON of what it shows."""


async def sse_response(
    live: LiveSockets,
    data: GraphQLRequestData,
    context: Context,
    correlation_id: str,
    heartbeat_s: float = HEARTBEAT_S,
) -> Response | None:
    """Answer a subscription with a stream of its results; None for whatever else is asked.

    Over the limit of connections it raises `Unavailable`. The error that ends a stream comes as its last result; a
    comment comes after each `heartbeat_s` seconds of silence. Who takes nothing for `stall_s` seconds is cut off.
    """
    try:
        document, operation = live.executor.checked(data)
    except Refused:
        return None
    if operation.operation is not OperationType.SUBSCRIPTION:
        return None
    if live.is_full:
        raise Unavailable("Too many streams are open", retry_after_s=RETRY_AFTER_S)
    stream = _EventStream(live, correlation_id, heartbeat_s)
    return _EventStreamResponse(stream, stream.texts(data, document, operation, context))


class _EventStream:
    """One stream; the registry of connections sees it as it sees a socket."""

    def __init__(self, live: LiveSockets, correlation_id: str, heartbeat_s: float) -> None:
        self._live = live
        self._correlation_id = correlation_id
        self._heartbeat_s = heartbeat_s
        self._code = OTHER
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def stall_s(self) -> float:
        """How long a peer may take nothing."""
        return self._live.stall_s

    def stalled(self) -> None:
        """Take notice that the peer is cut off."""
        self._code = TRY_LATER

    def wind_down(self) -> None:
        """End the stream; its client comes back with its cursor."""
        if not self._end.done():
            self._end.set_result(None)

    async def texts(
        self, data: GraphQLRequestData, document: DocumentNode, operation: OperationDefinitionNode, context: Context
    ) -> AsyncGenerator[str, None]:
        """Yield the text of each event, at last that of the stream's completion."""
        live = self._live
        if live.admit(self):
            try:
                payloads = live.executor.payloads(data, document, operation, context)
                async with aclosing(payloads), aclosing(self._events(payloads)) as texts:
                    async for text in texts:
                        yield text
            except Refused as refused:
                yield self._failed(public_errors(refused.errors, self._correlation_id))
            except MailboxOverflow:
                self._code = TRY_LATER
                yield self._failed([coded_error("Too slow: come back with your cursor", Unavailable.code)])
            finally:
                live.release(self, RESTART if self._end.done() else self._code)
        else:
            yield self._failed([coded_error("Too many streams are open, or the server is stopping", Unavailable.code)])
        yield _SSE.encode_complete()

    async def _events(self, payloads: AsyncGenerator[_Shown, None]) -> AsyncGenerator[str, None]:
        while not self._end.done():
            step = asyncio.ensure_future(_next(payloads))
            try:
                while not step.done() and not self._end.done():
                    await asyncio.wait((step, self._end), timeout=self._heartbeat_s, return_when="FIRST_COMPLETED")
                    if not step.done() and not self._end.done():
                        yield _SSE.encode_comment("ping")
            finally:
                step.cancel()
                await asyncio.wait((step,))
            if not step.cancelled():
                shown = step.result()
                if shown is None:
                    return
                event, payload = shown
                yield _SSE.encode_event("next", payload.decode())
                # Whoever sends comes back for more once it was written.
                self._live.delivered(event)

    def _failed(self, errors: Sequence[dict[str, Any]]) -> str:
        self._live.errors += 1
        return _SSE.encode_event("next", orjson.dumps({"errors": errors}).decode())


class _EventStreamResponse(StreamingResponse):
    """The response that carries a stream."""

    def __init__(self, stream: _EventStream, texts: AsyncGenerator[str, None]) -> None:
        super().__init__(texts, headers=dict(_SSE.headers))
        self._stream = stream
        self._texts = texts
        self._connection: LiveHttpProtocol | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        self._connection = connection_of(scope)
        if self._connection is not None:
            self._connection.narrow()
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the stream, as long as the peer takes it."""
        async with aclosing(self._texts):
            await super().stream_response(partial(self._send, send))

    async def _send(self, send: Send, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stream.stall_s):
                await send(message)
        except TimeoutError:
            self._stream.stalled()
            if self._connection is None:
                raise ClientDisconnect from None
            self._connection.abort()
            # It comes back once the connection is gone, and whoever listens for that ends the response.
            await send(message)


async def _next(payloads: AsyncGenerator[_Shown, None]) -> _Shown | None:
    return await anext(payloads, None)
