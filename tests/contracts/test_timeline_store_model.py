"""Whatever happens to a list, it is the sorted set of what it was offered above its floor (rules F1 to F3)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.ports import Reach, TimelineStore
from loaders.records import TweetId, UserId
from tests.contracts.adapters import TIMELINES
from tests.contracts.redis_adapters import url_of
from tests.servers import redis_cluster_url, redis_url

__all__ = ["redis_cluster_url", "redis_url"]

LENGTH = 6
VIEWER = UserId(1)
ids = st.integers(1, 150)
settled_offsets = st.dictionaries(st.integers(0, 3), st.integers(1, 9), max_size=3)
no_ids: list[int] = []
id_lists = st.just(no_ids) | st.lists(ids, max_size=12)
steps = st.one_of(
    st.tuples(st.just("push"), ids),
    st.tuples(st.just("push"), st.integers(1, 60)),
    st.tuples(st.just("push_run"), ids, st.integers(20, 120)),
    st.tuples(st.just("begin")),
    st.tuples(st.just("finish"), id_lists, st.sampled_from([0, 50, 100]), settled_offsets, st.booleans()),
    st.tuples(st.just("backfill"), id_lists, st.sampled_from([0, 50, 100]), settled_offsets),
    st.tuples(st.just("drop")),
)


@dataclass
class Model:
    """What a list must hold: everything offered above its floor."""

    is_built: bool = False
    floor: int = 0
    settled: dict[int, int] = field(default_factory=dict)
    offered: set[int] = field(default_factory=set)

    def take(self, brought: Sequence[int], floor: int, settled: Mapping[int, int]) -> None:
        self.floor = max(self.floor, floor)
        self.settled |= {each: max(offset, self.settled.get(each, 0)) for each, offset in settled.items()}
        self.offered.update(brought)


def tweet_ids(numbers: Sequence[int]) -> list[TweetId]:
    return [TweetId(number) for number in numbers]


async def check(store: TimelineStore, model: Model | None) -> None:
    found = await store.newest(VIEWER, None, 10_000)
    if model is None or not model.is_built:
        assert found is None
        known = await store.reach(VIEWER)
        assert (None if known is None else known.is_built) is (None if model is None else False)
        return
    assert found is not None
    above = sorted((each for each in model.offered if each > model.floor), reverse=True)
    if found.floor != model.floor:
        # Trimmed: the floor is the largest id that went, and as many as a list holds stayed.
        assert found.floor in above
        assert len(found.ids) >= LENGTH
    assert list(found.ids) == [each for each in above if each > found.floor]
    assert found.settled == model.settled
    assert await store.reach(VIEWER) == Reach(found.floor, found.settled, is_built=True)
    model.floor = found.floor


async def run(opened: str, url: str, history: Sequence[tuple[object, ...]]) -> None:
    model: Model | None = None
    token = 0
    async with TIMELINES[opened](url, LENGTH, 10, 1_000) as timelines:
        store = timelines.store
        for step in history:
            match step:
                case ("push", int(number)):
                    await store.push_many([(TweetId(number), [VIEWER])])
                    if model:
                        model.offered.add(number)
                case ("push_run", int(start), int(count)):
                    run = range(start, start + count)
                    await store.push_many([(TweetId(number), [VIEWER]) for number in run])
                    if model:
                        model.offered.update(run)
                case ("begin",):
                    model, token = Model(), await store.begin_build(VIEWER)
                case ("finish", list(brought), int(floor), dict(settled), bool(is_stale)):
                    finished = await store.finish_build(
                        VIEWER, token - is_stale, tweet_ids(brought), TweetId(floor), settled
                    )
                    assert finished is (model is not None and not model.is_built and not is_stale)
                    if model and finished:
                        model.is_built = True
                        model.take(brought, floor, settled)
                case ("backfill", list(brought), int(floor), dict(settled)):
                    await store.backfill(VIEWER, tweet_ids(brought), TweetId(floor), settled)
                    if model:
                        model.take(brought, floor, settled)
                case ("drop",):
                    await store.drop([VIEWER])
                    model = None
            await check(store, model)


@pytest.fixture(scope="module", params=TIMELINES)
def opened(request: pytest.FixtureRequest) -> tuple[str, str]:
    """An adapter and its server's URL."""
    return request.param, url_of(request.param, request)


@settings(max_examples=250, deadline=None)
@given(
    history=st.lists(steps, min_size=2, max_size=12).map(
        lambda drawn: [("begin",), ("finish", [], 0, {}, False), *drawn]
    )
)
def test_a_list_is_the_sorted_set_of_what_it_was_offered_above_its_floor(
    opened: tuple[str, str], history: list[tuple[object, ...]]
) -> None:
    asyncio.run(run(*opened, history))
