"""A lost list is rebuilt from the stores: one build a viewer, within a budget, and whole above its floor."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.graph import SQLiteGraphStore, SQLitePolicyStore
from infra.adapters.sqlite.projection import SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.errors import Unavailable
from loaders.rebuild import Rebuilds, is_pushed
from loaders.records import Delivery, Relations, Switch, TweetId, UserId
from realtime.events import Event, Verb
from tests.contracts.adapters import Clock
from tests.contracts.making import entry, logged, relate, retweet, tweet

ME, FRIEND, STAR = UserId(1), UserId(2), UserId(3)
LENGTH = 10


class HeldGraph(SQLiteGraphStore):
    """Lets nobody read relations until told, and fails when told to."""

    def __init__(self, store: SQLiteStore) -> None:
        super().__init__(store)
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def relations(self, viewer_id: UserId) -> Relations:
        self.is_asked.set()
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return await super().relations(viewer_id)


@dataclass
class World:
    """Stores, an empty cache, and rebuilds of at most two lists at once."""

    store: SQLiteStore
    position: int = 0
    timelines: MemoryTimelineStore = field(default_factory=lambda: MemoryTimelineStore(Clock(), LENGTH))

    def __post_init__(self) -> None:
        self.graph = HeldGraph(self.store)
        self.policy = SQLitePolicyStore(self.store)
        tweets = SQLiteTweetStore(self.store)
        self.rebuilds = Rebuilds(tweets, self.graph, self.policy, self.timelines, 2, LENGTH)

    async def happen(self, *events: Event) -> None:
        await SQLiteProjection(self.store).apply(logged(events, after=self.position))
        self.position += len(events)

    async def held(self, viewer: UserId = ME) -> tuple[list[int], int, int] | None:
        found = await self.timelines.newest(viewer, None, 1_000)
        return None if found is None else (list(found.ids), found.floor, found.settled.get(0, 0))

    async def begin(self, viewer: UserId = ME) -> asyncio.Task[bool]:
        """Begin a build that stands still before it reads the follows."""
        self.graph.may_answer.clear()
        self.graph.is_asked.clear()
        building = asyncio.ensure_future(self.rebuilds.rebuild(viewer))
        await self.graph.is_asked.wait()
        return building


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(await stack.enter_async_context(SQLiteStore.open(tmp_path / "store.db")))


async def test_a_rebuilt_list_holds_what_the_viewer_and_those_followed_wrote(world: World) -> None:
    await world.happen(tweet(10, 1), tweet(20, 2), tweet(30, 3), relate(Verb.FOLLOW, 1, 2), retweet(40, 2, 30, 3))

    assert await world.rebuilds.rebuild(ME)

    assert await world.held() == ([40, 20, 10], 0, 4)


async def test_a_list_that_cannot_hold_everything_says_from_where_on_it_is_whole(world: World) -> None:
    await world.happen(relate(Verb.FOLLOW, 1, 2), *(tweet(10 * number, number % 2 + 1) for number in range(1, 31)))

    assert await world.rebuilds.rebuild(ME)

    assert await world.held() == (list(range(300, 200, -10)), 209, 1)


async def test_what_is_pulled_is_left_out_one_s_own_as_well(world: World) -> None:
    pulled = (Switch(TweetId(25), Delivery.PULLED),)
    await world.policy.record_switches({STAR: pulled, ME: pulled}, at=1)
    await world.happen(relate(Verb.FOLLOW, 1, 3), tweet(20, 3), tweet(30, 3), tweet(40, 1))

    assert await world.rebuilds.rebuild(ME)

    assert await world.held() == ([20], 0, 1)


async def test_a_list_is_whole_above_its_floor_even_where_all_that_was_read_is_pulled(world: World) -> None:
    await world.policy.record_switches({STAR: (Switch(TweetId(0), Delivery.PULLED),)}, at=1)
    stars, friends = [tweet(number, 3) for number in range(100, 130)], [tweet(number, 2) for number in range(1, 5)]
    await world.happen(relate(Verb.FOLLOW, 1, 3), relate(Verb.FOLLOW, 1, 2), *friends, *stars)

    assert await world.rebuilds.rebuild(ME)

    assert await world.held() == ([], 119, 2)


async def test_whom_the_viewer_mutes_is_in_the_list_since_a_mute_may_end(world: World) -> None:
    await world.happen(relate(Verb.FOLLOW, 1, 2), relate(Verb.MUTE, 1, 2), tweet(20, 2))

    assert await world.rebuilds.rebuild(ME)

    assert await world.held() == ([20], 0, 1)


async def test_all_who_want_the_same_list_share_one_build(world: World) -> None:
    first = await world.begin()
    others = [asyncio.ensure_future(world.rebuilds.rebuild(ME)) for _ in range(10)]
    await asyncio.sleep(0)
    world.graph.may_answer.set()

    assert await asyncio.gather(first, *others) == [True] * 11
    assert world.rebuilds.done == 1


async def test_over_the_budget_one_is_told_so_at_once_and_nothing_is_cached(world: World) -> None:
    building = [await world.begin(viewer) for viewer in (ME, FRIEND)]

    assert not await world.rebuilds.rebuild(STAR)
    assert await world.timelines.reach(STAR) is None

    world.graph.may_answer.set()
    assert await asyncio.gather(*building) == [True, True]
    assert await world.rebuilds.rebuild(STAR)


async def test_a_caller_that_goes_away_does_not_take_the_build_from_the_others(world: World) -> None:
    going = await world.begin()
    staying = asyncio.ensure_future(world.rebuilds.rebuild(ME))
    await asyncio.sleep(0)
    going.cancel()
    world.graph.may_answer.set()

    assert await staying
    assert world.rebuilds.done == 1
    assert await world.held() == ([], 0, 0)


async def test_a_drop_in_between_ends_the_build_and_the_next_one_is_new(world: World) -> None:
    building = await world.begin()
    await world.timelines.drop([ME])
    world.graph.may_answer.set()

    assert not await building
    assert await world.held() is None
    assert await world.rebuilds.rebuild(ME)


async def test_the_list_takes_pushes_before_the_follows_are_read_so_that_none_falls_in_between(world: World) -> None:
    building = await world.begin()
    assert await world.timelines.push_many([(TweetId(50), [ME])]) == 1
    # A follow whose backfill comes now finds the list, and is in what the build reads.
    await world.happen(relate(Verb.FOLLOW, 1, 2), tweet(40, 2))
    world.graph.may_answer.set()

    assert await building
    assert await world.held() == ([50, 40], 0, 1)


async def test_a_build_that_fails_says_so_and_gives_its_place_back(world: World) -> None:
    world.graph.error = Unavailable("not now")
    for viewer in (ME, FRIEND, STAR):
        with pytest.raises(Unavailable):
            await world.rebuilds.rebuild(viewer)
    assert await world.held() is None

    world.graph.error = None

    assert await asyncio.gather(*(world.rebuilds.rebuild(viewer) for viewer in (ME, FRIEND))) == [True, True]


@pytest.mark.parametrize(
    ("author", "entry_id", "expected"), [(STAR, 9, True), (STAR, 10, False), (ME, 10, False), (FRIEND, 10, True)]
)
def test_an_entry_is_pushed_by_its_author_s_policy_at_its_id(author: UserId, entry_id: int, expected: bool) -> None:
    pulled = (Switch(TweetId(10), Delivery.PULLED),)
    switches: Mapping[UserId, Sequence[Switch]] = {STAR: pulled, ME: pulled}

    assert is_pushed(entry(entry_id, author), switches) is expected
