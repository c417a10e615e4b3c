"""Coming back with a cursor: nothing is missed, nothing comes twice, and what is hidden by now stays hidden."""

from pathlib import Path
from typing import Any

import pytest

from loaders.cursors import LiveCursor, encode_live
from tests.flows.test_live_home import added, removed, reset, text_of
from tests.world import World, open_world


async def live_cursor(world: World, viewer: str = "bob") -> str:
    await world.drained()
    return str((await world.page(viewer))["liveCursor"])


async def test_what_came_since_the_page_is_replayed_then_the_stream_goes_on(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "seen")
    cursor = await live_cursor(world)
    for text in ("one", "two"):
        await world.tweet("ada", text)

    stream = await world.stream("bob", cursor)
    await world.tweet("ada", "three")

    events = [added(await stream.next()) for _ in range(3)]
    assert events == [("one", "PUSHED", True), ("two", "PUSHED", True), ("three", "PUSHED", False)]


async def test_a_page_that_is_ahead_of_the_hub_does_not_repeat_what_it_shows(world: World) -> None:
    await world.follow("bob", "ada")
    await world.drained()
    await world.tweet("ada", "on the page already")
    page = await world.page("bob")

    stream = await world.stream("bob", page["liveCursor"])
    await world.tweet("ada", "new")

    assert [edge["node"]["text"] for edge in page["edges"]] == ["on the page already"]
    assert text_of(await stream.next()) == "new"


async def test_any_events_cursor_goes_on_from_there(world: World) -> None:
    await world.follow("bob", "ada")
    first = await world.stream("bob")
    for number in range(4):
        await world.tweet("ada", str(number))
    cursors = [(await first.next())["liveCursor"] for _ in range(4)]

    for seen, cursor in enumerate(cursors[:3]):
        stream = await world.stream("bob", cursor)
        assert [text_of(await stream.next()) for _ in range(3 - seen)] == [str(n) for n in range(seen + 1, 4)]


async def test_the_place_within_a_deletion_of_many_entries_is_kept(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "regretted")
    await world.many_tweets("ada", 41)
    await world.retweet("ada", tweet)
    original = (await world.page("bob"))["edges"][-1]
    first = await world.stream("bob")
    await world.delete("ada", tweet)

    again = await world.stream("bob", (await first.next())["liveCursor"])

    assert removed(await again.next()) == removed(await first.next()) == (tweet, original["cursor"])


async def test_a_cursor_outlives_a_restart(world: World) -> None:
    await world.follow("bob", "ada")
    cursor = await live_cursor(world)
    await world.tweet("ada", "before")
    await world.restart()

    stream = await world.stream("bob", cursor)
    await world.tweet("ada", "after")

    assert [added(await stream.next()) for _ in range(2)] == [("before", "PUSHED", True), ("after", "PUSHED", False)]


async def test_a_replay_does_not_show_what_was_deleted_or_undone_since(world: World) -> None:
    """What is hidden by now is in no frame that is written now (V1)."""
    await world.follow("bob", "ada")
    found = await world.tweet("cy", "found")
    cursor = await live_cursor(world)
    regretted = await world.tweet("ada", "regretted")
    await world.retweet("ada", found)
    await world.tweet("ada", "kept")
    await world.delete("ada", regretted)
    await world.undo("ada", found)

    stream = await world.stream("bob", cursor)

    # A page that was fetched since the cursor may hold what went: its removal is told, its arrival is not.
    told = [await stream.next() for _ in range(3)]
    assert [update["__typename"] for update in told] == ["TimelineTweetAdded", *["TimelineTweetRemoved"] * 2]
    assert text_of(told[0]) == "kept"
    await world.tweet("ada", "next")
    assert text_of(await stream.next()) == "next"


@pytest.mark.parametrize(
    ("act", "who", "whom"),
    [("mute", "bob", "ada"), ("block", "bob", "ada"), ("block", "ada", "bob"), ("unfollow", "bob", "ada")],
)
async def test_a_replay_does_not_show_an_author_hidden_since(world: World, act: str, who: str, whom: str) -> None:
    await world.follow("bob", "ada")
    cursor = await live_cursor(world)
    await world.tweet("ada", "hidden by now")
    await getattr(world, act)(who, whom)

    stream = await world.stream("bob", cursor)

    assert reset(await stream.next())
    await world.tweet("bob", "mine")
    assert text_of(await stream.next()) == "mine"


