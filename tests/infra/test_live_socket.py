import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.clocks import Clocks
from loaders.global_ids import encode_id
from tests.infra.live import World, contract, eventually, open_world, text_of

HOME = contract("HomeTimelineUpdates")
SHORT = "subscription { homeTimelineUpdates { ... on TimelineTweetAdded { tweet { text } } } }"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.person("bob", "ada")
        yield opened


def code_of(message: dict[str, Any]) -> str:
    assert message["type"] == "error", message
    code: str = message["payload"][0]["extensions"]["code"]
    return code


# --- the protocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "5",
        "null",
        '"text"',
        "{",
        "",
        "[" * 2_000,
        '{"type": ' + "[" * 30_000,
        b"{}",
        "{}",
        '{"type": "dance"}',
        '{"type": ["ping"]}',
        '{"type": "ping", "payload": "x"}',
        '{"type": "pong", "payload": []}',
        '{"type": "connection_init", "payload": "x"}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 7}',
    ],
)
async def test_a_message_that_is_none_closes_the_socket_with_4400_and_no_traceback(
    world: World, frame: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.bare() as client:
        await client.connection.send(frame)
        code, reason = await client.closed()
    assert code == 4400
    assert 0 < len(reason) < 100
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 5},
        {"id": ""},
        {"id": "x" * 256},
        {"payload": None},
        {"payload": "{viewer{id}}"},
        {"payload": {}},
        {"payload": {"query": 5}},
        {"payload": {"query": "{viewer{id}}", "variables": []}},
        {"payload": {"query": "{viewer{id}}", "operationName": 5}},
        {"payload": {"query": "{viewer{id}}", "extensions": "x"}},
    ],
)
async def test_a_subscribe_of_the_wrong_shape_closes_the_socket_with_4400(
    world: World, changes: dict[str, Any]
) -> None:
    async with world.client("bob") as client:
        await client.send({"type": "subscribe", "id": "1", "payload": {"query": "{viewer{id}}"}} | changes)
        assert (await client.closed())[0] == 4400


async def test_text_that_is_no_utf_8_closes_the_socket_with_1007_and_one_line_at_most(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.bare() as client:
        await client.connection.send(b"\xff\xfe", text=True)
        assert (await client.closed())[0] == 1007
    assert [record for record in caplog.records if record.exc_info] == []


async def test_who_does_not_initialise_in_time_is_closed_with_4408(tmp_path: Path) -> None:
    async with open_world(tmp_path, init_wait_s=0.05) as world, world.bare() as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_a_second_initialisation_is_closed_with_4429(world: World) -> None:
    async with world.client() as client:
        await client.send({"type": "connection_init"})
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_who_subscribes_before_the_acknowledgement_is_closed_with_4401(world: World) -> None:
    async with world.bare() as client:
        await client.subscribe("1", "{ __typename }")
        assert await client.closed() == (4401, "Unauthorized")


async def test_an_id_in_use_is_closed_with_4409(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client, "same")
        await client.subscribe("same", HOME)
        assert await client.closed() == (4409, "Subscriber for same already exists")


async def test_a_completed_id_can_be_used_again(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client, "same")
        await client.send({"id": "same", "type": "complete"})
        await eventually(lambda: world.engine.hub.stream_count() == 0)
        await world.follow(client, "same", SHORT)
        await world.post("ada", "once")
        assert text_of(await client.read()) == "once"
        assert await client.ask("{ __typename }")


async def test_pings_are_answered_at_any_time(world: World) -> None:
    async with world.bare() as client:
        for payload in ({}, {"payload": {"a": 1}}, {"payload": None}):
            await client.send({"type": "ping"} | payload)
            assert await client.read() == {"type": "pong"}
        await client.send({"type": "pong"})
        await client.send({"type": "ping"})
        assert await client.read() == {"type": "pong"}


async def test_too_many_operations_at_once_are_refused_one_by_one(tmp_path: Path) -> None:
    async with open_world(tmp_path, operations_max=2) as world:
        await world.person("bob", "ada")
        async with world.client("bob") as client:
            await world.follow(client, "1")
            await world.follow(client, "2", SHORT)
            await client.subscribe("3", HOME)
            refused = await client.read()
            assert refused["id"] == "3"
            assert code_of(refused) == "RATE_LIMITED"
            await world.post("ada")
            assert {(await client.read())["id"] for _ in "12"} == {"1", "2"}


# --- operations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { id } } query B { viewer { id } }", "BAD_REQUEST"),
        ("subscription { tweetCountsUpdates(id: 5.5) { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n: Int!) { homeTimeline(first: $n) { complete } }", "BAD_USER_INPUT"),
        ("subscription($name: String!) { hashtagUpdates(name: $name) { id } }", "BAD_USER_INPUT"),
        ("{ " + " ".join(f"a{n}: viewer {{ id }}" for n in range(40)) + " }", "QUERY_TOO_COMPLEX"),
        ('subscription { tweetCountsUpdates(id: "nonsense") { id } }', "BAD_USER_INPUT"),
        ('subscription { userTweetsUpdates(handle: "nobody") { id } }', "NOT_FOUND"),
        ('subscription { homeTimelineUpdates(after: "nonsense") { __typename } }', "BAD_USER_INPUT"),
    ],
)
async def test_what_is_wrong_with_one_operation_ends_that_operation_alone(world: World, query: str, code: str) -> None:
    async with world.client("bob") as client:
        await world.follow(client, "good", SHORT)
        await client.subscribe("bad", query)
        answer = await client.read()
        assert answer["id"] == "bad"
        assert code_of(answer) == code
        await world.post("ada", "still here")
        assert text_of(await client.read()) == "still here"
        assert world.live.errors == 1


