"""A page and the streams that go on from it, one step at a time: nothing falls between the two (L3, L4)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from loaders.cursors import LiveCursor, decode_live, encode_live
from loaders.places import Place, author_partition
from loaders.ports import CachedTimeline, GraphStore, PolicyStore, TimelineStore, TweetStore
from loaders.records import TweetId, UserId
from realtime import home_stream
from realtime.events import Event, Verb
from realtime.home_stream import HomeStream
from realtime.hub import Hub
from realtime.partitions import Layout
from realtime.ports import EventLog, Logged, Reference
from realtime.updates import HomeUpdate, TweetAdded
from tests.contracts.making import delete, relate, retweet, tweet
from tests.realtime.flaky import Flaky
from tests.stepped import Client, HeldBroadcast, Stepped

ADA, BOB, CY = 1, 2, 3
EPOCH = 7
SETTLE_S = 10.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Stepped]:
    """Bob follows Ada, and has a list."""
    stepped = Stepped(tmp_path)
    await stepped.open()
    await stepped.append(relate(Verb.FOLLOW, BOB, ADA, 1))
    await stepped.drain()
    await stepped.page(BOB)
    yield stepped
    await stepped.close()


class Interrupted:
    """A cache after whose answer the world goes on, before the page is done with it."""

    def __init__(self, world: Stepped, *events: Event) -> None:
        self._world = world
        self._events = list(events)

    async def newest(self, viewer_id: UserId, below: TweetId | None, limit: int) -> CachedTimeline | None:
        found = await self._world.timelines.newest(viewer_id, below, limit)
        if self._events:
            await self._world.append(*self._events)
            self._events.clear()
            await self._world.drain()
        return found


async def test_a_page_promises_nothing_that_came_while_its_sources_were_read(world: Stepped) -> None:
    """The place is copied before any source is read (L3): what comes in between is told by the stream."""
    services, interrupted = world.services, Interrupted(world, tweet(10, ADA))
    world.services = replace(services, home=replace(services.home, timelines=cast(TimelineStore, interrupted)))
    client = Client(world, BOB)
    await client.fetch()
    assert (client.shown(), world.hub.place()) == ([], (2,))
    world.services = services

    await client.connect()
    await client.settle()

    assert client.shown() == [(10, 10)]
    await client.cut()


async def test_what_a_page_shows_ahead_of_the_hub_is_not_told_again(world: Stepped) -> None:
    """Such ids are in the page's cursor (L3), and a socket leaves them out (L4)."""
    await world.append(tweet(10, ADA), tweet(11, ADA))
    while await world.step("store") + await world.step("fanout"):
        pass
    client = Client(world, BOB)
    await client.fetch()
    assert (client.shown(), world.hub.place()) == ([(11, 11), (10, 10)], (1,))
    assert decode_live(client.cursor).beyond == {10, 11}

    await client.connect()
    await world.append(tweet(12, ADA))
    await world.drain()
    await client.settle()

    # The client itself refuses what it holds already.
    assert client.shown() == [(12, 12), (11, 11), (10, 10)]
    assert decode_live(client.cursor).beyond == frozenset()
    await client.cut()


@pytest.mark.parametrize("failing", ["relations", "switches", "entries"])
@pytest.mark.parametrize(
    ("event", "shown", "resets"),
    [
        (tweet(11, ADA), [(11, 11), (10, 10)], 0),
        (delete(10, ADA), [], 0),
        (relate(Verb.MUTE, BOB, ADA, 2), [], 1),
        (retweet(9, ADA, 10, ADA), [(10, 10), (9, 10)], 0),
    ],
)
async def test_a_stream_pauses_while_no_store_says_what_may_be_shown(
    world: Stepped,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    event: Event,
    shown: list[tuple[int, int]],
    resets: int,
) -> None:
    """A frame that cannot be judged waits, and so does what comes after it; none is lost, and none is shown (V2)."""
    monkeypatch.setattr(home_stream, "PAUSE_S", 0)
    await world.append(tweet(10, ADA))
    await world.drain()
    client = Client(world, BOB)
    await client.fetch()
    services = world.services
    tweets, graph, policy = (
        Flaky(port, failing) for port in (services.home.tweets, services.home.graph, services.home.policy)
    )
    home = replace(
        services.home,
        tweets=cast(TweetStore, tweets),
        graph=cast(GraphStore, graph),
        policy=cast(PolicyStore, policy),
    )
    world.services = replace(services, live=replace(services.live, home=home))
    await client.connect()
    await client.settle()

    for port in (tweets, graph, policy):
        port.failures = 3
    await world.append(event, tweet(12, CY))
    await world.drain()
    await client.settle()

    assert client.shown() == shown
    assert len(client.resets) == resets
    await client.cut()


class Divided:
    """A log of two partitions whose events nobody looks up."""

    layout, epoch = Layout(2, 0), EPOCH

    async def end(self) -> Place:
        return (9, 9)

    async def bounds(self, partition: int = 0) -> tuple[int, int]:
        return (1, (await self.end())[partition])

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        del after, limit, partition
        return ()


async def turn() -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def heard(world: Stepped, hub: Hub, after: LiveCursor) -> AsyncIterator[list[HomeUpdate]]:
    """Follow Bob's home on a hub from a cursor on, and keep what is told."""
    home = replace(world.services.home, place=hub.place, epoch=EPOCH)
    stream = HomeStream(UserId(BOB), replace(world.services.live, home=home, hub=hub, log=cast(EventLog, Divided())))
    told: list[HomeUpdate] = []

    async def listen() -> None:
        async for update in stream.updates(encode_live(after)):
            told.append(update)

    task = asyncio.ensure_future(listen())
    try:
        async with asyncio.timeout(SETTLE_S):
            while not stream.is_at_rest and not task.done():
                await turn()
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_socket_that_was_further_on_hears_nothing_old_and_its_cursor_never_goes_back(world: Stepped) -> None:
    """A cursor of one gateway is resumed at another that is behind it in the one partition or the other (L4)."""
    await world.append(relate(Verb.FOLLOW, BOB, CY, 2), tweet(10, ADA), tweet(11, ADA))
    await world.step("store")
    own = author_partition(UserId(ADA), 2)
    home = world.services.home
    hub = Hub(cast(EventLog, Divided()), home.tweets, home.policy, HeldBroadcast())
    after, reached = {own: 3, 1 - own: 5}, {own: 4, 1 - own: 5}

    async with heard(world, hub, LiveCursor(EPOCH, (after[0], after[1]))) as told:
        await hub.receive(
            [
                Reference(own, 0, 2, "follow", (BOB, CY)),
                Reference(own, 2, 3, "posted", (10, ADA, 0, 0)),
                Reference(own, 3, 4, "posted", (11, ADA, 0, 0)),
            ]
        )
        async with asyncio.timeout(SETTLE_S):
            while not told:
                await turn()

    assert [update.entry.id for update in told if isinstance(update, TweetAdded)] == [11]
    assert len(told) == 1
    assert decode_live(told[0].live_cursor).place == (reached[0], reached[1])
