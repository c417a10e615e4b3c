"""The live streams that start now: an author's tweets, a hashtag's, and a tweet's counts."""

import asyncio
from dataclasses import replace

import pytest

from loaders.global_ids import encode_id
from realtime.streams import TopicServices
from tests.world import World


async def test_an_authors_tweets_replies_and_quotes_arrive_without_retweets(world: World) -> None:
    other = await world.tweet("bob", "other")
    await world.account("Ada")
    stream = await world.listen("UserTweetsUpdates", handle="ADA")

    await world.tweet("Ada", "tweet")
    await world.retweet("Ada", other)
    await world.reply("Ada", other, "reply")
    await world.tweet("bob", "another's")
    await world.quote("Ada", other, "quote")

    assert [(await stream.next())["text"] for _ in range(3)] == ["tweet", "reply", "quote"]


async def test_an_authors_stream_starts_now(world: World) -> None:
    await world.tweet("ada", "before")
    stream = await world.listen("UserTweetsUpdates", handle="ada")
    await world.tweet("ada", "after")

    assert (await stream.next())["text"] == "after"


async def test_an_unknown_authors_stream_is_not_found(world: World) -> None:
    stream = await world.listen("UserTweetsUpdates", handle="nobody")

    assert (await stream.answer()).codes == ["NOT_FOUND"]


async def test_a_hashtags_tweets_arrive_whatever_their_case_and_form(world: World) -> None:
    stream = await world.listen("HashtagUpdates", name="CAFÉ")

    await world.tweet("ada", "no tag: café")
    await world.tweet("ada", "the #café")
    await world.tweet("bob", "the #Cafe\u0301 again")

    assert [(await stream.next())["text"] for _ in range(2)] == ["the #café", "the #Café again"]


@pytest.mark.parametrize("name", ["#roost", "", "two words"])
async def test_a_name_that_is_no_hashtag_is_bad_input(world: World, name: str) -> None:
    stream = await world.listen("HashtagUpdates", name=name)

    assert (await stream.answer()).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(("document", "argument"), [("UserTweetsUpdates", "handle"), ("HashtagUpdates", "name")])
@pytest.mark.parametrize(("blocker", "blocked"), [("ada", "bob"), ("bob", "ada")])
async def test_nothing_arrives_across_a_block(
    world: World, document: str, argument: str, blocker: str, blocked: str
) -> None:
    await world.account("ada")
    stream = await world.listen(document, "bob", **{argument: "ada"})

    await world.tweet("ada", "#ada before")
    assert (await stream.next())["text"] == "#ada before"
    await world.block(blocker, blocked)
    await world.tweet("ada", "#ada hidden")
    await world.unblock(blocker, blocked)
    await world.tweet("ada", "#ada after")

    assert (await stream.next())["text"] == "#ada after"


async def test_a_tweets_counts_arrive_as_they_change(world: World) -> None:
    world.services = replace(world.services, topics=replace(world.services.topics, counts_interval_s=0.0))
    tweet = await world.tweet("ada", "counted")
    stream = await world.listen("TweetCounts", id=tweet)
    heard = []

    for act in (
        world.like("bob", tweet),
        world.retweet("bob", tweet),
        world.reply("bob", tweet, "answer"),
        world.quote("bob", tweet, "see"),
        world.unlike("bob", tweet),
        world.undo("bob", tweet),
    ):
        await act
        event = await stream.next()
        heard.append(tuple(event[f"{kind}Count"] for kind in ("like", "retweet", "reply", "quote")))

    assert heard == [(1, 0, 0, 0), (1, 1, 0, 0), (1, 1, 1, 0), (1, 1, 1, 1), (0, 1, 1, 1), (0, 0, 1, 1)]


async def test_counts_arrive_at_most_once_an_interval_and_the_latest_win(world: World) -> None:
    interval_s = 0.3
    world.services = replace(world.services, topics=replace(world.services.topics, counts_interval_s=interval_s))
    tweet = await world.tweet("ada", "counted")
    stream = await world.listen("TweetCounts", id=tweet)
    clock = asyncio.get_running_loop().time

    await world.like("fan", tweet)
    assert (await stream.next())["likeCount"] == 1
    began_s = clock()
    await asyncio.gather(*(world.like(fan, tweet) for fan in ("bob", "cy", "dora")))

    assert (await stream.next())["likeCount"] == 4
    assert clock() - began_s >= interval_s - 0.02


def test_the_interval_of_counts_is_a_second() -> None:
    assert TopicServices.__dataclass_fields__["counts_interval_s"].default == 1.0


async def test_counts_of_an_id_that_is_malformed_are_bad_input(world: World) -> None:
    for bad in ("x", encode_id("User", 1)):
        stream = await world.listen("TweetCounts", id=bad)
        assert (await stream.answer()).codes == ["BAD_USER_INPUT"]
