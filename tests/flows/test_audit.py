"""The proof finds nothing where nothing is wrong, and names each fault that is planted."""

from dataclasses import replace
from typing import Any, cast

import pytest

from loaders.global_ids import encode_id
from loaders.ids import milliseconds_of
from loaders.ports import CachedTimeline, TimelineStore
from loaders.records import TweetId, UserId
from realtime.events import Retweeted
from tests.world import World, tweet_number

CLEAN: dict[str, list[str]] = {"missing": [], "unexpected": [], "duplicates": []}


def sql(world: World, statement: str, *parameters: object) -> None:
    """Change the stores behind everyone's back."""
    assert world.engine.store.connection.execute(statement, parameters).rowcount > 0


async def populated(world: World) -> dict[str, str]:
    """Give bob a timeline with something of every kind, and return the ids of some tweets."""
    await world.celebrity("star")
    for author in ("ada", "cy", "star"):
        await world.follow("bob", author)
    await world.home("bob")
    ids = {
        "pushed": await world.tweet("ada", "pushed"),
        "pulled": await world.tweet("star", "pulled"),
        "found": await world.tweet("stranger", "found"),
        "muted": await world.tweet("loud", "muted"),
        "gone": await world.tweet("ada", "gone"),
    }
    await world.mute("bob", "loud")
    await world.retweet("ada", ids["found"])
    await world.retweet("cy", ids["found"])
    await world.retweet("ada", ids["muted"])
    await world.reply("ada", ids["found"], "hidden")
    await world.reply("cy", ids["pushed"], "shown")
    await world.delete("ada", ids["gone"])
    assert await world.home("bob") == ["shown", "found", "pulled", "pushed"]
    return ids


async def test_a_timeline_as_it_should_be_is_clean(world: World) -> None:
    await populated(world)

    found = await world.ask("Audit", "bob")

    assert found == {"checked": 4, **CLEAN}


async def test_an_empty_timeline_is_clean(world: World) -> None:
    assert await world.ask("Audit", "bob") == {"checked": 0, **CLEAN}


