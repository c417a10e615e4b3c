"""Searching on the real servers: what one gateway takes another finds, and a search away takes nothing along."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.adapters.opensearch.filling import OpenSearchFilling
from infra.cli.rebuild import rebuild_search
from infra.clocks import Clocks
from infra.cluster.doctor import examine
from infra.cluster.migrate import migrate
from infra.cluster.parts import Connected, open_connected
from infra.cluster.policies import of_gateway
from infra.cluster.searching import Searching
from infra.settings import Settings
from loaders.ids import ID_MAX
from loaders.words import Phrase
from realtime.ports import Logged
from tests.answers import Answer
from tests.cluster.clusters import ServedWorld, new_cluster, served, workers
from tests.contracts.opensearch_adapters import named_url
from tests.flows.test_search import DOCUMENT, texts
from tests.servers import cassandra_url, kafka_url, opensearch_url, redis_url, shared

__all__ = ["cassandra_url", "kafka_url", "opensearch_url", "redis_url"]
pytestmark = pytest.mark.cluster
PATIENCE_S = 60.0
LOOK_AGAIN_S = 0.05


async def comes_true(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await fact():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(LOOK_AGAIN_S)


async def found(world: ServedWorld, query: str, viewer: str | None = None, **asked: Any) -> list[str]:
    return texts(await world.ask(DOCUMENT, viewer, query=query, first=100, **asked))


async def cluster(request: pytest.FixtureRequest, folder: Path, **changes: object) -> Settings:
    name = f"s{folder.name.replace('_', '').lower()}"[:40]
    url = named_url(request.getfixturevalue("opensearch_url"), name)
    return await new_cluster(request, folder, search_url=url, **changes)


@asynccontextmanager
async def another_gateway(settings: Settings) -> AsyncIterator[ServedWorld]:
    policies = of_gateway(settings)
    async with (
        open_connected(settings, Clocks(), gives_ids=True, policies=policies) as connected,
        served(settings, connected) as world,
    ):
        yield world


def searching_of(connected: Connected) -> Searching:
    assert connected.searching is not None
    return connected.searching


async def test_what_one_gateway_takes_another_finds_and_a_search_that_is_away_takes_nothing_along(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = await cluster(request, tmp_path, search_timeout_ms=5_000)
    async with workers(settings) as connected, served(settings, connected) as here, another_gateway(settings) as there:
        await found_from_elsewhere(here, there)
        assert await is_well(settings)
        await away_and_back(request, here, there)


async def found_from_elsewhere(here: ServedWorld, there: ServedWorld) -> None:
    tweet = await here.tweet("ada", "Hello café 東京")
    for query in ("cafe hello", "京", "from:ada"):
        await comes_true(lambda query=query: is_found(there, query, ["Hello café 東京"]))  # type: ignore[misc]
    await comes_true(lambda: is_found(there, "ad", ["ada"], type="USERS"))

    await here.account("bob")
    await there.know("ada", "bob")
    await there.mute("bob", "ada")
    assert await found(there, "hello", "bob") == []
    assert await found(there, "hello") == ["Hello café 東京"]

    await here.services.users.update_profile(await here.account("ada"), "Countess", None, None)
    await comes_true(lambda: is_found(there, "count", ["ada"], type="USERS"))

    await here.delete("ada", tweet)
    assert await found(here, "hello") == []
    await comes_true(lambda: is_found(there, "hello", []))


async def is_found(world: ServedWorld, query: str, expected: list[str], **asked: Any) -> bool:
    """Tell whether a search finds this. On a busy machine the first ones may come too late, and are refused."""
    answer: Answer = await world.run(DOCUMENT, query=query, first=100, **asked)
    assert set(answer.codes) <= {"UNAVAILABLE"}
    return not answer.errors and texts(answer.data["search"]) == expected


async def is_well(settings: Settings) -> bool:
    findings = {each.name: each.is_well for each in await examine(settings) if each.name.startswith("opensearch")}
    return len(findings) == 5 and all(findings.values())


async def away_and_back(request: pytest.FixtureRequest, here: ServedWorld, there: ServedWorld) -> None:
    """OpenSearch hangs: searches are refused in time, everything else goes on, and what was posted is found later."""
    server = shared(request).running("opensearch")
    await there.follow("bob", "ada")
    await there.unmute("bob", "ada")
    server.freeze()
    try:
        refused: Answer = await there.run(DOCUMENT, query="hello")
        assert refused.codes == ["UNAVAILABLE"]
        await here.tweet("ada", "posted meanwhile")
        await comes_true(lambda: has_home(there, "bob", ["posted meanwhile"]))
        await comes_true(lambda: says_searches_are_refused(there))
    finally:
        server.thaw()
    await comes_true(lambda: is_found(there, "meanwhile", ["posted meanwhile"]))


async def has_home(world: ServedWorld, viewer: str, expected: list[str]) -> bool:
    return await world.home(viewer) == expected


async def says_searches_are_refused(world: ServedWorld) -> bool:
    states = await world.states()
    assert all(state["ready"] for state in states.values())
    return "searches are refused" in str(states["search_index"].get("degraded"))


async def test_an_index_is_made_anew_while_tweets_come_and_nothing_stale_comes_back(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = await cluster(request, tmp_path)
    async with workers(settings) as connected, served(settings, connected) as world:
        searching = searching_of(connected)
        kept = await world.tweet("ada", "cat kept")
        gone = await world.tweet("ada", "cat gone")
        await world.delete("ada", gone)
        await comes_true(lambda: has_all(connected, searching))
        stale = await posts_of(connected)
        before = await searching.indices.in_use()
        assert before is not None
        await searching.indices.delete(before)
        assert not (await world.run(DOCUMENT, query="cat")).data
        assert await migrate(settings)

        put_tweets = OpenSearchFilling.put_tweets

        async def put_while_tweets_come(filling: OpenSearchFilling, *given: Any) -> None:
            await world.tweet("ada", "cat later")
            await put_tweets(filling, *given)

        monkeypatch.setattr(OpenSearchFilling, "put_tweets", put_while_tweets_come)
        assert not await searching.indices.is_whole()
        await rebuild_search(settings, Console(quiet=True))

        await comes_true(lambda: is_found(world, "cat", ["cat later", "cat kept"]))
        assert await found(world, "ada", type="USERS") == ["ada"]
        assert await searching.indices.is_whole()
        await world.delete("ada", kept)
        await comes_true(lambda: has_all(connected, searching))
        for batch in stale:
            await searching.filling.apply(batch)
        await searching.indices.refresh(searching.indices.aliases)
        matches = await searching.index.newest(Phrase(("kept",)), ID_MAX, 0, 10)
        assert matches == []


async def has_all(connected: Connected, searching: Searching) -> bool:
    ends = [(await connected.log.bounds(partition))[1] for partition in range(sum(connected.log.layout))]
    return all(here >= end for here, end in zip(await searching.place(), ends, strict=True))


async def posts_of(connected: Connected) -> list[list[Logged]]:
    """What a worker that wakes late may still have in hand: the posts, each by itself."""
    batches = []
    for partition in range(connected.log.layout.partitions):
        batches += [[each] for each in await connected.log.read(0, 100, partition) if b"TweetPosted" in each.payload]
    return batches
