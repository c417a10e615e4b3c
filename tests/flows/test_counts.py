"""Counts are exact once the log is drained, whatever the order of what happened, restarts and replays."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.world import World

Shaken = Callable[[World], Awaitable[None]]


async def left_alone(world: World) -> None:
    await world.drained()


async def restarted(world: World) -> None:
    await world.restart()


async def replayed(world: World) -> None:
    await world.replay("ada")


async def replayed_in_small_batches(world: World) -> None:
    await world.restart(store_batch_size=1, fanout_batch_size=1)
    await world.replay("ada", "bob")


shaken = pytest.mark.parametrize("shake", [left_alone, restarted, replayed, replayed_in_small_batches])


async def counts(world: World, tweet: str) -> tuple[int, int, int, int]:
    found = await world.ask("Conversation", id=tweet)
    return found["likeCount"], found["retweetCount"], found["replyCount"], found["quoteCount"]


async def standing(world: World, handle: str) -> tuple[int, int, int]:
    found = await world.ask("Viewer", handle)
    return found["followersCount"], found["followingCount"], found["tweetsCount"]


@shaken
async def test_a_tweets_counts_are_what_stands(world: World, shake: Shaken) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("bob", "cy", "dora"):
        await world.like(fan, tweet)
        await world.retweet(fan, tweet)
    await world.unlike("cy", tweet)
    await world.like("cy", tweet)
    await world.unlike("dora", tweet)
    await world.undo("bob", tweet)
    reply = await world.reply("bob", tweet, "answer")
    await world.reply("cy", tweet, "another")
    await world.quote("dora", tweet, "see")
    await world.delete("bob", reply)

    await shake(world)

    assert await counts(world, tweet) == (2, 2, 1, 1)


@shaken
async def test_an_accounts_counts_are_what_stands(world: World, shake: Shaken) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.reply("ada", tweet, "and more")
    await world.quote("ada", tweet, "see")
    await world.retweet("ada", tweet)
    await world.delete("ada", await world.tweet("ada", "regretted"))
    for follower in ("bob", "cy", "dora"):
        await world.follow(follower, "ada")
    await world.follow("ada", "bob")
    await world.unfollow("bob", "ada")
    await world.follow("bob", "ada")
    await world.unfollow("cy", "ada")
    await world.block("dora", "ada")

    await shake(world)

    assert await standing(world, "ada") == (1, 1, 3)
    assert await standing(world, "bob") == (1, 1, 0)
    assert await standing(world, "dora") == (0, 0, 0)


@shaken
async def test_likes_at_random_are_counted_exactly(world: World, shake: Shaken) -> None:
    choice, fans = random.Random(7), [f"fan{number}" for number in range(4)]
    tweet = await world.tweet("ada", "hello")
    for _ in range(10):
        acts = [(choice.choice(("Like", "Unlike")), choice.choice(fans)) for _ in range(6)]
        await asyncio.gather(*(world.run(act, fan, id=tweet) for act, fan in acts))

    await shake(world)

    pages = [(await world.ask("Conversation", fan, id=tweet)) for fan in fans]
    assert (await counts(world, tweet))[0] == sum(page["viewerHasLiked"] for page in pages)


async def test_ten_likes_at_once_are_one(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    await asyncio.gather(*(world.like("bob", tweet) for _ in range(10)))

    assert (await counts(world, tweet))[0] == 1


async def test_ten_retweets_at_once_are_one(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    await asyncio.gather(*(world.retweet("bob", tweet) for _ in range(10)))

    assert (await counts(world, tweet))[1] == 1
    assert await world.entries("bob") == [("hello", "bob")]


async def test_what_is_replayed_shows_once(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "hello")
    await world.retweet("cy", tweet)
    before = await world.page("bob")

    await world.replay("bob")

    assert (await world.page("bob"))["edges"] == before["edges"]
