"""Pages of the home timeline: cursors, directions, bounds, and the way down to the very first tweet."""

from pathlib import Path
from typing import Any

import pytest

from loaders.cursors import EDGE, LIVE, decode_cursor, encode_cursor
from tests.world import World, open_world

BAD_CURSORS = ["", "x", encode_cursor(1)[:-1], "ü" * 10, "A" * 3_000, encode_cursor(1, EDGE), encode_cursor(1, LIVE)]


async def scrolled(world: World, viewer: str, size: int) -> list[str]:
    """Read down to the end, page by page; each but the last is full."""
    texts: list[str] = []
    asked: dict[str, Any] = {"first": size}
    while True:
        page = await world.page(viewer, **asked)
        assert page["complete"] is True
        texts += [edge["node"]["text"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return texts
        assert len(page["edges"]) == size
        asked["after"] = page["pageInfo"]["endCursor"]


def texts_of(page: Any) -> list[str]:
    return [edge["node"]["text"] for edge in page["edges"]]


async def test_20_entries_come_if_nothing_is_said(world: World) -> None:
    await world.many_tweets("bob", 30)

    page = await world.ask("HomeTimeline", "bob")

    assert texts_of(page) == [str(number) for number in range(30, 10, -1)]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is False
    assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
    assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]


async def test_an_empty_timeline_has_no_cursors(world: World) -> None:
    page = await world.page("bob")

    assert page["edges"] == []
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_has_next_page_is_true_exactly_when_there_is_more(world: World) -> None:
    await world.many_tweets("bob", 10)

    assert (await world.page("bob", first=9))["pageInfo"]["hasNextPage"] is True
    assert (await world.page("bob", first=10))["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_scrolling_goes_on_below_the_cached_list_without_a_seam(tmp_path: Path, size: int) -> None:
    async with open_world(tmp_path, timeline_length=40) as world:
        await world.celebrity("cy")
        for author in ("ada", "cy"):
            await world.follow("bob", author)
        await world.home("bob")
        for start in range(0, 150, 50):
            await world.many_tweets("ada", 30)
            await world.many_tweets("cy", 20)
            assert start < 150
        assert len(await world.pushed_ids("bob")) < 150

        block = [str(number) for author in (20, 30) for number in range(author, 0, -1)]
        assert await scrolled(world, "bob", size) == block * 3


async def test_scrolling_past_800_reaches_the_very_first_tweet(world: World) -> None:
    """The cached list is trusted above its floor alone (F2)."""
    await world.follow("bob", "ada")
    await world.tweet("ada", "the first")
    await world.home("bob")
    await world.many_tweets("ada", 1_000)

    texts = await scrolled(world, "bob", 100)

    assert texts == [*(str(number) for number in range(1_000, 0, -1)), "the first"]
    assert len(await world.pushed_ids("bob")) < 900


async def test_last_and_before_read_upwards_from_the_bottom(world: World) -> None:
    await world.follow("bob", "ada")
    await world.many_tweets("ada", 10)

    bottom = await world.page("bob", last=3)
    middle = await world.page("bob", last=3, before=bottom["pageInfo"]["startCursor"])
    top = await world.page("bob", last=10, before=middle["pageInfo"]["startCursor"])

    assert [texts_of(page) for page in (bottom, middle)] == [["3", "2", "1"], ["6", "5", "4"]]
    assert texts_of(top) == ["10", "9", "8", "7"]
    infos = [(page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]) for page in (bottom, middle, top)]
    assert infos == [(True, False), (True, True), (False, True)]


async def test_after_and_before_together_bound_a_page_on_both_sides(world: World) -> None:
    await world.many_tweets("bob", 10)
    edges = (await world.page("bob"))["edges"]
    after, before = edges[2]["cursor"], edges[7]["cursor"]

    assert texts_of(await world.page("bob", first=10, after=after, before=before)) == ["7", "6", "5", "4"]
    assert texts_of(await world.page("bob", first=2, after=after, before=before)) == ["7", "6"]
    assert texts_of(await world.page("bob", last=2, after=after, before=before)) == ["5", "4"]


async def test_a_retweet_is_dropped_alike_whichever_way_one_reads(world: World) -> None:
    await world.follow("bob", "ada")
    original = await world.tweet("ada", "original")
    await world.many_tweets("ada", 20)
    await world.retweet("ada", original)
    await world.many_tweets("ada", 5)

    down = await world.entries("bob")
    page = await world.page("bob", last=10, before=(await world.page("bob"))["edges"][9]["cursor"])

    assert ("original", "ada") not in down
    assert texts_of(page) == [text for text, _ in down[:9]]


async def test_a_cursor_stays_valid_when_tweets_arrive_above(world: World) -> None:
    await world.follow("bob", "ada")
    await world.many_tweets("ada", 10)
    cursor = (await world.page("bob", first=4))["pageInfo"]["endCursor"]
    before = await world.page("bob", first=4, after=cursor)

    await world.many_tweets("ada", 10)
    await world.retweet("ada", await world.tweet("cy", "found"))

    assert (await world.page("bob", first=4, after=cursor))["edges"] == before["edges"]
    await world.restart()
    assert (await world.page("bob", first=4, after=cursor))["edges"] == before["edges"]


async def test_a_cursor_stays_valid_when_its_entry_is_deleted(world: World) -> None:
    await world.many_tweets("bob", 5)
    edge = (await world.page("bob", first=2))["edges"][1]

    await world.delete("bob", edge["node"]["id"])

    assert texts_of(await world.page("bob", first=5, after=edge["cursor"])) == ["3", "2", "1"]


async def test_hiding_never_shortens_a_page_while_there_is_more(world: World) -> None:
    for author in ("ada", "cy"):
        await world.follow("bob", author)
    await world.many_tweets("ada", 10)
    await world.home("bob")
    await world.many_tweets("cy", 150)
    stranger = await world.tweet("dora", "asks")
    for _ in range(20):
        await world.reply("ada", stranger, "hidden")
    await world.mute("bob", "cy")

    page = await world.page("bob", first=10)

    assert texts_of(page) == [str(number) for number in range(10, 0, -1)]
    assert page["pageInfo"]["hasNextPage"] is False


async def test_when_the_scan_stops_at_its_budget_the_page_says_so_and_its_cursor_goes_on(tmp_path: Path) -> None:
    """It is not complete, has a next page, and a cursor where the scan stopped (F8)."""
    async with open_world(tmp_path, scan_rounds_max=1) as world:
        await world.follow("bob", "ada")
        await world.tweet("ada", "far down")
        stranger = await world.tweet("dora", "asks")
        for number in range(60):
            await world.reply("ada", stranger, f"hidden {number}")

        page = await world.page("bob", first=1)
        assert page["edges"] == []
        assert (page["complete"], page["pageInfo"]["hasNextPage"]) == (False, True)

        page = await world.page("bob", first=1, after=page["pageInfo"]["endCursor"])
        assert texts_of(page) == ["far down"]


async def test_sizes_out_of_bounds_are_bad_input(world: World) -> None:
    wrong: list[dict[str, Any]] = [
        {"first": 5, "last": 5},
        *({way: size} for way in ("first", "last") for size in (0, -1, 101)),
    ]

    assert [(await world.run("HomeTimeline", "bob", **asked)).codes for asked in wrong] == [["BAD_USER_INPUT"]] * 7


async def test_malformed_and_foreign_cursors_are_bad_input(world: World) -> None:
    for cursor in BAD_CURSORS:
        for argument in ("after", "before"):
            assert (await world.run("HomeTimeline", "bob", **{argument: cursor})).codes == ["BAD_USER_INPUT"], cursor


async def test_a_live_cursor_and_an_id_are_no_cursors_of_a_page(world: World) -> None:
    tweet = await world.tweet("bob", "hello")
    live = (await world.page("bob"))["liveCursor"]

    assert (await world.run("HomeTimeline", "bob", after=live)).codes == ["BAD_USER_INPUT"]
    assert (await world.run("HomeTimeline", "bob", after=tweet)).codes == ["BAD_USER_INPUT"]


async def test_a_cursor_with_any_one_letter_changed_is_bad_input(world: World) -> None:
    await world.tweet("bob", "hello")
    cursor = (await world.page("bob"))["edges"][0]["cursor"]

    for place, letter in enumerate(cursor):
        changed = cursor[:place] + ("A" if letter != "A" else "B") + cursor[place + 1 :]
        assert (await world.run("HomeTimeline", "bob", after=changed)).codes == ["BAD_USER_INPUT"], changed


async def test_new_entries_above_a_cursor_are_counted_up_to_a_cap(world: World) -> None:
    await world.follow("bob", "ada")
    original = await world.tweet("ada", "read")
    cursor = (await world.page("bob"))["edges"][0]["cursor"]
    assert await world.ask("NewCount", "bob", after=cursor) == {"count": 0, "capped": False}

    await world.many_tweets("ada", 3)
    await world.retweet("ada", original)
    await world.reply("ada", await world.tweet("dora", "asks"), "hidden")
    assert await world.ask("NewCount", "bob", after=cursor) == {"count": 3, "capped": False}

    await world.many_tweets("ada", 97)
    assert await world.ask("NewCount", "bob", after=cursor) == {"count": 100, "capped": False}
    await world.many_tweets("ada", 1)
    assert await world.ask("NewCount", "bob", after=cursor) == {"count": 100, "capped": True}


async def test_the_new_count_takes_only_a_cursor_of_the_timeline(world: World) -> None:
    for cursor in BAD_CURSORS:
        assert (await world.run("NewCount", "bob", after=cursor)).codes == ["BAD_USER_INPUT"]


def test_a_cursor_handed_out_by_the_first_release_still_stands_for_its_place() -> None:
    assert decode_cursor("AWUAAAAAAAAAB0Xm") == 7
