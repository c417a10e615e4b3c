"""What a gateway remembers is put right before anybody hears of a change, and counts only while it hears (V2)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from infra.adapters.sqlite.graph import SQLiteGraphStore
from infra.adapters.sqlite.projection import SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.records import Entry, Relations, TweetId, UserId
from realtime.events import Event, ImportFinished, RepairRequested, Verb
from realtime.references import references_of
from realtime.remembered import TRUST_S, Remembered
from tests.contracts.making import delete, logged, relate, retweet, tweet, undo
from tests.stepped import Client, Stepped

ADA, BOB = UserId(1), UserId(2)


class Asked:
    """What the stores were asked, and whether they may answer."""

    def __init__(self) -> None:
        self.count = 0
        self.is_read = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self) -> None:
        self.count += 1
        self.is_read.set()
        await self.may_answer.wait()


class World:
    """Stores that count how often they are asked, and answer what they read when they may."""

    def __init__(self, store: SQLiteStore) -> None:
        asked = self.asked = Asked()

        class Tweets(SQLiteTweetStore):
            async def entries(self, ids: Sequence[TweetId]) -> Sequence[Entry | None]:
                found = await super().entries(ids)
                await asked()
                return found

        class Graph(SQLiteGraphStore):
            async def relations(self, viewer_id: UserId) -> Relations:
                found = await super().relations(viewer_id)
                await asked()
                return found

        self.now_s = 100.0
        self.position = 0
        self.projection = SQLiteProjection(store)
        self.remembered = Remembered(Tweets(store), Graph(store), lambda: self.now_s)
        self.remembered.heard(self.now_s)

    async def apply(self, *events: Event) -> None:
        """Let the stores have events of which the gateway has not heard yet."""
        await self.projection.apply(logged(events, after=self.position))

    def hear(self, *events: Event) -> None:
        for reference in references_of(logged(events, after=self.position), self.position):
            self.remembered.forget(reference)
        self.position += len(events)

    async def happen(self, *events: Event) -> None:
        await self.apply(*events)
        self.hear(*events)

    async def stands(self, entry_id: int) -> bool:
        entry = await self.remembered.entry(TweetId(entry_id))
        assert entry is not None
        return entry.gone_at is None


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(await stack.enter_async_context(SQLiteStore.open(tmp_path / "store.db")))


async def test_the_stores_are_asked_once_while_nothing_changes(world: World) -> None:
    await world.happen(relate(Verb.FOLLOW, 1, 2), tweet(10, 2))

    for _ in range(3):
        assert await world.stands(10)
        assert {*(await world.remembered.relations(ADA)).follows} == {BOB}

    assert world.asked.count == 2


@pytest.mark.parametrize(
    "events", [[delete(10, 2)], [relate(Verb.BLOCK, 2, 1)], [ImportFinished()], [RepairRequested([ADA], 1)]]
)
async def test_what_an_event_changes_is_asked_for_anew(world: World, events: list[Event]) -> None:
    await world.happen(tweet(10, 2))
    await world.stands(10)
    await world.remembered.relations(ADA)
    await world.happen(*events)

    before = world.asked.count
    await world.stands(10)
    await world.remembered.relations(ADA)

    assert world.asked.count > before


async def test_a_deletion_takes_the_retweets_along_and_an_undo_only_its_own(world: World) -> None:
    await world.happen(tweet(10, 2), retweet(11, 1, 10, 2), retweet(12, 3, 10, 2))
    assert [await world.stands(each) for each in (10, 11, 12)] == [True, True, True]

    await world.happen(undo(12, 3, 10))
    assert [await world.stands(each) for each in (10, 11, 12)] == [True, True, False]

    await world.happen(delete(10, 2))
    assert [await world.stands(each) for each in (10, 11, 12)] == [False, False, False]


async def test_a_block_counts_for_both_and_a_mute_for_who_mutes(world: World) -> None:
    for viewer in (ADA, BOB):
        await world.remembered.relations(viewer)

    await world.happen(relate(Verb.BLOCK, 1, 2), relate(Verb.MUTE, 2, 3))

    assert (await world.remembered.relations(ADA)).blocks == {BOB}
    assert (await world.remembered.relations(BOB)).blocked_by == {ADA}
    assert (await world.remembered.relations(BOB)).mutes == {3}


async def test_what_was_read_before_a_change_and_comes_after_it_is_not_kept(world: World) -> None:
    await world.happen(tweet(10, 2), retweet(11, 1, 10, 2))
    world.asked.may_answer.clear()
    slow = [asyncio.ensure_future(world.remembered.entry(TweetId(each))) for each in (10, 11)]
    slow_relations = asyncio.ensure_future(world.remembered.relations(ADA))
    await world.asked.is_read.wait()
    await asyncio.sleep(0)

    await world.happen(delete(10, 2), relate(Verb.MUTE, 1, 2))
    world.asked.may_answer.set()
    await asyncio.gather(*slow, slow_relations)

    assert [await world.stands(each) for each in (10, 11)] == [False, False]
    assert (await world.remembered.relations(ADA)).mutes == {BOB}


async def test_what_was_read_for_a_replay_is_not_kept_either_if_it_changed_meanwhile(world: World) -> None:
    await world.happen(tweet(10, 2))
    since = world.remembered.changes
    standing = await world.remembered.entry(TweetId(10))
    await world.happen(delete(10, 2))

    world.remembered.keep([standing], since)

    assert not await world.stands(10)


async def test_a_gateway_that_has_not_heard_for_a_second_asks_the_stores(world: World) -> None:
    """V2: what is remembered is trusted again only once the log was heard from."""
    await world.happen(tweet(10, 2))
    assert await world.stands(10)
    assert not (await world.remembered.relations(ADA)).mutes

    await world.apply(delete(10, 2), relate(Verb.MUTE, 1, 2))
    assert await world.stands(10)
    world.now_s += TRUST_S + 0.001

    assert not await world.stands(10)
    assert (await world.remembered.relations(ADA)).mutes == {BOB}


async def test_streams_judge_by_what_is_remembered_and_hear_of_changes_as_ever(tmp_path: Path) -> None:
    world = Stepped(tmp_path)
    await world.open()
    world.remember()
    await world.append(relate(Verb.FOLLOW, 1, 2))
    await world.drain()
    client = Client(world, ADA)
    await client.fetch()
    await client.connect()
    await client.settle()

    await world.append(tweet(10, 2), tweet(20, 2))
    await world.drain()
    await client.settle()
    assert client.shown() == [(20, 20), (10, 10)]

    await world.append(delete(10, 2))
    await world.drain()
    await client.settle()
    assert client.shown() == [(20, 20)]
    await client.cut()
    await world.close()
