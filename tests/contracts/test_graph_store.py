"""What every `GraphStore` promises: who stands how to whom, and pages of edges that lose none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loaders.records import Relations, Standing, UserCounts, UserId
from realtime.events import Event, FollowsImported, Verb
from tests.contracts.adapters import STORES
from tests.contracts.making import logged, relate
from tests.contracts.stores import Stores

ADA, BOB, EVE = UserId(1), UserId(2), UserId(3)


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with STORES[request.param](tmp_path) as opened:
        yield opened


async def happen(stores: Stores, *events: Event) -> None:
    await stores.projection.apply(logged(events, after=await stores.projection.position()))


async def standing(stores: Stores, viewer: UserId, other: UserId) -> Standing:
    (found,) = await stores.graph.standings(viewer, [other])
    return found


async def counts(stores: Stores, user: UserId) -> UserCounts:
    (found,) = await stores.graph.counts([user])
    return found


async def test_strangers_stand_to_each_other_in_no_way(stores: Stores) -> None:
    assert await stores.graph.relations(ADA) == Relations(ADA)
    assert await standing(stores, ADA, BOB) == Standing()
    assert await counts(stores, ADA) == UserCounts()
    assert list(await stores.graph.followers(ADA, 10)) == []
    assert list(await stores.graph.edges(ADA, True, 10, None)) == []


async def test_a_follow_stands_from_its_offset_on_and_is_counted_on_both_sides(stores: Stores) -> None:
    await happen(stores, relate(Verb.FOLLOW, 1, 3, 50), relate(Verb.FOLLOW, 1, 2, 60), relate(Verb.FOLLOW, 1, 2, 70))

    assert await stores.graph.relations(ADA) == Relations(ADA, {EVE: 1, BOB: 2}, newest_edges={0: 2})
    assert await stores.graph.standings(ADA, [BOB, ADA, EVE]) == [Standing(True), Standing(), Standing(True)]
    assert await standing(stores, BOB, ADA) == Standing(follows_viewer=True)
    assert (await counts(stores, ADA), await counts(stores, BOB)) == (UserCounts(0, 2), UserCounts(1, 0))
    # Following again leaves the edge where it was.
    assert [edge.edge_id for edge in await stores.graph.edges(BOB, True, 10, None)] == [60]


async def test_an_unfollow_ends_it_and_a_new_follow_has_a_new_edge(stores: Stores) -> None:
    await happen(stores, relate(Verb.FOLLOW, 1, 2, 50), relate(Verb.UNFOLLOW, 1, 2), relate(Verb.UNFOLLOW, 1, 2))
    assert await stores.graph.relations(ADA) == Relations(ADA)
    assert await counts(stores, BOB) == UserCounts()

    await happen(stores, relate(Verb.FOLLOW, 1, 2, 90))

    assert (await stores.graph.relations(ADA)).follows == {BOB: 4}
    assert [edge.edge_id for edge in await stores.graph.edges(ADA, False, 10, None)] == [90]


async def test_a_mute_concerns_who_mutes_alone(stores: Stores) -> None:
    await happen(stores, relate(Verb.FOLLOW, 1, 2, 50), relate(Verb.MUTE, 1, 2))

    assert await standing(stores, ADA, BOB) == Standing(is_following=True, has_muted=True)
    assert (await stores.graph.relations(ADA)).mutes == {BOB}
    assert await stores.graph.relations(BOB) == Relations(BOB)

    await happen(stores, relate(Verb.UNMUTE, 1, 2))
    assert (await stores.graph.relations(ADA)).mutes == frozenset()


async def test_a_block_ends_the_follows_both_ways_and_lets_none_begin(stores: Stores) -> None:
    await happen(stores, relate(Verb.FOLLOW, 1, 2, 50), relate(Verb.FOLLOW, 2, 1, 60), relate(Verb.BLOCK, 1, 2))

    assert await stores.graph.relations(ADA) == Relations(ADA, blocks=frozenset({BOB}))
    assert await stores.graph.relations(BOB) == Relations(BOB, blocked_by=frozenset({ADA}))
    assert await standing(stores, ADA, BOB) == Standing(has_blocked=True)
    assert await standing(stores, BOB, ADA) == Standing(is_blocked_by=True)
    assert (await counts(stores, ADA), await counts(stores, BOB)) == (UserCounts(), UserCounts())

    await happen(stores, relate(Verb.FOLLOW, 1, 2, 70), relate(Verb.FOLLOW, 2, 1, 80))
    assert list(await stores.graph.followers(ADA, 10)) == list(await stores.graph.followers(BOB, 10)) == []


async def test_the_end_of_a_block_brings_no_follow_back_but_lets_a_new_one_begin(stores: Stores) -> None:
    await happen(stores, relate(Verb.FOLLOW, 2, 1, 50), relate(Verb.BLOCK, 1, 2), relate(Verb.UNBLOCK, 1, 2))
    assert await stores.graph.relations(BOB) == Relations(BOB)

    await happen(stores, relate(Verb.FOLLOW, 2, 1, 60))

    assert await standing(stores, ADA, BOB) == Standing(follows_viewer=True)
    assert await counts(stores, ADA) == UserCounts(followers=1)


async def test_of_two_blocks_both_must_end(stores: Stores) -> None:
    await happen(stores, relate(Verb.BLOCK, 1, 2), relate(Verb.BLOCK, 2, 1), relate(Verb.UNBLOCK, 1, 2))

    await happen(stores, relate(Verb.FOLLOW, 1, 2, 50))

    assert await stores.graph.relations(ADA) == Relations(ADA, blocked_by=frozenset({BOB}))


async def test_nobody_does_anything_to_themselves(stores: Stores) -> None:
    await happen(stores, *(relate(verb, 1, 1, 50) for verb in (Verb.FOLLOW, Verb.MUTE, Verb.BLOCK)))

    assert await stores.graph.relations(ADA) == Relations(ADA)
    assert await counts(stores, ADA) == UserCounts()


async def test_imported_follows_count_as_follows_and_a_block_refuses_them_too(stores: Stores) -> None:
    await happen(stores, relate(Verb.BLOCK, 3, 1))

    await happen(stores, FollowsImported([(ADA, BOB, 50), (ADA, EVE, 51), (ADA, ADA, 52), (ADA, BOB, 53)]))

    assert (await stores.graph.relations(ADA)).follows == {BOB: 2}
    assert await counts(stores, ADA) == UserCounts(following=1)


async def test_followers_are_answered_up_to_the_limit_each_once(stores: Stores) -> None:
    await happen(stores, *(relate(Verb.FOLLOW, number, 1, number) for number in range(2, 22)))

    assert sorted(await stores.graph.followers(ADA, 100)) == list(range(2, 22))
    some = await stores.graph.followers(ADA, 7)
    assert len(set(some)) == 7
    assert set(some) <= set(range(2, 22))


@pytest.mark.parametrize("followers", [True, False])
@pytest.mark.parametrize("size", [1, 4, 100])
async def test_pages_of_edges_hold_each_once_newest_first(stores: Stores, followers: bool, size: int) -> None:
    edge_ids = [7 * number % 23 + 2**62 for number in range(1, 23)]  # in no order
    pairs = [(number + 1, 1) if followers else (1, number + 1) for number in range(1, 23)]
    events = [relate(Verb.FOLLOW, *pair, edge) for pair, edge in zip(pairs, edge_ids, strict=True)]
    await happen(stores, *events, relate(Verb.UNFOLLOW, *pairs[3]), relate(Verb.FOLLOW, 5, 6, 99))

    found: list[tuple[int, int]] = []
    below: int | None = None
    while page := await stores.graph.edges(ADA, followers, size, below):
        assert len(page) <= size
        found += [(edge.edge_id, edge.user_id) for edge in page]
        below = page[-1].edge_id

    expected = {edge: pair[0 if followers else 1] for edge, pair in zip(edge_ids, pairs, strict=True)}
    del expected[edge_ids[3]]
    assert found == sorted(expected.items(), reverse=True)
