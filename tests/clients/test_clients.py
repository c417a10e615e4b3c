"""Frontends on the clients that developers have: Apollo, urql, Relay, graphql-ws, graphql-sse and Python's gql."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.web.build import BuildError
from tests.clients.python_client import read_and_follow
from tests.clients.workshop import Workshop, make_workshop
from tests.server_process import Account, ServerProcess, sign_up

TWEETS = 12


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The applications with their packages, and what the generators make of the schema, without a warning."""
    try:
        made = make_workshop(tmp_path_factory.mktemp("clients") / "javascript")
    except BuildError as problem:
        pytest.skip(f"the packages of the clients cannot be had: {problem}")
    said = made.run("@graphql-codegen/cli/cjs/bin.js") + made.run("relay-compiler/cli.js")
    assert "warn" not in said.lower(), said
    made.run("typescript/bin/tsc", "-p", ".")
    made.run("../relay.mjs")
    return made


class Town:
    """A server with a viewer, and an author whom the viewer follows and who has written already."""

    def __init__(self, server: ServerProcess, viewer: Account, author: Account) -> None:
        self.server, self.viewer, self.author = server, viewer, author
        self.given = {"APP_URL": server.url, "APP_TOKEN": viewer.token, "APP_AUTHOR_TOKEN": author.token}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with ServerProcess(tmp_path / "data") as server, httpx.AsyncClient(timeout=30.0) as http:
        viewer, author = [await sign_up(http, server.url, handle) for handle in ("bob", "ada")]
        await viewer.follow(author)
        for number in range(TWEETS):
            await author.tweet(f"tweet {number}")
        yield Town(server, viewer, author)


@pytest.mark.parametrize("application", ["apollo.ts", "urql.ts", "relay.js"])
async def test_an_application_pages_likes_and_sees_tweets_arrive(
    workshop: Workshop, town: Town, application: str
) -> None:
    async with workshop.application(application, town.given) as running:
        assert await running.ended() == [{"entries": 11}]


async def test_a_document_that_was_sent_once_is_named_from_then_on(workshop: Workshop, town: Town) -> None:
    async with workshop.application("persisted.ts", town.given) as running:
        assert await running.ended() == [{"sent": ["GET hash", "POST text", "GET hash"]}]


@pytest.mark.parametrize("application", ["resume_ws.ts", "resume_sse.ts"])
async def test_a_live_client_goes_on_through_a_crash_of_the_server(
    workshop: Workshop, town: Town, application: str
) -> None:
    posted: list[str] = []

    async def post(many: int) -> None:
        for _ in range(many):
            posted.append(f"live {len(posted)}")
            await town.author.tweet(posted[-1])

    async with workshop.application(application, town.given) as running:
        assert await running.said() == {"following": True}
        await post(2)
        seen = [await running.said() for _ in range(2)]
        for _ in range(2):
            town.server.kill()
            await town.server.start()
            await post(3)
            seen += [await running.said() for _ in range(3)]
    assert seen == [{"text": text} for text in posted]


async def test_every_audit_of_graphql_http_passes(workshop: Workshop, town: Town) -> None:
    async with workshop.application("audits.ts", town.given) as running:
        results: list[Any] = await running.ended()
    assert len(results) >= 60
    assert [result for result in results if result["status"] != "ok"] == []


async def test_a_python_client_reads_posts_and_follows_live(town: Town) -> None:
    async with asyncio.timeout(30.0):
        said = await read_and_follow(town.server.url, town.viewer.token, town.author.token)
    assert said == ["tweet 11", "to Python"]
