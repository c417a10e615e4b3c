"""What the group `fanout` does while the cache is away: what it lacks is pulled, and nothing is missing (F5)."""

from pathlib import Path

import pytest

from loaders.errors import Unavailable
from loaders.home import pulled_authors
from loaders.ports import Reach
from loaders.records import Delivery, Switch, TweetId, UserId
from realtime.deliver import AWAY_MAX_MS, AWAY_MIN_MS
from realtime.events import RepairRequested
from tests.contracts.making import tweet
from tests.realtime.delivering import LENGTH, activate, follows, happen, held, switches, world
from tests.stepped import Stepped

__all__ = ["world"]


async def test_what_the_cache_does_not_take_is_pulled_and_the_streams_go_on(world: Stepped) -> None:
    """A push that is not acknowledged makes its tweet a pulled one, on a list that is still there as well (F5)."""
    await happen(world, *follows(1, 2), tweet(10, 1))
    await activate(world, 1, 2)
    world.broadcast.held.clear()

    world.take_cache_away()
    await happen(world, tweet(20, 1), tweet(30, 1))
    world.bring_cache_back()

    told = [(each.kind, each.ids[0]) for batch in world.broadcast.held for each in batch]
    assert told == [("switched", 1), ("posted", 20), ("posted", 30)]
    assert await switches(world, 1) == [Switch(TweetId(20), Delivery.PULLED)]
    assert await held(world, 2) == [10]
    for viewer in (1, 2):
        assert [edge.entry.id for edge in (await world.page(viewer)).edges] == [30, 20, 10]
    assert world.engine.deliver.pushes_given_up == 1


async def test_once_the_cache_is_back_authors_are_pushed_again_and_old_gaps_are_forgotten(world: Stepped) -> None:
    await happen(world, *follows(1, 2), tweet(10, 1))
    await activate(world, 2)
    world.take_cache_away()
    await happen(world, tweet(20, 1))
    world.bring_cache_back()

    await happen(world, *(tweet(number, 1) for number in range(30, 30 + LENGTH + 64)))

    assert (await switches(world, 1))[1:] == [Switch(TweetId(30), Delivery.PUSHED)]
    found = await world.engine.timelines.newest(UserId(2), None, 1_000)
    assert found is not None
    assert found.floor > 30
    relations = await world.services.home.graph.relations(UserId(2))
    assert pulled_authors(relations, await world.services.home.policy.switches(), found, None, 1) == []


async def test_a_late_entry_that_the_cache_does_not_take_is_pulled_too(world: Stepped) -> None:
    await happen(world, *follows(1, 2), tweet(30, 1))
    await activate(world, 2)

    world.take_cache_away()
    await happen(world, tweet(20, 1))
    world.bring_cache_back()

    assert await switches(world, 1) == [Switch(TweetId(20), Delivery.PULLED)]
    assert [edge.entry.id for edge in (await world.page(2)).edges] == [30, 20]


async def test_a_cache_that_failed_is_left_alone_for_a_while(world: Stepped) -> None:
    await happen(world, *follows(1, 2), *follows(3, 2), tweet(10, 1))
    await activate(world, 2)
    world.take_cache_away()
    await happen(world, tweet(20, 1))
    world.bring_cache_back()
    world.now_s -= AWAY_MAX_MS / 1_000

    await happen(world, tweet(30, 3))
    assert await held(world, 2) == [10]
    world.now_s += AWAY_MIN_MS / 1_000
    await happen(world, tweet(40, 3))

    assert await held(world, 2) == [40, 10]
    assert [edge.entry.id for edge in (await world.page(2)).edges] == [40, 30, 20, 10]


async def test_a_follow_that_finds_the_cache_away_is_made_up_for_by_the_next_one(world: Stepped) -> None:
    await happen(world, tweet(10, 1), tweet(20, 3))
    await activate(world, 2)
    world.take_cache_away()
    await happen(world, *follows(1, 2))
    world.bring_cache_back()
    assert [edge.entry.id for edge in (await world.page(2)).edges] == [10]

    await happen(world, *follows(3, 2))

    assert await held(world, 2) == [20, 10]
    assert await world.engine.timelines.reach(UserId(2)) == Reach(TweetId(0), {0: 4}, is_built=True)


async def test_a_follow_during_a_build_settles_nothing_since_the_build_may_not_know_of_it(world: Stepped) -> None:
    timelines = world.engine.timelines
    await happen(world, tweet(10, 1))
    token = await timelines.begin_build(UserId(2))
    await happen(world, *follows(1, 2))

    await timelines.finish_build(UserId(2), token, [], TweetId(0), {})

    assert await timelines.reach(UserId(2)) == Reach(TweetId(0), {}, is_built=True)
    assert [edge.entry.id for edge in (await world.page(2)).edges] == [10]


async def test_a_repair_waits_for_the_cache_whose_lists_it_is_to_drop(world: Stepped) -> None:
    await activate(world, 1)
    world.take_cache_away()
    await world.append(RepairRequested([UserId(1)], 1))
    await world.step("store")
    with pytest.raises(Unavailable):
        await world.step("fanout")

    world.bring_cache_back()
    await world.step("fanout")

    assert await held(world, 1) is None


async def test_no_more_pages_are_read_without_the_cache_at_once_than_the_stores_bear(tmp_path: Path) -> None:
    """Over that budget a page is UNAVAILABLE, at once, and the next one is read (F9)."""
    world = Stepped(tmp_path, pulls_max=1)
    await world.open()
    await happen(world, tweet(10, 1))
    world.take_cache_away()

    with world.services.home.pulls.taken(), pytest.raises(Unavailable, match="at once"):
        await world.page(1)

    assert [edge.entry.id for edge in (await world.page(1)).edges] == [10]
    assert (world.services.home.pulls.refused, world.services.home.pulls.under_way) == (1, 0)
    await world.close()
