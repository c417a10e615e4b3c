"""Push, pull and rebuild: however an entry comes, the reader sees one timeline."""

import asyncio
from pathlib import Path

import pytest

from tests.world import World, open_world

DAY_S = 86_400


async def deliveries(world: World, viewer: str) -> list[tuple[str, str]]:
    return [(edge["node"]["text"], edge["delivery"]) for edge in (await world.page(viewer))["edges"]]


async def test_a_tweet_is_pushed_to_followers_who_read(world: World) -> None:
    await world.follow("bob", "ada")
    await world.home("bob")
    await world.tweet("ada", "hello")

    assert await world.pushed_to("bob") == ["hello"]
    assert await deliveries(world, "bob") == [("hello", "PUSHED")]


@pytest.mark.embedded
async def test_a_tweet_is_not_pushed_to_followers_who_never_read(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "hello")

    assert len(world.engine.timelines) == 0
    assert await world.home("bob") == ["hello"]
    assert await world.pushed_to("bob") == ["hello"]


async def test_a_celebritys_tweet_is_pulled_into_the_followers_home(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")
    await world.home("bob")
    await world.tweet("ada", "hello")

    assert await deliveries(world, "bob") == [("hello", "PULLED")]
    assert await world.pushed_to("bob") == []


async def test_pushed_and_pulled_entries_stand_in_one_order(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    await world.home("bob")
    for number in range(3):
        await world.tweet("ada", f"pulled {number}")
        await world.tweet("cy", f"pushed {number}")

    assert await deliveries(world, "bob") == [
        (f"{way} {number}", way.upper()) for number in (2, 1, 0) for way in ("pushed", "pulled")
    ]


async def test_a_celebrity_s_own_tweets_are_pulled_for_them_as_for_everybody(world: World) -> None:
    await world.celebrity("ada")
    await world.home("ada")
    await world.tweet("ada", "mine")

    assert await world.home("ada") == ["mine"]
    assert await world.pushed_to("ada") == []


async def test_a_retweet_is_delivered_by_the_policy_of_who_retweets(world: World) -> None:
    await world.celebrity("ada")
    await world.follow("bob", "ada")
    await world.home("bob")
    await world.retweet("ada", await world.tweet("cy", "found"))

    assert await deliveries(world, "bob") == [("found", "PULLED")]
    assert await world.pushed_to("bob") == []


async def test_a_switch_up_holds_from_the_next_tweet_on(world: World) -> None:
    await world.follow("bob", "ada")
    await world.home("bob")
    await world.tweet("ada", "before")
    await world.celebrity("ada")
    await world.tweet("ada", "after")

    assert await deliveries(world, "bob") == [("after", "PULLED"), ("before", "PUSHED")]
    assert await world.pushed_to("bob") == ["before"]


@pytest.mark.embedded
async def test_a_switch_back_waits_until_followers_are_under_seven_tenths_of_the_limit(world: World) -> None:
    async with open_world(world.engine.settings.data_dir / "other", push_limit=10) as ten:
        fans = await ten.celebrity("ada")
        assert len(fans) == 10
        await ten.home("fan0")
        for expected, number_leaving in (("PULLED", 0), ("PULLED", 3), ("PUSHED", 1)):
            for fan in [fans.pop() for _ in range(number_leaving)]:
                await ten.unfollow(fan, "ada")
            await ten.tweet("ada", f"{len(fans)} followers")
            assert (await deliveries(ten, "fan0"))[0] == (f"{len(fans)} followers", expected)

        assert await ten.pushed_to("fan0") == ["6 followers"]
        assert await ten.home("fan0") == ["6 followers", "7 followers", "10 followers"]


async def test_the_delivery_is_the_policy_at_that_id_however_the_entry_came(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "pushed once")
    fans = await world.celebrity("ada")
    await world.tweet("ada", "pulled once")
    for fan in fans[:3]:
        await world.unfollow(fan, "ada")
    await world.tweet("ada", "pushed again")
    expected = [("pushed again", "PUSHED"), ("pulled once", "PULLED"), ("pushed once", "PUSHED")]

    assert await deliveries(world, "bob") == expected
    await world.timelines.drop(None)
    assert await deliveries(world, "bob") == expected
    await world.restart()
    assert await deliveries(world, "bob") == expected
    await world.replay("bob")
    assert await deliveries(world, "bob") == expected


async def test_a_celebrity_newly_followed_shows_at_once_with_what_was_pulled_and_pushed(world: World) -> None:
    await world.tweet("ada", "early")
    await world.celebrity("ada")
    await world.tweet("ada", "late")
    await world.home("bob")

    await world.follow("bob", "ada")
    assert await world.home("bob") == ["late", "early"]


async def test_a_new_followee_is_merged_into_the_cached_list(world: World) -> None:
    await world.tweet("ada", "old")
    await world.home("bob")
    await world.follow("bob", "ada")

    assert await world.pushed_to("bob") == ["old"]


async def test_one_who_was_away_for_long_is_passed_by_and_rebuilt_on_return(tmp_path: Path) -> None:
    async with open_world(tmp_path, timeline_idle_days=30) as world:
        await world.follow("bob", "ada")
        await world.follow("cy", "ada")
        await world.home("bob")
        world.advance(31 * DAY_S)
        await world.home("cy")

        await world.tweet("ada", "news")

        assert await world.pushed_to("cy") == ["news"]
        assert await world.timelines.reach(await world.account("bob")) is None
        assert await world.home("bob") == ["news"]


async def test_the_list_read_longest_ago_gives_way_when_too_many_are_cached(tmp_path: Path) -> None:
    async with open_world(tmp_path, timelines_max=2) as world:
        for reader in ("bob", "cy", "dora"):
            await world.follow(reader, "ada")
            await world.home(reader)
        await world.tweet("ada", "news")

        assert len(world.engine.timelines) == 2
        assert await world.pushed_to("bob") == []
        assert [await world.home(reader) for reader in ("bob", "cy", "dora")] == [["news"]] * 3


async def test_many_readers_at_once_share_one_rebuild(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "hello")

    pages = await asyncio.gather(*(world.home("bob") for _ in range(20)))

    assert pages == [["hello"]] * 20
    assert world.services.home.rebuilds.done == 1


async def test_over_the_rebuild_budget_a_page_is_pulled_and_nothing_cached(tmp_path: Path) -> None:
    """A page costs little then, and pushes nothing out of the cache (F9)."""
    async with open_world(tmp_path, rebuilds_max=1) as world:
        for reader in ("bob", "cy", "dora"):
            await world.follow(reader, "ada")
        await world.tweet("ada", "hello")

        pages = await asyncio.gather(*(world.home(reader) for reader in ("bob", "cy", "dora")))

        assert pages == [["hello"]] * 3
        assert len(world.engine.timelines) == 1


async def test_a_lost_cache_changes_no_page(world: World) -> None:
    await world.follow("bob", "ada")
    await world.celebrity("cy")
    await world.follow("bob", "cy")
    for number in range(10):
        await world.tweet("ada", f"ada {number}")
        await world.tweet("cy", f"cy {number}")
    await world.drained()
    before = await world.page("bob")

    await world.timelines.drop(None)

    assert await world.page("bob") == before


async def test_a_restart_changes_no_page(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "hello")
    await world.drained()
    before = await world.page("bob")

    await world.restart()

    assert await world.page("bob") == before