async def test_queries_and_mutations_run_over_a_socket_too(world: World) -> None:
    async with world.client("bob") as client:
        posted = await client.ask('mutation { postTweet(input: {text: "hi"}) { tweet { id text author { handle } } } }')
        tweet = posted["payload"]["data"]["postTweet"]["tweet"]
        assert (tweet["text"], tweet["author"]["handle"]) == ("hi", "bob")
        assert await client.ask("query($id: ID!) { tweet(id: $id) { text } }", id=tweet["id"]) == {
            "id": "asked",
            "type": "next",
            "payload": {"data": {"tweet": {"text": "hi"}}},
        }


async def test_a_field_that_fails_comes_with_its_code_beside_the_data(world: World) -> None:
    async with world.client() as client:
        payload = (await client.ask('{ viewer { id } user(handle: "bob") { handle } }'))["payload"]
    assert payload["data"] == {"viewer": None, "user": {"handle": "bob"}}
    assert [error["extensions"]["code"] for error in payload["errors"]] == ["UNAUTHENTICATED"]


async def test_a_followers_socket_hears_of_a_new_tweet(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client)
        tweet = await world.post("ada", "good morning")
        event = (await client.read())["payload"]["data"]["homeTimelineUpdates"]
    assert event["__typename"] == "TimelineTweetAdded"
    assert (event["delivery"], event["replayed"], event["retweetedBy"]) == ("PUSHED", False, None)
    shown = event["tweet"]
    assert (shown["id"], shown["text"]) == (encode_id("Tweet", tweet.id), "good morning")
    assert shown["author"]["handle"] == "ada"
    assert (shown["viewerHasLiked"], shown["viewerHasRetweeted"]) == (False, False)


async def test_a_stream_resumes_from_its_cursor_over_another_socket(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client)
        await world.post("ada", "one")
        cursor = (await client.read())["payload"]["data"]["homeTimelineUpdates"]["liveCursor"]
    await world.post("ada", "two")
    await world.post("ada", "three")
    async with world.client("bob") as client:
        await world.follow(client, after=cursor)
        assert [text_of(await client.read()) for _ in range(2)] == ["two", "three"]


async def test_a_deletion_and_a_change_of_follows_arrive_as_their_events(world: World) -> None:
    async with world.client("bob") as client:
        await world.follow(client)
        tweet = await world.post("ada")
        added = (await client.read())["payload"]["data"]["homeTimelineUpdates"]
        assert await world.engine.services.posting.delete(world.people["ada"].id, tweet.id) is None
        removed = (await client.read())["payload"]["data"]["homeTimelineUpdates"]
        await world.person("bob", "cyd")
        reset = (await client.read())["payload"]["data"]["homeTimelineUpdates"]
    assert (removed["__typename"], removed["cursor"]) == ("TimelineTweetRemoved", added["cursor"])
    assert (reset["__typename"], reset["reason"]) == ("TimelineReset", "You follow someone new")


# --- who it is --------------------------------------------------------------------------------------------------------


async def test_without_a_token_public_streams_run_and_the_viewers_own_do_not(world: World) -> None:
    async with world.client() as client:
        await client.subscribe("mine", HOME)
        assert code_of(await client.read()) == "UNAUTHENTICATED"
        await client.subscribe("hers", contract("UserTweetsUpdates"), handle="ada")
        await eventually(
            lambda: world.live.executor.executed == 0 and ("author", world.people["ada"].id) in world.heard()
        )
        await world.post("ada", "for all")
        assert (await client.read())["payload"]["data"]["userTweetsUpdates"]["text"] == "for all"


@pytest.mark.parametrize("value", ["Bearer nonsense", "Basic abc", "Bearer", "Bearer a b", "nonsense"])
async def test_a_token_that_is_none_is_closed_with_4403(world: World, value: str) -> None:
    async with world.bare() as client:
        await client.send({"type": "connection_init", "payload": {"authorization": value}})
        assert await client.closed() == (4403, "Forbidden")


async def test_an_authorization_that_is_no_text_is_closed_with_4400(world: World) -> None:
    async with world.bare() as client:
        await client.send({"type": "connection_init", "payload": {"authorization": 5}})
        assert (await client.closed())[0] == 4400


@pytest.mark.parametrize("form", ["Authorization", "AUTHORIZATION", "headers"])
async def test_the_token_may_stand_under_any_case_of_its_name_or_among_headers(world: World, form: str) -> None:
    token = world.token("bob")
    payload = {"headers": {"Authorization": token}} if form == "headers" else {form: token}
    async with world.bare() as client:
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.read() == {"type": "connection_ack"}
        assert (await client.ask("{ viewer { handle } }"))["payload"]["data"] == {"viewer": {"handle": "bob"}}


async def test_a_socket_is_closed_with_4403_when_its_token_expires(tmp_path: Path) -> None:
    now_s = [1_800_000_000.0]
    async with open_world(tmp_path, clocks=Clocks(now_s=lambda: now_s[0])) as world:
        await world.person("bob", "ada")
        token = world.token("bob")
        now_s[0] += 24 * 3_600 - 0.05
        async with world.bare() as client:
            await client.send({"type": "connection_init", "payload": {"authorization": token}})
            assert await client.read() == {"type": "connection_ack"}
            await world.follow(client)
            now_s[0] += 0.05
            assert await client.closed() == (4403, "The token has expired")
            async with world.bare() as late:
                await late.send({"type": "connection_init", "payload": {"authorization": token}})
                assert await late.closed() == (4403, "Forbidden")
        await eventually(lambda: world.engine.hub.stream_count() == 0)
        assert world.live.closed[4403] == 2
