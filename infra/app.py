"""The composition root: settings in, ASGI application out."""

import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.http import GraphQLRequestData
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from infra.auth import bearer
from infra.body_limit import BodyLimit
from infra.clocks import Clocks
from infra.data_folder import DataFolder
from infra.embedded import open_engine
from infra.engine import Running
from infra.gate import Gate
from infra.graphql_http import GraphQLEndpoint
from infra.health import Health, health_routes
from infra.live_socket import LiveSocketHandler
from infra.live_sockets import LiveSockets
from infra.live_sse import sse_response
from infra.measures import Measures
from infra.settings import Settings
from infra.siblings import Siblings
from infra.telemetry import gateway_exposition, metrics_route
from infra.web.pages import asset_routes, page_response
from resolvers.context import Context
from schema.api import create_schema
from schema.limits import Limits

PATH = "/graphql"
CORS_MAX_AGE_S = 600


class Gateway(GraphQLEndpoint):
    """The endpoint with Roost's services behind it, which the lifespan gives it before the first request."""

    graphql_transport_ws_handler_class = LiveSocketHandler
    engine: Running
    gate: Gate
    live: LiveSockets

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.measures = Measures(time.perf_counter)

    async def enter(self) -> None:
        """Wait for a turn; `Unavailable` if that would take too long."""
        await self.gate.enter()

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
        """Run a query or mutation, and measure it."""
        measures, query = self.measures, data.query or ""
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
        response = await sse_response(self.live, data, context, request.state.correlation_id)
        return response or await super().stream(request, data, context, allowed)


class Application(Starlette):
    """Starlette, but that what comes to /graphql from no other origin goes there directly.

    Nothing on the way has anything to do for it: the endpoint routes by method itself, lets no exception out, and
    answers `no-store`, so that no cache could give it to another origin.
    """

    direct: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"] == PATH and all(name != b"origin" for name, _ in scope["headers"]):
            scope["app"] = self
            await self.direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, clocks: Clocks | None = None, siblings: Siblings | None = None) -> Application:
    """Make the application; its lifespan owns the data folder and all that runs on it. `siblings` share its port."""
    schema = create_schema(limits_of(settings), settings.document_cache_size)
    gateway = Gateway(
        schema,
        page=page_response,
        allowed_origins=settings.allowed_origins,
        connection_init_wait=timedelta(seconds=settings.socket_init_timeout_s),
        max_operations_per_socket=settings.subscriptions_per_socket_max,
    )
    gateway.gate = Gate(time.monotonic, settings.admission_wait_max_ms / 1000, settings.admission_burst)
    health = Health()
    shown = gateway_exposition(health, gateway, siblings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                if settings.is_embedded:
                    stack.enter_context(DataFolder(settings.data_dir, "serve"))
                engine = await stack.enter_async_context(_opened(settings, clocks))
            except Exception as error:
                # The server tells nobody but the log of it; who runs the server may want to say it better.
                app.state.failure = error
                raise
            gateway.engine = health.engine = app.state.engine = engine
            app.state.health, app.state.gateway = health, gateway
            gateway.live = LiveSockets(
                schema, engine.services, sockets_max=settings.sockets_max, grace_s=settings.shutdown_grace_s
            )
            await stack.enter_async_context(shown.kept())
            yield
            await drain(app)

    routes: list[BaseRoute] = [
        Route(PATH, gateway),
        WebSocketRoute(PATH, gateway),
        *asset_routes(),
        *health_routes(health),
        metrics_route(shown),
    ]
    app = Application(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=("GET", "POST"),
                allow_headers=("authorization", "content-type", "x-request-id"),
                expose_headers=("x-request-id", "retry-after"),
                max_age=CORS_MAX_AGE_S,
            ),
            Middleware(BodyLimit, settings.body_bytes_max),
        ],
    )
    app.direct = BodyLimit(gateway, settings.body_bytes_max)
    return app


@asynccontextmanager
async def _opened(settings: Settings, clocks: Clocks | None) -> AsyncIterator[Running]:
    if settings.is_embedded:
        async with open_engine(settings, clocks) as engine:
            yield engine
    else:
        # The drivers of a cluster take a second to import, and memory, which no data folder needs.
        from infra.cluster.gateway import open_gateway  # noqa: PLC0415

        async with open_gateway(settings, clocks) as gateway:
            yield gateway


async def drain(app: Starlette) -> None:
    """Be not ready first, then tell whoever is live to come back; what is under way is answered."""
    app.state.health.is_draining = True
    await app.state.gateway.live.close_all()


def limits_of(settings: Settings) -> Limits:
    """Return what one request may ask for."""
    return Limits(
        tokens=settings.query_tokens_max,
        depth=settings.query_depth_max,
        aliases=settings.query_aliases_max,
        directives=settings.query_directives_max,
        root_fields=settings.query_root_fields_max,
        cost=settings.query_cost_max,
    )
