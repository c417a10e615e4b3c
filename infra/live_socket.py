"""One socket that speaks graphql-transport-ws: who it is, what runs on it, and why it is closed."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from graphql import DocumentNode, OperationDefinitionNode
from graphql import OperationType as NodeType
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http import GraphQLRequestData
from strawberry.http.async_base_view import AsyncBaseHTTPView, AsyncWebSocketAdapter
from strawberry.schema import BaseSchema
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types.graphql import OperationType

from infra.asked import ASKED, Asked
from infra.auth import bearer
from infra.fair_timer import FairTimer
from infra.gate import NoRoom
from infra.graphql_errors import coded_error, is_request_error, public_errors
from infra.graphql_http import GraphQLEndpoint
from infra.live_asked import begun, codes_in, errors_of
from infra.live_messages import (
    Malformed,
    authorization_of,
    head_of,
    message_of,
    operation_id_of,
    payload_of,
    request_of,
)
from infra.live_outlet import Outlet
from infra.live_protocol import framed, peer_of
from infra.live_shared import refusing
from infra.live_sockets import RESTART, TRY_LATER, LiveSockets
from loaders.errors import Unauthenticated
from loaders.records import UserId
from realtime.mailbox import MailboxOverflow
from resolvers.context import Context

BAD_REQUEST: Final = 4400
UNAUTHORISED: Final = 4401
FORBIDDEN: Final = 4403
INIT_TIMEOUT: Final = 4408
ID_TAKEN: Final = 4409
TOO_MANY_INITS: Final = 4429

SLOW: Final = "Too slow: come back with your cursor"

_Checked = tuple[DocumentNode, OperationDefinitionNode]
_ANSWERED: Final = (OperationType.QUERY, OperationType.MUTATION)


@dataclass(frozen=True, slots=True)
class _Running:
    task: asyncio.Task[None]
    is_live: bool


class LiveSocketHandler(BaseGraphQLTransportWSHandler[Any, Any]):
    """The endpoint's `graphql_transport_ws_handler_class`; it needs a `LiveSockets` as the endpoint's `live`.

    A message that breaks the protocol closes the socket with its code. What is wrong with one operation ends that
    operation alone, by an `error` message whose entries look as they do over HTTP. The viewer comes from
    `connection_init`: {"authorization": "Bearer ..."}, or the same among `headers`; nobody is asked for nothing.
    """

    def __init__(
        self,
        view: AsyncBaseHTTPView[Any, Any, Any, Any, Any, Any, Any],
        websocket: AsyncWebSocketAdapter,
        context: Any,
        root_value: Any,
        schema: BaseSchema,
        connection_init_wait_timeout: timedelta,
        max_subscriptions_per_connection: int | None = None,
    ) -> None:
        super().__init__(
            view,
            websocket,
            context,
            root_value,
            schema,
            connection_init_wait_timeout,
            max_subscriptions_per_connection,
        )
        self._endpoint = cast(GraphQLEndpoint, view)
        self._live: LiveSockets = cast(Any, view).live
        self._socket: WebSocket = cast(ASGIWebSocketAdapter, websocket).ws
        self._peer = peer_of(self._socket)
        self._address = self._socket.client.host if self._socket.client else ""
        self._running: dict[str, _Running] = {}
        self._viewer_id: UserId | None = None
        self._timer: asyncio.TimerHandle | FairTimer | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._code: int | None = None

    async def handle(self) -> None:
        """Serve the socket to its end; nothing that it started is left then."""
        if not self._live.admit(self):
            self._peer.close(TRY_LATER, "Too many sockets are open: try again later")
            await self._peer.closed()
            return
        self._timer = FairTimer(self.connection_init_wait_timeout.total_seconds(), self._init_is_late)
        self._peer.on_shutdown = self.wind_down
        code = 1006
        try:
            code = await self._receive()
            await self._peer.closed()
        finally:
            for timer in (self._timer, self._grace):
                if timer is not None:
                    timer.cancel()
            tasks = [running.task for running in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._live.release(self, self._code or code, by_client=self._code is None)

    def wind_down(self) -> None:
        """Close with 1012, after the queries and mutations under way or the grace."""
        if self._grace is None:
            self._grace = asyncio.get_running_loop().call_later(self._live.grace_s, self._restart)
            for running in self._running.values():
                if running.is_live:
                    running.task.cancel()
            self._close_if_idle()

    async def _receive(self) -> int:
        while self._code is None:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            try:
                await self._take(message_of(message.get("text"), self._endpoint.decode_json))
            except Malformed as reason:
                self._close(BAD_REQUEST, str(reason))
        return self._code

    async def _take(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "connection_init":
                await self._init(message)
            case "ping":
                payload_of(message)
                await self._send(b'{"type":"pong"}')
            case "pong":
                payload_of(message)
            case "subscribe":
                await self._subscribe(message)
            case "complete":
                running = self._running.pop(operation_id_of(message), None)
                if running is not None:
                    running.task.cancel()
            case _:
                raise Malformed("Unknown type of message")

    async def _init(self, message: Mapping[str, Any]) -> None:
        if self.connection_init_received:
            self._close(TOO_MANY_INITS, "Too many initialisation requests")
            return
        self.connection_init_received = True
        if self._timer is not None:
            self._timer.cancel()
        try:
            text = bearer(authorization_of(message))
            if text is not None:
                token = self._live.services.tokens.read(text)
                self._viewer_id = token.user_id
                self._await_expiry(token.expires_at_ms)
        except Unauthenticated:
            self._close(FORBIDDEN, "Forbidden")
            return
        self.connection_acknowledged = True
        await self._send(b'{"type":"connection_ack"}')

    def _init_is_late(self) -> None:
        self._close(INIT_TIMEOUT, "Connection initialisation timeout")

    def _await_expiry(self, expires_at_ms: int) -> None:
        # The clock that the token is judged by may have been set since, so the timer looks again.
        left_ms = expires_at_ms - self._live.services.clock_ms()
        if left_ms <= 0:
            self._close(FORBIDDEN, "The token has expired")
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(left_ms / 1000, self._await_expiry, expires_at_ms)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self.connection_acknowledged:
            self._close(UNAUTHORISED, "Unauthorized")
            return
        operation_id, data = operation_id_of(message), request_of(message)
        if operation_id in self._running:
            self._close(ID_TAKEN, f"Subscriber for {operation_id[:20]} already exists")
            return
        most = self.max_subscriptions_per_connection
        if most is not None and len(self._running) >= most:
            reason = f"At most {most} operations run at once on one socket"
            await self._fail(operation_id, [coded_error(reason, "RATE_LIMITED")])
        elif self._grace is None:
            try:
                data.query = self._endpoint.documents.text(payload_of(message))
                checked = self._live.executor.checked(data)
            except Exception as error:
                asked = begun(data, self._viewer_id, self._live.new_id())
                await self._fail(operation_id, errors_of(error, asked))
                self._endpoint.ended(asked, None, 0.0)
                ASKED.set(None)
                return
            task = asyncio.ensure_future(self._run(operation_id, data, checked))
            self._running[operation_id] = _Running(task, checked[1].operation is NodeType.SUBSCRIPTION)

    async def _run(self, operation_id: str, data: GraphQLRequestData, checked: _Checked) -> None:
        context = Context(self._live.services, self._viewer_id, self._address)
        asked, began_s = begun(data, self._viewer_id, self._live.new_id()), self._endpoint.clock_s()
        try:
            if checked[1].operation is NodeType.SUBSCRIPTION:
                await self._endpoint.enter_stream()
                await self._stream(operation_id, data, checked, context)
                errors = None
            else:
                await self._endpoint.enter()
                errors = await self._answer(operation_id, data, context, asked)
        except (MailboxOverflow, NoRoom) as full:
            # An error would end the subscription for good, where a socket that is closed comes back with its cursor.
            self._close(TRY_LATER, str(full) if isinstance(full, NoRoom) else SLOW)
            return
        except Exception as error:
            errors = errors_of(error, asked)
        # How long a subscription lived is no latency.
        is_live = self._running.pop(operation_id).is_live
        self._endpoint.ended(asked, None, 0.0 if is_live else self._endpoint.clock_s() - began_s)
        asked.is_over = True
        if errors:
            await self._fail(operation_id, errors)
        else:
            await self._send(b'{"id":', orjson.dumps(operation_id), b',"type":"complete"}')
        self._close_if_idle()

    async def _stream(self, operation_id: str, data: GraphQLRequestData, checked: _Checked, context: Context) -> None:
        plan, events = await self._live.executor.open(data, *checked, context)
        outlet = Outlet(self._live, plan, self._viewer_id, head_of(operation_id), self._peer.write, self._send_frame)
        with refusing():
            async with aclosing(events):
                await outlet.send_all(events)

    async def _answer(
        self, operation_id: str, data: GraphQLRequestData, context: Context, asked: Asked
    ) -> list[dict[str, Any]]:
        result = await self._endpoint.execute(data, context, _ANSWERED)
        errors = public_errors(result.errors, asked.correlation_id) if result.errors else []
        asked.codes = codes_in(errors)
        if is_request_error(result):
            return errors
        payload = {"data": result.data} | ({"errors": errors} if errors else {})
        await self._send(head_of(operation_id), orjson.dumps(payload), b"}")
        return []

    async def _fail(self, operation_id: str, errors: Sequence[Mapping[str, Any]]) -> None:
        self._live.errors += 1
        await self._send(orjson.dumps({"id": operation_id, "type": "error", "payload": errors}))

    async def _send(self, *parts: bytes) -> None:
        await self._send_frame(framed(*parts))

    async def _send_frame(self, frame: bytes) -> None:
        """Send a frame. A peer that takes nothing for too long is cut off, since its streams cannot be read on."""
        if self._peer.write(frame):
            return
        try:
            async with asyncio.timeout(self._live.stall_s):
                while not self._peer.write(frame):
                    await self._peer.room()
        except TimeoutError:
            self._close(TRY_LATER, SLOW)

    def _close_if_idle(self) -> None:
        if self._grace is not None and all(running.is_live for running in self._running.values()):
            self._restart()

    def _restart(self) -> None:
        self._close(RESTART, "The service restarts")

    def _close(self, code: int, reason: str) -> None:
        if self._code is None:
            self._code = code
            self._peer.close(code, reason)
