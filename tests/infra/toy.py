"""A small application that stands for the real one in tests of the transport: same shapes, no stores."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute
from strawberry.types import ExecutionContext

from infra.body_limit import BodyLimit
from infra.graphql_http import GraphQLEndpoint
from loaders.errors import BadUserInput, NotFound, RateLimited, Unavailable
from schema.documents import CachedDocuments
from schema.limits import Limits

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@strawberry.type
class User:
    name: str = "Ada"

    @strawberry.field
    def tweets(self, first: int = 20) -> "list[Tweet]":
        if not 1 <= first <= 100:
            raise BadUserInput("first must be from 1 to 100.")
        return [Tweet() for _ in range(first)]


@strawberry.type
class Tweet:
    id: strawberry.ID = strawberry.ID("1")
    text: str = "hi"

    @strawberry.field
    def author(self) -> User:
        return User()


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    def me(self) -> User:
        return User()

    @strawberry.field
    def sum(self, numbers: list[int]) -> float:
        return sum(numbers)

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("postgres://user:secret@db\nTraceback")

    @strawberry.field
    def too_large(self) -> int | None:
        return 2**40

    @strawberry.field
    def missing(self) -> str | None:
        raise NotFound("There is no such thing.")

    @strawberry.field
    def away(self) -> str:
        raise Unavailable("The store is away.", retry_after_s=2.5)

    @strawberry.field
    def throttled(self) -> str:
        raise RateLimited("Too many tries.")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def login(self, user: str, password: str) -> bool:
        return (user, password) == ("ann", "right")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            await asyncio.sleep(0)
            yield number


class Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """The endpoint logs what it masks; the library would log every error with its traceback."""


def toy_schema(limits: Limits | None = None) -> Schema:
    return Schema(Query, Mutation, Subscription, extensions=[CachedDocuments(limits or Limits())])


def toy_app(endpoint: type[GraphQLEndpoint] = GraphQLEndpoint, **options: Any) -> Starlette:
    graphql = endpoint(toy_schema(), page=lambda: HTMLResponse("<title>GraphiQL</title>"), **options)
    return Starlette(
        routes=[Route("/graphql", graphql), WebSocketRoute("/graphql", graphql)],
        middleware=[Middleware(BodyLimit, limit=100_000)],
    )


def client_of(endpoint: type[GraphQLEndpoint] = GraphQLEndpoint) -> httpx.AsyncClient:
    """A client whose application may raise nothing: whatever leaves it fails the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(toy_app(endpoint)), base_url="http://roost.test")


async def post(
    client: httpx.AsyncClient,
    query: object,
    accept: str = GRAPHQL_JSON,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
) -> httpx.Response:
    """Send a document as JSON, with further members of the request's body."""
    content = {"query": query, **(members or {})}
    return await client.post("/graphql", json=content, headers={"accept": accept, **(headers or {})})


def code_of(response: httpx.Response) -> str:
    """The first error's code; every error has one, and a message."""
    errors = response.json()["errors"]
    assert all(error["message"] and error["extensions"]["code"] for error in errors)
    return str(errors[0]["extensions"]["code"])
