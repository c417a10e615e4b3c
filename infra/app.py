"""The composition root: settings in, ASGI application out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.body_limit import BodyLimit
from infra.clocks import Clocks
from infra.data_folder import DataFolder
from infra.embedded import open_engine
from infra.engine import Running
from infra.gateway import Gateway, gateway_of
from infra.health import Health, health_routes
from infra.live_sockets import LiveSockets
from infra.media.service import upload_signer
from infra.media.urls import UPLOADS
from infra.settings import Settings
from infra.siblings import Siblings
from infra.telemetry import gateway_exposition, metrics_route
from infra.telling import TellingCollector
from infra.traces.opening import tracing_of
from infra.web.pages import page_routes
from schema.api import create_schema
from schema.limits import Limits

if TYPE_CHECKING:
    from infra.traces.gateway import GatewayTracing

PATH = "/graphql"
CORS_MAX_AGE_S = 600


class Application(Starlette):
    """Starlette, but that what comes to /graphql from no other origin goes there directly.

    Nothing on the way has anything to do for it: the endpoint routes by method itself, lets no exception out, and
    answers `no-store`, so that no cache could give it to another origin.
    """

    direct: ASGIApp
    traced: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if self.traced is None:
            await self.serve(scope, receive, send)
        else:
            await self.traced(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do the same without deciding whether it is traced."""
        if scope["type"] == "http" and scope["path"] == PATH and all(name != b"origin" for name, _ in scope["headers"]):
            scope["app"] = self
            await self.direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, clocks: Clocks | None = None, siblings: Siblings | None = None) -> Application:
    """Make the application; its lifespan owns the data folder and all that runs on it. `siblings` share its port."""
    schema = create_schema(limits_of(settings), settings.document_cache_size)
    gateway = gateway_of(settings, schema, clocks or Clocks())
    health = Health()
    shown = gateway_exposition(health, gateway, siblings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                if settings.is_embedded:
                    stack.enter_context(DataFolder(settings.data_dir, "serve"))
                engine = await stack.enter_async_context(_opened(settings, clocks, gateway.tracing))
            except Exception as error:
                # The server tells nobody but the log of it; who runs the server may want to say it better.
                app.state.failure = error
                raise
            gateway.engine = health.engine = app.state.engine = engine
            gateway.media.store, gateway.media.signer = engine.services.uploading.store, upload_signer(settings)
            app.state.health, app.state.gateway = health, gateway
            app.state.drain_notice_s = settings.drain_notice_s
            gateway.live = LiveSockets(
                schema, engine.services, sockets_max=settings.sockets_max, grace_s=settings.shutdown_grace_s
            )
            if gateway.tracing is not None:
                gateway.tracing.serve(engine.services, gateway.live)
            await stack.enter_async_context(shown.kept())
            yield
            await drain(app)
        if gateway.tracing is not None:
            await asyncio.to_thread(gateway.tracing.tracing.close)

    routes: list[BaseRoute] = [
        Route(PATH, gateway),
        WebSocketRoute(PATH, gateway),
        *page_routes(),
        *health_routes(health),
        metrics_route(shown),
        *gateway.media.routes(),
    ]
    app = Application(routes=routes, lifespan=lifespan, middleware=_middleware(settings))
    app.direct = BodyLimit(gateway, settings.body_bytes_max)
    _trace(settings, app, gateway)
    return app


def _middleware(settings: Settings) -> list[Middleware]:
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST", "PUT"),
            allow_headers=("authorization", "content-type", "x-request-id", "traceparent", "tracestate"),
            expose_headers=("x-request-id", "retry-after"),
            max_age=CORS_MAX_AGE_S,
        ),
        Middleware(BodyLimit, settings.body_bytes_max, unlimited=UPLOADS),
    ]


def _trace(settings: Settings, app: Application, gateway: Gateway) -> None:
    tracing = tracing_of(settings, "gateway")
    if tracing is not None:
        from infra.traces.gateway import GatewayTracing  # noqa: PLC0415 - see `tracing_of`

        gateway.tracing = GatewayTracing(tracing)
        app.traced = gateway.tracing.around(app.serve, PATH)
    gateway.measures.registry.register(TellingCollector(tracing))


@asynccontextmanager
async def _opened(
    settings: Settings, clocks: Clocks | None, tracing: "GatewayTracing | None"
) -> AsyncIterator[Running]:
    if settings.is_embedded:
        async with open_engine(settings, clocks, tracing) as engine:
            yield engine
    else:
        # The drivers of a cluster take a second to import, and memory, which no data folder needs.
        from infra.cluster.gateway import open_gateway  # noqa: PLC0415

        async with open_gateway(settings, clocks, tracing) as gateway:
            yield gateway


async def drain(app: Starlette) -> None:
    """Be not ready first, for as long as balancers need to see it; then tell whoever is live to come back.

    What is under way is answered.
    """
    if not app.state.health.is_draining:
        app.state.health.is_draining = True
        await asyncio.sleep(app.state.drain_notice_s)
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
