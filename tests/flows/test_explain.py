"""Why a tweet is, or is not, in a home timeline: every reason."""

import pytest

from loaders.global_ids import encode_id
from loaders.ids import milliseconds_of
from loaders.records import TweetId
from realtime.events import Event, FollowsImported, Retweeted
from realtime.explain import SLICE_SIZE
from tests.world import World, tweet_number


async def explained(world: World, tweet: str, viewer: str = "bob") -> tuple[bool, str, str]:
    found = await world.ask("Explain", viewer, tweetId=tweet)
    assert found["present"] is (tweet in [edge["node"]["id"] for edge in (await world.page(viewer))["edges"]])
    return found["present"], found["reason"], found["delivery"]


async def test_ones_own_tweet_is_there(world: World) -> None:
    assert await explained(world, await world.tweet("bob", "mine")) == (True, "OWN_TWEET", "PUSHED")


async def test_a_followed_authors_tweet_is_there(world: World) -> None:
    await world.follow("bob", "ada")

    assert await explained(world, await world.tweet("ada", "hello")) == (True, "FOLLOWED_AUTHOR", "PUSHED")


async def test_a_celebritys_tweet_is_there_by_pull(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")

    assert await explained(world, await world.tweet("ada", "hello")) == (True, "FOLLOWED_AUTHOR", "PULLED")


async def test_a_strangers_tweet_is_there_by_a_retweet_delivered_as_its_retweeters_are(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")
    tweet = await world.tweet("cy", "found")
    await world.retweet("ada", tweet)

    assert await explained(world, tweet) == (True, "RETWEETED_BY_FOLLOWED", "PULLED")


async def test_a_hidden_reply_may_be_there_by_a_retweet(world: World) -> None:
    await world.follow("bob", "ada")
    reply = await world.reply("ada", await world.tweet("cy", "asks"), "answer")
    await world.retweet("ada", reply)

    assert await explained(world, reply) == (True, "RETWEETED_BY_FOLLOWED", "PUSHED")


async def test_a_strangers_tweet_is_not_there(world: World) -> None:
    assert await explained(world, await world.tweet("ada", "hello")) == (False, "NOT_FOLLOWED", "PUSHED")


async def test_a_muted_authors_tweet_is_not_there(world: World) -> None:
    await world.follow("bob", "ada")
    await world.mute("bob", "ada")

    assert await explained(world, await world.tweet("ada", "hello")) == (False, "AUTHOR_MUTED", "PUSHED")


@pytest.mark.parametrize(("blocker", "blocked"), [("bob", "ada"), ("ada", "bob")])
async def test_a_tweet_across_a_block_is_not_there(world: World, blocker: str, blocked: str) -> None:
    await world.block(blocker, blocked)

    assert await explained(world, await world.tweet("ada", "hello")) == (False, "BLOCKED", "PUSHED")


async def test_a_reply_to_a_stranger_is_not_there(world: World) -> None:
    await world.follow("bob", "ada")
    reply = await world.reply("ada", await world.tweet("cy", "asks"), "answer")

    assert await explained(world, reply) == (False, "REPLY_TO_NOT_FOLLOWED", "PUSHED")


async def test_a_deleted_tweet_is_not_there(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "regretted")
    await world.delete("ada", tweet)

    assert await explained(world, tweet) == (False, "DELETED", "PUSHED")


async def test_a_tweet_that_fan_out_has_not_brought_is_not_there_yet(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "on its way")
    await world.cache("bob", [])

    assert await explained(world, tweet) == (False, "NOT_YET", "PUSHED")


async def test_a_retweet_that_fan_out_has_not_brought_is_not_there_yet(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("cy", "found")
    await world.retweet("ada", tweet)
    await world.cache("bob", [])

    assert await explained(world, tweet) == (False, "NOT_YET", "PUSHED")


@pytest.mark.embedded
async def test_a_tweet_that_very_many_have_retweeted_is_there_by_the_oldest_retweet(world: World) -> None:
    bob, tweet = await world.account("bob"), await world.tweet("cy", "everywhere")
    fans = await world.accounts([f"fan{number}" for number in range(SLICE_SIZE + 1)])
    root, cy = tweet_number(tweet), await world.account("cy")
    events: list[Event] = [FollowsImported([(bob, fan, world.services.new_id()) for fan in fans])]
    for fan in fans:
        entry_id = TweetId(world.services.new_id())
        events.append(Retweeted(entry_id, fan, root, cy, milliseconds_of(entry_id)))
    await world.append(*events)

    assert await explained(world, tweet) == (True, "RETWEETED_BY_FOLLOWED", "PUSHED")


async def test_an_unknown_tweet_and_a_retweets_own_id_are_null(world: World) -> None:
    tweet = await world.tweet("ada", "found")
    await world.retweet("bob", tweet)
    (retweet_id,) = [entry_id for entry_id in await _entry_ids(world, "bob") if entry_id != tweet_number(tweet)]

    assert await world.ask("Explain", "bob", tweetId=encode_id("Tweet", 12345)) is None
    assert await world.ask("Explain", "bob", tweetId=encode_id("Tweet", retweet_id)) is None


@pytest.mark.embedded
async def test_the_lag_of_fan_out_is_told_while_the_log_knows_it(world: World) -> None:
    tweet = await world.tweet("bob", "mine")
    assert (await world.ask("Explain", "bob", tweetId=tweet))["fanOutLagMs"] == 0

    # What a group has yet to handle is not trimmed.
    await world.drained()
    world.advance(3_600 * world.engine.settings.log_retention_hours + 1)
    assert await world.engine.trim() == 1
    assert (await world.ask("Explain", "bob", tweetId=tweet))["fanOutLagMs"] is None


async def _entry_ids(world: World, viewer: str) -> list[TweetId]:
    await world.home(viewer)
    return await world.pushed_ids(viewer)
