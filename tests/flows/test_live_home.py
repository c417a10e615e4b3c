"""The home timeline live: what arrives, what goes, and when only a fresh page can tell."""

from typing import Any

import pytest

from tests.world import World

RESETS = {
    "follow": "You follow someone new",
    "unfollow": "You no longer follow someone",
    "mute": "You muted someone",
    "unmute": "You no longer mute someone",
    "block": "A block came between you and someone",
    "unblock": "A block between you and someone ended",
}


def added(event: Any) -> tuple[str, str, bool]:
    assert event["__typename"] == "TimelineTweetAdded"
    return event["tweet"]["text"], event["delivery"], event["replayed"]


def text_of(event: Any) -> str:
    return added(event)[0]


def removed(event: Any) -> tuple[str, str]:
    assert event["__typename"] == "TimelineTweetRemoved"
    return event["tweetId"], event["cursor"]


def reset(event: Any) -> str:
    assert event["__typename"] == "TimelineReset"
    return str(event["reason"])


async def test_a_followed_authors_tweet_arrives_as_the_page_shows_it(world: World) -> None:
    await world.follow("bob", "ada")
    stream = await world.stream("bob")
    await world.tweet("ada", "hello")

    event = await stream.next()

    assert added(event) == ("hello", "PUSHED", False)
    (edge,) = (await world.page("bob"))["edges"]
    assert (event["cursor"], event["tweet"], event["retweetedBy"]) == (edge["cursor"], edge["node"], None)


async def test_ones_own_tweet_arrives(world: World) -> None:
    stream = await world.stream("bob")
    await world.tweet("bob", "mine")

    assert text_of(await stream.next()) == "mine"