async def test_a_long_timeline_with_repeated_retweets_is_clean(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("ada", "again and again")
    for fan in ("cy", "dora", "eve"):
        await world.follow("bob", fan)
        await world.many_tweets("ada", 30)
        await world.retweet(fan, tweet)
    await world.many_tweets("ada", 900)

    assert await world.ask("Audit", "bob") == {"checked": 800, **CLEAN}


async def test_an_id_lost_from_a_cached_list_is_missing(world: World) -> None:
    ids = await populated(world)
    await world.cache("bob", [each for each in await world.pushed_ids("bob") if each != tweet_number(ids["pushed"])])

    assert await world.audit("bob") == {**CLEAN, "missing": [ids["pushed"]]}


async def test_a_list_that_lost_a_retweet_misses_the_tweet_it_shows(world: World) -> None:
    ids = await populated(world)
    root = tweet_number(ids["found"])
    entries = await world.services.home.tweets.entries(await world.pushed_ids("bob"))
    await world.cache("bob", [entry.id for entry in entries if entry and entry.root_id != root])

    assert await world.audit("bob") == {**CLEAN, "missing": [ids["found"]]}


async def test_a_list_that_is_empty_but_claims_to_be_whole_misses_everything_pushed(world: World) -> None:
    ids = await populated(world)
    await world.cache("bob", [])

    found = await world.audit("bob")

    assert ids["pushed"] in found["missing"]
    assert ids["pulled"] not in found["missing"]
    assert len(found["missing"]) == 3


@pytest.mark.embedded
@pytest.mark.parametrize("name", ["pushed", "pulled"])
async def test_a_tweet_lost_between_log_and_store_is_missing_and_a_replay_mends_it(world: World, name: str) -> None:
    ids = await populated(world)
    sql(world, "DELETE FROM tweets WHERE id = ?", tweet_number(ids[name]))
    world.engine.store.entries.clear()

    assert await world.audit("bob") == {**CLEAN, "missing": [ids[name]]}

    await world.replay("bob")
    assert await world.audit("bob") == CLEAN
    assert name in await world.home("bob")


@pytest.mark.embedded
async def test_a_retweet_lost_between_log_and_store_is_missing(world: World) -> None:
    ids = await populated(world)
    sql(world, "DELETE FROM tweets WHERE root_id = ?", tweet_number(ids["found"]))
    world.engine.store.entries.clear()

    assert ids["found"] in (await world.audit("bob"))["missing"]


async def test_a_second_retweet_that_was_refused_is_not_missing(world: World) -> None:
    await world.follow("bob", "ada")
    tweet = await world.tweet("cy", "found")
    await world.retweet("ada", tweet)
    second = TweetId(world.services.new_id())
    root, cy = tweet_number(tweet), await world.account("cy")
    await world.append(Retweeted(second, await world.account("ada"), root, cy, milliseconds_of(second)))

    assert await world.audit("bob") == CLEAN
    assert await world.entries("bob") == [("found", "ada")]


@pytest.mark.embedded
async def test_what_is_shown_of_one_unfollowed_is_unexpected(world: World) -> None:
    ids = await populated(world)
    statement = "UPDATE follows SET standing = 0 WHERE follower_id = ? AND followee_id = ?"
    sql(world, statement, await world.account("bob"), await world.account("star"))

    assert await world.audit("bob") == {**CLEAN, "unexpected": [ids["pulled"]]}


@pytest.mark.embedded
@pytest.mark.parametrize("table", ["mutes", "blocks"])
async def test_what_is_shown_of_one_muted_or_blocked_is_unexpected(world: World, table: str) -> None:
    ids = await populated(world)
    pair = await world.account("bob"), await world.account("star")
    sql(world, f"INSERT INTO {table} VALUES (?, ?, 1, 1)", *pair)

    assert await world.audit("bob") == {**CLEAN, "unexpected": [ids["pulled"]]}


@pytest.mark.embedded
async def test_what_is_shown_across_anothers_block_is_unexpected(world: World) -> None:
    ids = await populated(world)
    sql(world, "INSERT INTO blocks VALUES (?, ?, 1, 1)", await world.account("stranger"), await world.account("bob"))

    assert await world.audit("bob") == {**CLEAN, "unexpected": [ids["found"]]}


@pytest.mark.embedded
async def test_what_is_shown_although_deleted_is_unexpected(world: World) -> None:
    ids = await populated(world)
    sql(world, "UPDATE tweets SET gone_offset = 1 WHERE id = ?", tweet_number(ids["pushed"]))

    assert await world.audit("bob") == {**CLEAN, "unexpected": [ids["pushed"]]}


@pytest.mark.embedded
async def test_a_retweet_shown_although_its_original_was_deleted_is_unexpected(world: World) -> None:
    ids = await populated(world)
    sql(world, "UPDATE tweets SET gone_offset = 1 WHERE id = ?", tweet_number(ids["found"]))

    assert await world.audit("bob") == {**CLEAN, "unexpected": [ids["found"]]}


class Repeating:
    """A cache that answers the newest id on every page."""

    def __init__(self, timelines: TimelineStore) -> None:
        self._timelines = timelines

    async def newest(self, viewer_id: UserId, below: TweetId | None, limit: int) -> CachedTimeline | None:
        found = await self._timelines.newest(viewer_id, below, limit)
        top = await self._timelines.newest(viewer_id, None, 1)
        return found and top and found._replace(ids=[*dict.fromkeys((*top.ids, *found.ids))])


async def test_an_entry_shown_twice_is_a_duplicate(world: World) -> None:
    newest = (await world.many_tweets("bob", 150))[-1]
    await world.home("bob")
    faulty = replace(world.services.home, timelines=cast(Any, Repeating(world.services.home.timelines)))
    world.services = replace(world.services, home=faulty, audit=replace(world.services.audit, home=faulty))

    assert await world.audit("bob") == {**CLEAN, "duplicates": [encode_id("Tweet", newest)]}


async def test_a_fault_below_the_range_asked_for_is_not_named(world: World) -> None:
    ids = await world.many_tweets("bob", 50)
    await world.cache("bob", ids[1:])

    assert await world.audit("bob", 20) == CLEAN
    assert (await world.audit("bob", 50))["missing"] == [encode_id("Tweet", ids[0])]


@pytest.mark.parametrize("first", [0, -1, 801])
@pytest.mark.embedded
async def test_the_range_of_an_audit_has_bounds(world: World, first: int) -> None:
    assert (await world.run("Audit", "bob", first=first)).codes == ["BAD_USER_INPUT"]
