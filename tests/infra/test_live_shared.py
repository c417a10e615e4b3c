import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from strawberry.http import GraphQLRequestData

from infra.live_shared import LiveExecutor
from loaders.errors import Unavailable
from loaders.ports import TweetStore
from loaders.records import Tweet, TweetId
from realtime.events import Verb
from realtime.posting import Draft, Posted
from resolvers.context import Context
from schema.api import create_schema
from schema.limits import Limits
from tests.infra.live import World, contract, eventually, open_world

HOME = contract("HomeTimelineUpdates")


def added(selection: str) -> str:
    events = "homeTimelineUpdates(after: $after) { ... on TimelineTweetAdded { " + selection + " } }"
    return "subscription($after: String) { " + events + " }"


class HeldTweets:
    """A store of tweets whose reads take until they are let go."""

    def __init__(self, tweets: TweetStore) -> None:
        self._tweets = tweets
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()

    async def get_many(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        self.asked.set()
        await self.let_go.wait()
        return await self._tweets.get_many(ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tweets, name)


class BrokenTweets:
    """A store of tweets that does not answer while it is broken."""

    def __init__(self, tweets: TweetStore) -> None:
        self._tweets = tweets
        self.is_broken = True

    async def get_many(self, ids: Sequence[TweetId]) -> Sequence[Tweet | None]:
        if self.is_broken:
            raise Unavailable("The store is away")
        return await self._tweets.get_many(ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tweets, name)


# --- one rendering for many sockets -----------------------------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for follower in ("bob", "cyd", "dan"):
            await opened.person(follower, "ada")
        yield opened


async def heard(world: World, document: str, *handles: str, act: Any, **variables: Any) -> list[Any]:
    """Let these people subscribe, do something, and answer what each hears of it."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(world.client(handle)) for handle in handles]
        for number, client in enumerate(clients):
            await world.follow(client, f"operation {number}", document, **variables)
        await act()
        messages = [await client.read() for client in clients]
    assert [message["id"] for message in messages] == [f"operation {number}" for number in range(len(handles))]
    return [message["payload"]["data"]["homeTimelineUpdates"] for message in messages]


async def test_an_event_is_executed_once_for_all_who_asked_alike(world: World) -> None:
    async def post() -> None:
        await world.post("ada", "for three")

    events = await heard(world, HOME, "bob", "cyd", "dan", act=post)
    assert [event["tweet"]["text"] for event in events] == ["for three"] * 3
    assert (world.live.executed, world.live.deliveries) == (1, 3)


async def test_sockets_that_resume_from_different_cursors_share_what_is_new(world: World) -> None:
    async with AsyncExitStack() as stack:
        bob, cyd = [await stack.enter_async_context(world.client(handle)) for handle in ("bob", "cyd")]
        await world.follow(bob)
        await world.post("ada", "one")
        cursor = (await bob.read())["payload"]["data"]["homeTimelineUpdates"]["liveCursor"]
        await world.follow(cyd, after=cursor)
        before = world.live.executed
        await world.post("ada", "two")
        assert (await bob.read())["payload"] == (await cyd.read())["payload"]
        assert world.live.executed == before + 1


async def test_other_documents_and_other_variables_are_executed_apart(world: World) -> None:
    document = "subscription($deep: Boolean!) { homeTimelineUpdates { ... on TimelineTweetAdded {"
    document += " cursor tweet @include(if: $deep) { text } } } }"
    async with AsyncExitStack() as stack:
        bob, cyd, dan = [await stack.enter_async_context(world.client(handle)) for handle in ("bob", "cyd", "dan")]
        await world.follow(bob, "1", document, deep=True)
        await world.follow(cyd, "1", document, deep=False)
        await world.follow(dan, "1", HOME)
        await world.post("ada", "x")
        shown = [(await each.read())["payload"]["data"]["homeTimelineUpdates"] for each in (bob, cyd, dan)]
    assert ["tweet" in each for each in shown] == [True, False, True]
    assert world.live.executed == 3


async def test_each_viewer_sees_their_own_marks_and_those_with_the_same_share(world: World) -> None:
    services, people = world.engine.services, world.people
    await world.person("eve", "bob")
    for viewer in ("ada", "cyd"):
        await world.person(viewer, "bob")
    tweet = await world.post("dan", "liked")
    for viewer in ("ada", "cyd"):
        assert await services.posting.like(people[viewer].id, tweet.id, True) is None

    async def retweet() -> None:
        assert await services.posting.retweet(people["bob"].id, tweet.id) is None

    ada, bob, cyd, eve = await heard(world, HOME, "ada", "bob", "cyd", "eve", act=retweet)
    marks = [(each["tweet"]["viewerHasLiked"], each["tweet"]["viewerHasRetweeted"]) for each in (ada, bob, cyd, eve)]
    assert marks == [(True, False), (False, True), (True, False), (False, False)]
    assert [each["tweet"]["likeCount"] for each in (ada, bob, cyd, eve)] == [2] * 4
    assert [each["retweetedBy"]["handle"] for each in (ada, bob, cyd, eve)] == ["bob"] * 4
    assert world.live.executed == 3


async def test_what_depends_on_the_viewer_is_executed_for_each(world: World) -> None:
    await world.person("ada", "ada2")
    await world.person("bob", "cyd")

    async def post() -> None:
        await world.post("ada", "who follows me?")

    document = added("tweet { author { viewerIsFollowing } }")
    ada, bob = await heard(world, document, "ada", "bob", act=post)
    assert [each["tweet"]["author"]["viewerIsFollowing"] for each in (ada, bob)] == [False, True]
    assert world.live.executed == 2


async def test_what_a_block_hides_from_one_viewer_shows_to_another(world: World) -> None:
    quoted = await world.post("dan", "quoted")
    relating, people = world.engine.services.relating, world.people
    assert await relating.relate(people["bob"].id, Verb.BLOCK, people["dan"].id) is None
    draft = Draft("look", None, quoted.id, None)

    async def quote() -> None:
        assert isinstance(await world.engine.services.posting.post(world.people["ada"].id, draft), Posted)

    bob, cyd = await heard(world, added("tweet { quotedTweet { text } }"), "bob", "cyd", act=quote)
    assert bob["tweet"]["quotedTweet"] is None
    assert cyd["tweet"]["quotedTweet"] == {"text": "quoted"}


async def test_who_goes_while_it_is_rendered_takes_nothing_from_the_others(world: World) -> None:
    tweets = world.engine.services.loader_stores.tweets
    held = HeldTweets(tweets)
    stores = replace(world.engine.services.loader_stores, tweets=cast(Any, held))
    executor = LiveExecutor(create_schema(Limits(), 10), replace(world.engine.services, loader_stores=stores))
    data = GraphQLRequestData(query=HOME, variables=None, operation_name=None, extensions=None)
    document, operation = executor.checked(data)
    contexts = [Context(world.engine.services, world.people[handle].id) for handle in ("bob", "cyd")]
    streams = [executor.payloads(data, document, operation, context) for context in contexts]
    first, second = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await eventually(lambda: world.engine.hub.stream_count() == 2)
    await world.post("ada", "for whoever stays")
    await held.asked.wait()
    first.cancel()
    await asyncio.wait([first])
    held.let_go.set()
    assert b"for whoever stays" in (await second)[1]
    assert executor.executed == 1
    for stream in streams:
        await stream.aclose()
    await executor.close()


async def test_a_store_that_fails_is_told_with_its_code_and_the_stream_goes_on(world: World) -> None:
    broken = BrokenTweets(world.engine.services.loader_stores.tweets)
    stores = replace(world.engine.services.loader_stores, tweets=cast(Any, broken))
    executor = LiveExecutor(create_schema(Limits(), 10), replace(world.engine.services, loader_stores=stores))
    data = GraphQLRequestData(query=HOME, variables=None, operation_name=None, extensions=None)
    stream = executor.payloads(data, *executor.checked(data), Context(world.engine.services, world.people["bob"].id))
    reading = asyncio.ensure_future(anext(stream))
    await eventually(lambda: world.engine.hub.stream_count() == 1)
    await world.post("ada", "one")
    payload = orjson.loads((await reading)[1])
    assert payload["data"]["homeTimelineUpdates"]["tweet"] is None
    assert [error["extensions"]["code"] for error in payload["errors"]] == ["UNAVAILABLE"]
    broken.is_broken = False
    await world.post("ada", "two")
    assert orjson.loads((await anext(stream))[1])["data"]["homeTimelineUpdates"]["tweet"]["text"] == "two"
    await stream.aclose()
    await executor.close()