async def test_a_celebritys_tweet_arrives_too(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")
    stream = await world.stream("bob")
    await world.tweet("ada", "hello")

    assert added(await stream.next()) == ("hello", "PULLED", False)


async def test_a_retweet_arrives_with_who_retweeted(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("cy", "found")
    stream = await world.stream("bob")
    await world.retweet("ada", tweet)

    event = await stream.next()

    assert text_of(event) == "found"
    assert event["retweetedBy"]["handle"] == "ada"


async def test_what_the_page_would_not_show_does_not_arrive(world: World) -> None:
    for author in ("ada", "loud"):
        await world.follow("bob", author)
    await world.mute("bob", "loud")
    await world.block("foe", "bob")
    shown = await world.tweet("ada", "shown")
    foes, strangers = await world.tweet("foe", "a foe's"), await world.tweet("cy", "a stranger's")
    stream = await world.stream("bob")

    await world.tweet("loud", "muted")
    await world.retweet("ada", foes)
    await world.reply("ada", strangers, "to a stranger")
    await world.retweet("ada", shown)
    await world.tweet("cy", "another stranger's")
    await world.tweet("ada", "the next to show")

    assert text_of(await stream.next()) == "the next to show"


async def test_a_repeated_retweet_arrives_once_41_entries_lie_between(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "original")
    await world.many_tweets("ada", 39)
    stream = await world.stream("bob")

    await world.retweet("ada", tweet)
    await world.undo("ada", tweet)
    await world.tweet("ada", "40")
    await world.retweet("ada", tweet)

    assert [text_of(await stream.next()) for _ in range(2)] == ["40", "original"]


async def test_a_deleted_tweet_goes_entry_by_entry(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "regretted")
    await world.many_tweets("ada", 41)
    await world.retweet("ada", tweet)
    edges = [edge for edge in (await world.page("bob"))["edges"] if edge["node"]["id"] == tweet]
    stream = await world.stream("bob")

    await world.delete("ada", tweet)

    assert [removed(await stream.next()) for _ in range(2)] == [(tweet, edge["cursor"]) for edge in edges]


async def test_an_undone_retweet_goes_by_the_originals_id(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("cy", "found")
    await world.retweet("ada", tweet)
    (edge,) = (await world.page("bob"))["edges"]
    stream = await world.stream("bob")

    await world.undo("ada", tweet)

    assert removed(await stream.next()) == (tweet, edge["cursor"])


async def test_what_was_never_shown_goes_without_a_word(world: World) -> None:
    await world.follow("bob", "ada")
    shown, strangers = await world.tweet("ada", "shown"), await world.tweet("cy", "a stranger's")
    hidden = await world.reply("ada", strangers, "hidden")
    await world.retweet("ada", shown)
    stream = await world.stream("bob")

    await world.delete("ada", hidden)
    await world.delete("cy", strangers)
    await world.undo("ada", shown)
    await world.tweet("ada", "the next to show")

    assert text_of(await stream.next()) == "the next to show"


async def test_an_undo_that_reveals_another_retweet_is_a_reset(world: World) -> None:
    for author in ("ada", "cy"):
        await world.follow("bob", author)
    tweet = await world.tweet("dora", "found")
    await world.retweet("ada", tweet)
    await world.retweet("cy", tweet)
    stream = await world.stream("bob")

    await world.undo("ada", tweet)

    assert reset(await stream.next()) == "What went changes which retweets show"
    assert await world.entries("bob") == [("found", "cy")]


async def test_likes_and_others_relations_say_nothing(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "liked")
    stream = await world.stream("bob")

    await world.like("bob", tweet)
    await world.follow("cy", "ada")
    await world.follow("ada", "cy")
    await world.mute("ada", "bob")
    await world.tweet("ada", "the next to show")

    assert text_of(await stream.next()) == "the next to show"


@pytest.mark.parametrize("act", RESETS)
async def test_a_change_of_ones_own_relations_resets_with_its_reason_and_the_stream_goes_on(
    world: World, act: str
) -> None:
    """What the viewer's graph changes, only a fresh page can tell (L5)."""
    opposites = {"unfollow": "follow", "unmute": "mute", "unblock": "block"}
    if act in opposites:
        await getattr(world, opposites[act])("bob", "ada")
    stream = await world.stream("bob")

    await getattr(world, act)("bob", "ada")
    assert reset(await stream.next()) == RESETS[act]

    page = await world.page("bob")
    await world.tweet("ada", "after")
    await world.tweet("bob", "mine")
    expected = ["after", "mine"] if act == "follow" else ["mine"]
    assert page["edges"] == []
    assert [text_of(await stream.next()) for _ in expected] == expected


@pytest.mark.parametrize("act", ["block", "unblock"])
async def test_being_blocked_and_no_longer_being_blocked_reset_too(world: World, act: str) -> None:
    await world.follow("bob", "ada")
    if act == "unblock":
        await world.block("ada", "bob")
    stream = await world.stream("bob")

    await getattr(world, act)("ada", "bob")

    assert reset(await stream.next()) == RESETS[act]


async def test_a_repair_resets_those_whom_it_is_for(world: World) -> None:
    await world.tweet("bob", "mine")
    streams = [await world.stream(viewer) for viewer in ("bob", "cy")]

    await world.replay("bob")
    await world.tweet("cy", "after")

    assert reset(await streams[0].next()) == "The timeline was repaired"
    assert text_of(await streams[1].next()) == "after"


async def test_many_streams_of_one_viewer_hear_the_same(world: World) -> None:
    streams = [await world.stream("bob") for _ in range(3)]
    await world.tweet("bob", "mine")

    events = [await stream.next() for stream in streams]

    assert events[0] == events[1] == events[2]


async def test_a_stream_that_ends_leaves_nothing_behind_in_the_hub(world: World) -> None:
    stream = await world.stream("bob")
    assert world.hub.stream_count() == 1

    await stream.close()

    assert world.hub.stream_count() == 0


async def test_a_stream_needs_a_viewer(world: World) -> None:
    stream = await world.listen("HomeTimelineUpdates")

    assert (await stream.answer()).codes == ["UNAUTHENTICATED"]
