"""What is malformed or out of bounds is bad input; what is well formed but unknown is null."""

from typing import Any

import pytest

from loaders.cursors import EDGE, encode_cursor
from loaders.global_ids import encode_id
from tests.world import World

BAD_IDS = ["", "1", "VHdlZXQ6", "VHdlZXQ6LTE=", "VHdlZXQ6MDE=", encode_id("Tweet", 2**63), encode_id("Nothing", 1)]
TWEET_ACTS = ["DeleteTweet", "Like", "Unlike", "Retweet", "UndoRetweet"]
USER_ACTS = ["Follow", "Unfollow", "Mute", "Unmute", "Block", "Unblock"]
PAGED = {
    "UserTweets": {"handle": "ada"},
    "Follows": {"handle": "ada"},
    "HashtagTweets": {"name": "roost"},
}
BAD_CURSORS = [{"after": cursor} for cursor in ("", "x", "ü")]


async def refused(world: World, *asked: tuple[str, dict[str, Any]]) -> list[str]:
    """Return the names of the documents that are answered with BAD_USER_INPUT and nothing else."""
    codes = [(name, set((await world.run(name, "bob", **variables)).codes)) for name, variables in asked]
    return [name for name, found in codes if found == {"BAD_USER_INPUT"}]


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_malformed_ids_are_bad_input(world: World, bad: str) -> None:
    names = ["Conversation", "Entities", "Refetch", *TWEET_ACTS, *USER_ACTS]

    assert await refused(world, *((name, {"id": bad}) for name in names)) == names


async def test_the_id_of_an_account_is_not_that_of_a_tweet_nor_the_other_way_round(world: World) -> None:
    account, tweet = {"id": encode_id("User", 1)}, {"id": encode_id("Tweet", 1)}

    assert await refused(world, *((name, account) for name in TWEET_ACTS)) == TWEET_ACTS
    assert await refused(world, *((name, tweet) for name in USER_ACTS)) == USER_ACTS


@pytest.mark.parametrize("field", ["inReplyToId", "quotedTweetId"])
async def test_malformed_ids_in_a_post_are_bad_input(world: World, field: str) -> None:
    for bad in BAD_IDS:
        assert (await world.run("PostTweet", "bob", input={"text": "a", field: bad})).codes == ["BAD_USER_INPUT"]
    assert await world.home("bob") == []


@pytest.mark.parametrize("kind", ["Tweet", "User"])
async def test_well_formed_but_unknown_ids_are_null(world: World, kind: str) -> None:
    unknown = encode_id(kind, 2**63 - 1)

    assert (await world.run("Refetch", "bob", id=unknown)).data == {"node": None}
    if kind == "Tweet":
        assert (await world.run("Conversation", "bob", id=unknown)).data == {"tweet": None}
        assert (await world.run("Explain", "bob", tweetId=unknown)).data == {"explainTimeline": None}


async def test_the_id_of_a_retweet_shows_nothing(world: World) -> None:
    await world.retweet("bob", await world.tweet("ada", "found"))
    await world.home("bob")
    (retweet,) = await world.pushed_ids("bob")

    for name in ("Refetch", "Conversation"):
        assert (await world.run(name, "bob", id=encode_id("Tweet", retweet))).value is None
    for name in TWEET_ACTS:
        assert (await world.run(name, "bob", id=encode_id("Tweet", retweet))).user_errors == ["NOT_FOUND"]


async def test_an_unknown_handle_is_null_whatever_it_holds(world: World) -> None:
    for handle in ("nobody", "", "not a handle", "ä" * 100, "a\x00b"):
        assert await world.ask("UserTweets", handle=handle) is None


@pytest.mark.parametrize("wrong", [{"first": 0}, {"first": -1}, {"first": 101}, {"first": 2**31 - 1}, *BAD_CURSORS])
async def test_sizes_out_of_bounds_and_malformed_cursors_are_bad_input_in_every_list(
    world: World, wrong: dict[str, Any]
) -> None:
    await world.account("ada")

    assert await refused(world, *((name, {**given, **wrong}) for name, given in PAGED.items())) == list(PAGED)


async def test_a_cursor_of_follows_is_not_one_of_tweets_nor_the_other_way_round(world: World) -> None:
    await world.account("ada")

    assert (await world.run("UserTweets", handle="ada", after=encode_cursor(1, EDGE))).codes == ["BAD_USER_INPUT"]
    assert "BAD_USER_INPUT" in (await world.run("Follows", handle="ada", after=encode_cursor(1))).codes


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("HomeTimeline", {"first": "ten"}),
        ("HomeTimeline", {"after": 7}),
        ("PostTweet", {"input": {"text": None}}),
        ("PostTweet", {"input": {"text": "a", "unknown": 1}}),
        ("PostTweet", {}),
        ("HomeTimeline", {"first": 2**31}),
    ],
)
async def test_wrong_types_are_bad_input(world: World, document: str, variables: dict[str, Any]) -> None:
    assert (await world.run(document, "bob", **variables)).codes == ["BAD_USER_INPUT"]
