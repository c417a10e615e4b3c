"""Whether entries are pushed or pulled is known everywhere before it matters, and nobody falls in between (F6)."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from loaders.places import Place
from loaders.ports import PolicyStore
from loaders.records import UserId
from realtime.events import Verb
from realtime.hub import Hub
from realtime.live_events import ALL, LiveEvent
from realtime.ports import Reference
from realtime.references import SWITCHED, references_of
from tests.contracts.making import relate, tweet
from tests.stepped import HeldBroadcast, Stepped

ADA, BOB, CY = 1, 2, 3


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Stepped]:
    stepped = Stepped(tmp_path, push_limit=2)
    await stepped.open()
    yield stepped
    await stepped.close()


class Watched:
    """Switches that note at which of the hub's places they are read anew; and a stream that hears everything."""

    def __init__(self, world: Stepped) -> None:
        home = world.services.home
        self.refreshed_at: list[tuple[Place, Sequence[UserId]]] = []
        self.offered_at: list[Place] = []
        self.hub = Hub(world.log, home.tweets, cast(PolicyStore, self), HeldBroadcast())
        self.hub.attach(self, [ALL, ("author", ADA)])

    def waiting(self) -> int:
        return 0

    async def refresh(self, author_ids: Sequence[UserId] = ()) -> None:
        self.refreshed_at.append((self.hub.place(), author_ids))

    def offer(self, event: LiveEvent) -> None:
        self.offered_at.append(event.place)


async def test_a_switch_travels_with_the_references_that_it_concerns_and_before_them(world: Stepped) -> None:
    """Whoever misses the one misses the other (F6)."""
    await world.append(relate(Verb.FOLLOW, BOB, ADA, 1), relate(Verb.FOLLOW, CY, ADA, 2))
    await world.drain()
    await world.append(tweet(10, ADA))
    while await world.step("store") + await world.step("fanout"):
        pass

    (references,) = world.broadcast.held

    assert [(each.previous, each.offset, each.kind) for each in references] == [(2, 2, SWITCHED), (2, 3, "posted")]


async def test_a_hub_reads_the_switches_anew_before_it_tells_of_what_follows_them(world: Stepped) -> None:
    """So that a page that is read for it pulls whom it has to (F6)."""
    await world.append(tweet(10, ADA), tweet(11, ADA))
    await world.drain()
    watched = Watched(world)
    references = references_of(list(await world.log.read(0, 10)), 0)

    await watched.hub.receive([references[0], Reference(0, 1, 1, SWITCHED, (ADA,)), references[1]])

    assert (watched.refreshed_at, watched.offered_at) == ([((0,), [ADA])], [(1,), (2,)])


async def test_what_was_lost_may_have_been_a_switch(world: Stepped) -> None:
    """A hub that fills a hole from the log reads the switches anew, since the one that travelled is lost too (F6)."""
    await world.append(tweet(10, ADA), tweet(11, ADA))
    await world.drain()
    watched = Watched(world)
    references = references_of(list(await world.log.read(0, 10)), 0)

    await watched.hub.receive(references[1:])

    assert (watched.refreshed_at, watched.offered_at) == ([((0,), ())], [(1,), (2,)])


async def test_who_is_newly_followed_is_pulled_until_the_list_has_been_filled(world: Stepped) -> None:
    """The edge is newer than the list's build, and its backfill is not there yet (F6)."""
    await world.append(tweet(10, ADA))
    await world.drain()
    await world.page(BOB)
    await world.append(relate(Verb.FOLLOW, BOB, ADA, 1))
    await world.step("store")

    edges = (await world.page(BOB)).edges

    assert [edge.entry.id for edge in edges] == [10]
    held = await world.timelines.newest(UserId(BOB), None, 10)
    assert held is not None
    assert list(held.ids) == []
    await world.drain()
    assert await world.pages(BOB, 10) == [(10, 10)]


async def test_no_more_followers_are_listed_than_the_push_limit_whatever_comes_late(world: Stepped) -> None:
    """An entry keeps the mode of its own time, in which its author had few followers (F6); pulling finds it (F10)."""
    await world.append(tweet(30, ADA))
    await world.drain()
    fans = range(BOB, BOB + 5)
    await world.append(*(relate(Verb.FOLLOW, fan, ADA, fan) for fan in fans))
    await world.drain()
    for reader in (ADA, *fans):
        await world.page(reader)
    before = world.engine.deliver.entries_pushed

    await world.append(tweet(20, ADA), tweet(40, ADA))
    await world.drain()

    # The late one is pushed to herself and to no more than two; the next one is pulled.
    assert world.engine.deliver.entries_pushed - before == 1 + 2
    for reader in (ADA, *fans):
        assert await world.pages(reader, 10) == [(40, 40), (30, 30), (20, 20)]
