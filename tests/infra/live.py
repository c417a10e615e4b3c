"""A small world behind a real server: people, their tweets, and clients that hold sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from graphql import parse, print_ast, separate_operations
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from infra.auth import bearer
from infra.clocks import Clocks
from infra.documents import Documents
from infra.embedded import Engine, open_engine
from infra.graphql_http import GraphQLEndpoint
from infra.live_http import LiveHttpProtocol
from infra.live_protocol import LiveProtocol, LiveServer
from infra.live_socket import LiveSocketHandler
from infra.live_sockets import LiveSockets
from infra.live_sse import sse_response
from infra.settings import Settings
from loaders.records import Tweet, User
from realtime.events import Verb
from realtime.live_events import Topic
from realtime.posting import Draft, Posted
from resolvers.context import Context, Services
from schema.api import create_schema
from schema.limits import Limits

OPERATIONS = separate_operations(parse((Path(__file__).parents[1] / "contract" / "operations.graphql").read_text()))
WAIT_S = 10.0
TURN_S = 0.005


def contract(name: str) -> str:
    """Return one of the contract's documents, with the fragments that it uses."""
    return print_ast(OPERATIONS[name])


def text_of(message: dict[str, Any]) -> str:
    """Return the text of the tweet that a message adds to a home timeline."""
    assert message["type"] == "next", message
    text: str = message["payload"]["data"]["homeTimelineUpdates"]["tweet"]["text"]
    return text


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that other tasks bring about."""
    for _ in range(round(WAIT_S / TURN_S)):
        if holds():
            return
        await asyncio.sleep(TURN_S)
    raise AssertionError("It never came to hold")


class Endpoint(GraphQLEndpoint):
    """The endpoint as the application sets it up."""

    graphql_transport_ws_handler_class = LiveSocketHandler
    live: LiveSockets

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        del response
        if isinstance(request, WebSocket):
            return None
        token = bearer(request.headers.get("authorization"))
        services = self.live.services
        return Context(services, None if token is None else services.tokens.read(token).user_id)

    async def stream(self, request: Request, data: Any, context: Any, allowed: Any) -> Response:
        answer = await sse_response(self.live, data, context, request.state.asked.correlation_id, heartbeat_s=0.05)
        return answer or await super().stream(request, data, context, allowed)


@dataclass
class World:
    """An engine, a server on a free port, and who lives there."""

    engine: Engine
    live: LiveSockets
    server: uvicorn.Server
    port: int
    people: dict[str, User] = field(default_factory=dict)

    async def person(self, handle: str, *follows: str) -> User:
        services = self.engine.services
        if handle not in self.people:
            user = User(services.new_id(), handle, handle.title(), "", 1, services.clock_ms())  # type: ignore[arg-type]
            assert await services.users.create(user, None)
            self.people[handle] = user
        for other in follows:
            followed = await self.person(other)
            assert await services.relating.relate(self.people[handle].id, Verb.FOLLOW, followed.id) is None
        assert await self.engine.drained(WAIT_S)
        return self.people[handle]

    async def post(self, handle: str, text: str = "hello") -> Tweet:
        outcome = await self.engine.services.posting.post(self.people[handle].id, Draft(text, None, None, None))
        assert isinstance(outcome, Posted)
        return outcome.tweet

    def token(self, handle: str) -> str:
        return "Bearer " + self.engine.services.tokens.issue(self.people[handle].id).text

    @asynccontextmanager
    async def bare(self, **options: Any) -> AsyncIterator["Client"]:
        """Open a socket and say nothing."""
        url = f"ws://127.0.0.1:{self.port}/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"], compression=None, **options) as connection:  # type: ignore[list-item]
            yield Client(connection)

    @asynccontextmanager
    async def client(self, handle: str | None = None, **options: Any) -> AsyncIterator["Client"]:
        """Open a socket and log in."""
        async with self.bare(**options) as client:
            payload = {} if handle is None else {"authorization": self.token(handle)}
            await client.send({"type": "connection_init", "payload": payload})
            assert await client.read() == {"type": "connection_ack"}
            yield client

    def heard(self) -> Collection[Topic]:
        """Answer what anybody listens to."""
        return self.engine.hub._streams.keys()

    async def follow(self, client: "Client", operation_id: str = "home", document: str = "", **variables: Any) -> None:
        """Subscribe to the home timeline, and wait until the stream hears what happens."""
        count = self.engine.hub.stream_count()
        await client.subscribe(operation_id, document or contract("HomeTimelineUpdates"), **variables)
        await eventually(lambda: self.engine.hub.stream_count() > count)


@dataclass
class Client:
    """One socket, from the outside."""

    connection: ClientConnection

    async def send(self, message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, operation_id: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await self.send({"id": operation_id, "type": "subscribe", "payload": payload})

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            message: dict[str, Any] = json.loads(await self.connection.recv(decode=True))
        return message

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Run a query or a mutation; answer its payload."""
        await self.subscribe("asked", query, **variables)
        answer = await self.read()
        assert answer["id"] == "asked"
        if answer["type"] == "next":
            assert await self.read() == {"id": "asked", "type": "complete"}
        return answer

    async def closed(self) -> tuple[int, str]:
        """Read until the server closes; answer its code and reason."""
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    await self.connection.recv()
            except ConnectionClosed as ended:
                return (ended.rcvd.code, ended.rcvd.reason) if ended.rcvd else (1006, "")


@asynccontextmanager
async def open_world(
    folder: Path,
    *,
    clocks: Clocks | None = None,
    limits: Limits | None = None,
    protocol: Any = LiveProtocol,
    init_wait_s: float = 5.0,
    operations_max: int = 5,
    settings: dict[str, object] | None = None,
    services: Callable[[Services], Services] = lambda given: given,
    documents: Documents | None = None,
    **options: Any,
) -> AsyncIterator[World]:
    """Serve a data folder on a free port of the loopback."""
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(Settings.for_tests(folder, **settings or {}), clocks))
        schema = create_schema(limits or Limits(), 100)
        endpoint = Endpoint(
            schema,
            page=HTMLResponse,
            connection_init_wait=timedelta(seconds=init_wait_s),
            max_operations_per_socket=operations_max,
            documents=documents,
        )
        live = endpoint.live = LiveSockets(schema, services(engine.services), **options)
        app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)])
        config = uvicorn.Config(
            app, http=LiveHttpProtocol, ws=protocol, lifespan="off", log_config=None, access_log=False
        )
        server = LiveServer(config, live.close_all)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        serving = asyncio.ensure_future(server.serve([listener]))
        await eventually(lambda: server.started)
        try:
            yield World(engine, live, server, listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving
