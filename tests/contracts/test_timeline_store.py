"""What every `TimelineStore` promises (rules F1 to F3)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

import pytest

from loaders.ports import Reach, TimelineStore
from loaders.records import NO_EDGES, TweetId, UserId
from tests.contracts.adapters import TIMELINES
from tests.contracts.redis_adapters import url_of
from tests.contracts.timelines import OpenedTimelines
from tests.servers import redis_cluster_url, redis_url

__all__ = ["redis_cluster_url", "redis_url"]

LENGTH, TIMELINES_MAX, IDLE_S = 10, 5, 1_000
ADA, BOB, EVE = UserId(1), UserId(2), UserId(3)
BIG = 2**62


@pytest.fixture(params=TIMELINES)
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[OpenedTimelines]:
    async with TIMELINES[request.param](url_of(request.param, request), LENGTH, TIMELINES_MAX, IDLE_S) as opened:
        yield opened


@pytest.fixture
def store(opened: OpenedTimelines) -> TimelineStore:
    return opened.store


def tweet_ids(*ids: int) -> Sequence[TweetId]:
    return [TweetId(tweet_id) for tweet_id in ids]


async def build(
    store: TimelineStore, viewer: UserId, *ids: int, floor: int = 0, settled: Mapping[int, int] = NO_EDGES
) -> None:
    token = await store.begin_build(viewer)
    assert await store.finish_build(viewer, token, tweet_ids(*ids), TweetId(floor), settled)


async def push(store: TimelineStore, tweet_id: int, *viewers: UserId) -> int:
    return await store.push_many([(TweetId(tweet_id), viewers)])


async def held(store: TimelineStore, viewer: UserId, below: int | None = None, limit: int = 1_000) -> list[int] | None:
    found = await store.newest(viewer, None if below is None else TweetId(below), limit)
    return None if found is None else [int(tweet_id) for tweet_id in found.ids]


async def reach(store: TimelineStore, viewer: UserId) -> tuple[int, Mapping[int, int]]:
    found = await store.newest(viewer, None, 0)
    assert found is not None
    return found.floor, found.settled


async def test_who_has_no_list_gets_none_and_no_pushes(store: TimelineStore) -> None:
    assert await push(store, 1, ADA, BOB) == 0

    assert await held(store, ADA) is None
    assert await store.reach(ADA) is None


async def test_pushes_reach_the_lists_of_those_who_have_one(store: TimelineStore) -> None:
    await build(store, ADA)
    await build(store, BOB)

    written = await store.push_many([(TweetId(5), [ADA, EVE, BOB]), (TweetId(6), [BOB])])

    assert written == 3
    assert (await held(store, ADA), await held(store, BOB), await held(store, EVE)) == ([5], [6, 5], None)


async def test_a_list_is_sorted_by_id_however_late_an_id_comes(store: TimelineStore) -> None:
    await build(store, ADA, 50, 10, 30)

    for tweet_id in (60, 40, 20, 5, BIG, BIG - 1, 70):
        assert await push(store, tweet_id, ADA) == 1

    assert await held(store, ADA) == [BIG, BIG - 1, 70, 60, 50, 40, 30, 20, 10, 5]


async def test_an_id_stands_once_whatever_is_replayed(store: TimelineStore) -> None:
    await build(store, ADA, 10, 30)
    for tweet_id in (20, 40):
        await push(store, tweet_id, ADA)

    for tweet_id in (10, 20, 30, 40):
        assert await push(store, tweet_id, ADA) == 0
    await store.backfill(ADA, tweet_ids(10, 20, 25), TweetId(0), {})

    assert await held(store, ADA) == [40, 30, 25, 20, 10]


async def test_many_that_are_replayed_together_write_only_what_is_missing(store: TimelineStore) -> None:
    await build(store, ADA, floor=100)

    runs = (range(102, 142, 2), range(90, 142, 2), [*range(90, 142, 2), 121], range(90, 150))
    written = [await store.push_many([(TweetId(number), [ADA]) for number in run]) for run in runs]

    assert written == [20, 0, 1, 28]

    floor, _ = await reach(store, ADA)
    assert 100 <= floor <= 149 - LENGTH
    assert await held(store, ADA) == list(range(149, floor, -1))


async def test_the_newest_are_cut_to_the_ids_below_and_to_the_limit(store: TimelineStore) -> None:
    await build(store, ADA, 10, 20, 30, 40, 50)

    assert await held(store, ADA, None, 2) == [50, 40]
    assert await held(store, ADA, 40) == [30, 20, 10]
    assert await held(store, ADA, 41, 2) == [40, 30]
    assert await held(store, ADA, 10) == []
    assert await held(store, ADA, None, 0) == []


async def test_what_is_trimmed_raises_the_floor_and_nothing_above_it_is_missing(store: TimelineStore) -> None:
    await build(store, ADA)
    pushed = list(range(10, 5_000, 10))

    for tweet_id in pushed:
        await push(store, tweet_id, ADA)

    floor, _ = await reach(store, ADA)
    ids = await held(store, ADA)
    assert floor in pushed
    assert ids == [tweet_id for tweet_id in reversed(pushed) if tweet_id > floor]
    assert LENGTH <= len(ids) <= LENGTH + 100


async def test_an_id_at_or_below_the_floor_is_not_taken_in(store: TimelineStore) -> None:
    await build(store, ADA, 60, 50, floor=40)

    assert await push(store, 40, ADA) == await push(store, 39, ADA) == 0
    await store.backfill(ADA, tweet_ids(30, 45), TweetId(0), {})

    assert await held(store, ADA) == [60, 50, 45]
    assert await reach(store, ADA) == (40, {})


async def test_an_empty_list_takes_nothing_in_below_its_floor_either(store: TimelineStore) -> None:
    await build(store, ADA, floor=40)

    assert await push(store, 30, ADA) == 0

    assert await held(store, ADA) == []


async def test_what_a_build_brings_is_trimmed_to_the_length(store: TimelineStore) -> None:
    await build(store, ADA, *range(1, LENGTH + 4))

    assert await held(store, ADA) == list(range(LENGTH + 3, 3, -1))
    assert await reach(store, ADA) == (3, {})


async def test_an_unfinished_list_is_not_read_but_gathers_pushes(store: TimelineStore) -> None:
    token = await store.begin_build(ADA)
    assert await push(store, 60, ADA) == 1
    assert await held(store, ADA) is None
    assert await store.reach(ADA) == Reach(TweetId(0), {}, is_built=False)

    assert await store.finish_build(ADA, token, tweet_ids(50, 40), TweetId(30), settled={0: 7})

    assert await held(store, ADA) == [60, 50, 40]
    assert await reach(store, ADA) == (30, {0: 7})


async def test_what_was_pushed_during_a_build_below_its_floor_is_given_up(store: TimelineStore) -> None:
    token = await store.begin_build(ADA)
    await push(store, 20, ADA)

    await store.finish_build(ADA, token, tweet_ids(50), TweetId(30), {})

    assert await held(store, ADA) == [50]


async def test_only_the_token_of_the_latest_build_counts(store: TimelineStore) -> None:
    first = await store.begin_build(ADA)
    second = await store.begin_build(ADA)

    assert not await store.finish_build(ADA, first, tweet_ids(10), TweetId(0), {})
    assert await held(store, ADA) is None
    assert await store.finish_build(ADA, second, tweet_ids(20), TweetId(0), {})
    assert not await store.finish_build(ADA, second, tweet_ids(30), TweetId(0), {})

    assert await held(store, ADA) == [20]


async def test_a_token_does_not_stand_for_another_viewer(store: TimelineStore) -> None:
    ada, bob = await store.begin_build(ADA), await store.begin_build(BOB)

    assert not await store.finish_build(ADA, bob, tweet_ids(10), TweetId(0), {})
    assert await store.finish_build(BOB, bob, tweet_ids(10), TweetId(0), {})
    assert await store.finish_build(ADA, ada, tweet_ids(20), TweetId(0), {})


@pytest.mark.parametrize("viewers", [[ADA], None])
async def test_a_drop_during_a_build_ends_the_build(store: TimelineStore, viewers: list[UserId] | None) -> None:
    token = await store.begin_build(ADA)
    await store.drop(viewers)

    assert not await store.finish_build(ADA, token, tweet_ids(10), TweetId(0), {})
    assert await held(store, ADA) is None


async def test_a_new_build_forgets_what_the_list_held(store: TimelineStore) -> None:
    await build(store, ADA, 10, 20, settled={0: 9})

    await build(store, ADA, 30, settled={0: 3})

    assert await held(store, ADA) == [30]
    assert await reach(store, ADA) == (0, {0: 3})


async def test_a_backfill_merges_and_settles_and_never_takes_back(store: TimelineStore) -> None:
    await build(store, ADA, 50, 30, settled={0: 5})

    await store.backfill(ADA, tweet_ids(60, 40, 30, 20), TweetId(0), settled={0: 8})
    await store.backfill(ADA, [], TweetId(0), settled={0: 6})

    assert await held(store, ADA) == [60, 50, 40, 30, 20]
    assert await reach(store, ADA) == (0, {0: 8})


async def test_each_partition_is_settled_on_its_own(store: TimelineStore) -> None:
    token = await store.begin_build(ADA)
    await store.backfill(ADA, [], TweetId(0), {3: 7, 63: 2**40})
    await store.finish_build(ADA, token, [], TweetId(0), {0: 5, 3: 6})
    assert await reach(store, ADA) == (0, {0: 5, 3: 7, 63: 2**40})

    await store.backfill(ADA, [], TweetId(0), {0: 2**40 + 1})

    assert await reach(store, ADA) == (0, {0: 2**40 + 1, 3: 7, 63: 2**40})


async def test_a_list_that_reached_deeper_than_a_backfill_gives_up_what_is_below(store: TimelineStore) -> None:
    await build(store, ADA, 50, 30, 10)

    await store.backfill(ADA, tweet_ids(60, 40), TweetId(29), settled={0: 1})

    assert await held(store, ADA) == [60, 50, 40, 30]
    assert (await reach(store, ADA))[0] == 29


async def test_a_backfill_during_a_build_is_kept_and_makes_no_list_where_there_is_none(store: TimelineStore) -> None:
    token = await store.begin_build(ADA)
    for viewer in (ADA, BOB):
        await store.backfill(viewer, tweet_ids(40), TweetId(0), settled={0: 9})

    await store.finish_build(ADA, token, tweet_ids(30), TweetId(0), settled={0: 5})

    assert await held(store, ADA) == [40, 30]
    assert await reach(store, ADA) == (0, {0: 9})
    assert await held(store, BOB) is None
    assert await store.reach(BOB) is None


async def test_a_drop_forgets_some_lists_or_all(store: TimelineStore) -> None:
    for viewer in (ADA, BOB, EVE):
        await build(store, viewer, 10)

    await store.drop([ADA, UserId(99)])
    assert [await held(store, viewer) for viewer in (ADA, BOB, EVE)] == [None, [10], [10]]

    await store.drop(None)
    assert [await held(store, viewer) for viewer in (ADA, BOB, EVE)] == [None, None, None]


async def test_the_list_read_longest_ago_goes_first_when_there_are_too_many(opened: OpenedTimelines) -> None:
    store = opened.store
    viewers = [UserId(number) for number in range(10, 10 + TIMELINES_MAX)]
    for viewer in viewers:
        await build(store, viewer, 10)
    read = partial(held, store)
    for viewer in (viewers[0], *viewers[2:]):
        assert await read(viewer) == [10]
    assert await store.reach(viewers[1]) == Reach(TweetId(0), {}, is_built=True)  # which does not count as reading

    await build(store, ADA, 10)

    kept = [viewer for viewer in (*viewers, ADA) if await read(viewer) is not None]
    # Where a server bounds its own memory, the number of lists is no matter.
    assert kept == ([viewers[0], *viewers[2:], ADA] if opened.counts_lists else [*viewers, ADA])


async def test_a_list_that_nobody_reads_is_evicted_so_that_pushes_go_to_the_active(opened: OpenedTimelines) -> None:
    store = opened.store
    await build(store, ADA, 10)
    await build(store, BOB, 10)
    await opened.let_pass(IDLE_S - 1)
    await held(store, ADA)
    await opened.let_pass(2)
    await build(store, EVE, 10)

    assert await push(store, 20, ADA, BOB, EVE) == 2
    assert [await held(store, viewer) for viewer in (ADA, BOB, EVE)] == [[20, 10], None, [20, 10]]