async def test_a_page_after_a_reset_goes_on_in_the_same_stream_without_a_gap(world: World) -> None:
    await world.tweet("ada", "old")
    stream = await world.stream("bob")
    await world.follow("bob", "ada")
    assert reset(await stream.next())
    await world.tweet("ada", "new")

    event = await stream.next()
    page = await world.page("bob")

    assert text_of(event) == "new"
    assert [edge["node"]["text"] for edge in page["edges"]] == ["new", "old"]
    assert page["edges"][0]["cursor"] == event["cursor"]


async def test_a_cursor_of_another_log_is_a_reset(world: World, tmp_path: Path) -> None:
    """It has another epoch (L5)."""
    async with open_world(tmp_path / "other") as other:
        cursor = await live_cursor(other)

    stream = await world.stream("bob", cursor)

    assert reset(await stream.next()) == "The cursor belongs to another log"
    await world.tweet("bob", "mine")
    assert text_of(await stream.next()) == "mine"


@pytest.mark.parametrize("change", [{"region": 1}, {"place": (0, 0)}])
async def test_a_cursor_of_another_region_or_partitioning_is_a_reset(world: World, change: dict[str, Any]) -> None:
    beginning = (0,) * world.log.layout.partitions
    cursor = LiveCursor(**{"epoch": world.log.epoch, "place": beginning, **change})

    assert reset(await (await world.stream("bob", encode_live(cursor))).next()) == "The cursor belongs to another log"


async def test_a_cursor_ahead_of_the_log_is_a_reset(world: World) -> None:
    cursor = encode_live(LiveCursor(world.log.epoch, (10,) * world.log.layout.partitions))

    assert reset(await (await world.stream("bob", cursor)).next()) == "The cursor is ahead of the log"


@pytest.mark.embedded
async def test_a_cursor_that_the_log_no_longer_reaches_is_a_reset(world: World) -> None:
    """It lies past the retention (L5)."""
    cursor = await live_cursor(world)
    await world.many_tweets("bob", 3)
    world.advance(3_600 * world.engine.settings.log_retention_hours + 1)
    assert await world.engine.trim() == 3

    stream = await world.stream("bob", cursor)

    assert reset(await stream.next()) == "The log no longer reaches back to the cursor"
    assert len((await world.page("bob"))["edges"]) == 3


@pytest.mark.embedded
async def test_a_cursor_at_the_end_of_a_trimmed_log_goes_on(world: World) -> None:
    await world.many_tweets("bob", 3)
    cursor = await live_cursor(world)
    world.advance(3_600 * world.engine.settings.log_retention_hours + 1)
    assert await world.engine.trim() == 3

    stream = await world.stream("bob", cursor)
    await world.tweet("bob", "next")

    assert text_of(await stream.next()) == "next"


async def test_too_much_to_replay_is_a_reset(tmp_path: Path) -> None:
    """It lies past the replay budget (L5)."""
    async with open_world(tmp_path, replay_max_events=5) as world:
        cursor = await live_cursor(world)
        await world.many_tweets("bob", 5)
        assert text_of(await (await world.stream("bob", cursor)).next()) == "1"

        await world.many_tweets("bob", 1)
        assert reset(await (await world.stream("bob", cursor)).next()) == "Too much has happened since the cursor"


async def test_the_cursor_of_a_reset_goes_on_from_it(world: World) -> None:
    first = await world.stream("bob")
    await world.follow("bob", "ada")
    event = await first.next()
    assert reset(event)
    await world.tweet("ada", "missed")

    again = await world.stream("bob", event["liveCursor"])

    assert added(await again.next()) == ("missed", "PUSHED", True)


@pytest.mark.embedded
async def test_malformed_cursors_and_those_of_pages_are_bad_input(world: World) -> None:
    await world.tweet("bob", "mine")
    page = await world.page("bob")
    live = page["liveCursor"]

    for cursor in ("", "x", live[:-1], live + "A", live[:4] + "zz" + live[6:], page["edges"][0]["cursor"], "A" * 3_000):
        stream = await world.stream("bob", cursor)
        assert (await stream.answer()).codes == ["BAD_USER_INPUT"], cursor
