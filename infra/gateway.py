"""The gateway: GraphQL over HTTP and sockets with Roost's services behind it, admitted, measured and traced."""

import asyncio
import time
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket
from strawberry.http import GraphQLRequestData
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from infra.adapters.deadline import UNTIL_S
from infra.asked import ASKED, Asked
from infra.auth import bearer
from infra.clocks import Clocks
from infra.documents import documents_of
from infra.engine import Running
from infra.gate import Gate
from infra.graphql_errors import codes_of
from infra.graphql_http import GraphQLEndpoint
from infra.live_socket import LiveSocketHandler
from infra.live_sockets import LiveSockets
from infra.live_sse import sse_response
from infra.measures import Measures
from infra.media.routes import MediaHttp
from infra.operation_log import OperationLog
from infra.settings import Settings
from infra.web.pages import page_response
from resolvers.context import Context
from schema.api import Schema

if TYPE_CHECKING:
    from infra.traces.gateway import GatewayTracing


class Gateway(GraphQLEndpoint):
    """The endpoint with Roost's services behind it, which the application gives it before the first request."""

    graphql_transport_ws_handler_class = LiveSocketHandler
    engine: Running
    gate: Gate
    operations: OperationLog
    tracing: "GatewayTracing | None" = None
    live: LiveSockets
    request_timeout_s: float
    media: MediaHttp

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.measures = Measures(self.clock_s)

    def begun(self, scope: Scope) -> Asked:
        """Begin what an HTTP request asks for."""
        asked = None if self.tracing is None else self.tracing.asked(scope)
        if asked is None:
            asked = super().begun(scope)
            asked.is_traced = False
        return asked

    def ended(self, asked: Asked, status: int | None, seconds: float) -> None:
        """Log and trace an operation, if it is worth it."""
        self.operations.ended(asked, status, seconds)
        if self.tracing is not None:
            self.tracing.tracing.ended(asked, seconds)

    async def enter(self) -> None:
        """Wait for a turn; `Unavailable` if that would take too long."""
        await self.gate.enter()

    async def enter_stream(self) -> None:
        """Wait for a turn among the live streams; `NoRoom` if that would take too long."""
        await self.gate.enter_stream()

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        """Return the context of one HTTP request; `Unauthenticated` if its token is none.

        A socket has none of its own: each of its operations gets one, by what `connection_init` said.
        """
        del response
        if request.scope["type"] != "http":
            return None
        services = self.engine.services
        token = bearer(request.headers.get("authorization"))
        viewer_id = None if token is None else services.tokens.read(token).user_id
        return Context(services, viewer_id, request.client.host if request.client else "")

    async def execute(
        self, data: GraphQLRequestData, context: Any, allowed: Collection[OperationType]
    ) -> ExecutionResult:
        """Run a query or mutation, measure it, and trace it if it was drawn."""
        asked = None if self.tracing is None else ASKED.get()
        if self.tracing is None or asked is None or asked.is_traced is False:
            return await self._measured(data, context, allowed)
        with self.tracing.operation(asked, context):
            result = await self._measured(data, context, allowed)
            asked.codes = codes_of(result.errors or ())
            return result

    async def _measured(
        self, data: GraphQLRequestData, context: Any, allowed: Collection[OperationType]
    ) -> ExecutionResult:
        measures, query = self.measures, data.query or ""
        UNTIL_S.set(asyncio.get_running_loop().time() + self.request_timeout_s)
        began_s = measures.clock_s()
        try:
            result = await super().execute(data, context, allowed)
        except Exception as error:
            measures.failed(query, data.operation_name, measures.clock_s() - began_s, error)
            raise
        measures.executed(query, data.operation_name, measures.clock_s() - began_s, result)
        return result

    async def stream(
        self,
        request: Request,
        data: GraphQLRequestData,
        context: Any,
        allowed: Collection[OperationType],
    ) -> Response:
        """Answer subscriptions together with those of the sockets, and anything else as it comes."""
        response = await sse_response(self.live, data, context, request.state.asked.correlation_id)
        return response or await super().stream(request, data, context, allowed)


def gateway_of(settings: Settings, schema: Schema, clocks: Clocks) -> Gateway:
    """Return a gateway with the limits that the settings name, and without its services."""
    gateway = Gateway(
        schema,
        page=page_response,
        allowed_origins=settings.allowed_origins,
        connection_init_wait=timedelta(seconds=settings.socket_init_timeout_s),
        max_operations_per_socket=settings.subscriptions_per_socket_max,
        documents=documents_of(settings, schema),
    )
    gateway.gate = Gate(
        time.monotonic,
        settings.admission_wait_max_ms / 1000,
        settings.admission_burst,
        settings.stream_wait_max_s,
        settings.admission_lasting_wait_max_ms / 1000,
    )
    gateway.request_timeout_s = settings.request_timeout_ms / 1_000
    gateway.operations = OperationLog(settings, time.monotonic)
    transfers = (settings.media_transfers_max, settings.media_transfer_timeout_s)
    gateway.media = MediaHttp(clocks.now_s, *transfers)
    return gateway
