"""A hub offers every event once and in order, whatever the broadcast loses or repeats (L1, L2, L4, P2)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.records import UserId
from realtime.events import Event, ImportFinished, RepairRequested, Verb
from realtime.hub import Hub
from realtime.live_events import ALL, LiveEvent, Topic
from realtime.ports import Logged, Reference
from realtime.references import references_of
from tests.contracts.adapters import BROADCASTS
from tests.contracts.making import delete, like, quote, relate, retweet, tweet, undo
from tests.realtime.flaky import Flaky
from tests.stepped import HeldBroadcast, Stepped

ADA, BOB = ("author", 1), ("author", 2)
POISONED = 5
HISTORY: list[Event] = [
    tweet(10, 1, "about #roost"),
    relate(Verb.FOLLOW, 3, 1, 5),
    tweet(11, 2, answers=(10, 1)),
    retweet(12, 2, 10, 1),
    like(9, 9),  # spoilt
    like(3, 10),
    quote(13, 3, 10),
    retweet(14, 3, 10, 1),
    undo(14, 3, 10),
    tweet(10, 2, "the same id at another place"),
    relate(Verb.BLOCK, 1, 2),
    delete(10, 1),
    RepairRequested([UserId(3)], 1),
    ImportFinished(),
    tweet(15, 1),
]


class Heard:
    """A stream that remembers what it was offered."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []

    def offer(self, event: LiveEvent) -> None:
        self.events.append(event)

    def waiting(self) -> int:
        return 0

    @property
    def offsets(self) -> list[int]:
        return [event.offset for event in self.events]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Stepped]:
    """A log and stores that hold the whole history, one place of it spoilt."""
    stepped = Stepped(tmp_path)
    await stepped.open()
    await stepped.append(*HISTORY)
    file = stepped.settings.database(stepped.settings.log_url, "log")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE events SET payload = 'poison' WHERE log_offset = ?", (POISONED,))
    while await stepped.step("store") + await stepped.step("fanout"):
        pass
    yield stepped
    await stepped.close()


def hub_of(world: Stepped, ring_size: int = 4_096) -> Hub:
    home = world.engine.services.home
    return Hub(world.engine.log, home.tweets, home.policy, HeldBroadcast(), ring_size)


async def places(world: Stepped) -> Sequence[Logged]:
    return await world.engine.log.read(0, 1_000)


async def references(world: Stepped, first: int = 1, last: int = len(HISTORY)) -> list[Reference]:
    return references_of(list((await places(world))[first - 1 : last]), first - 1)


EVERY_TOPIC: list[Topic] = [ALL, ADA, BOB, ("author", 3), ("counts", 10), ("viewer", 1), ("viewer", 3)]


async def test_what_follows_on_is_offered_in_order_and_moves_the_place(world: Stepped) -> None:
    hub, heard = hub_of(world), Heard()
    assert hub.attach(heard, EVERY_TOPIC) == hub.place() == (0,)

    for reference in await references(world):
        await hub.receive([reference])
        assert hub.place() == (reference.offset,)

    assert heard.offsets == [offset for offset in range(1, 16) if offset not in {5, 10}]
    assert hub.gaps_filled == 0


async def test_what_came_before_is_dropped(world: Stepped) -> None:
    hub, heard = hub_of(world), Heard()
    hub.attach(heard, EVERY_TOPIC)
    found = await references(world, 1, 4)

    await hub.receive(found[:3])
    await hub.receive(found[:2])
    await hub.receive([found[0], *found])
    await hub.receive(found)

    assert heard.offsets == [1, 2, 3, 4]
    assert hub.place() == (4,)


async def test_what_was_lost_is_read_from_the_log_before_what_came_after_it(world: Stepped) -> None:
    hub, heard = hub_of(world), Heard()
    hub.attach(heard, EVERY_TOPIC)
    found = await references(world)

    await hub.receive(found[:1])
    await hub.receive(found[3:4])

    assert heard.offsets == [1, 2, 3, 4]
    assert hub.gaps_filled == 1
    # The log holds more by now, but nobody was told of it yet.
    assert hub.place() == (4,)


async def test_a_heartbeat_reveals_that_the_last_reference_was_lost(world: Stepped) -> None:
    hub, heard = hub_of(world), Heard()
    hub.attach(heard, EVERY_TOPIC)
    await hub.receive((await references(world))[:1])

    await hub.receive([Reference(0, 1, 1, "heartbeat")])
    assert (heard.offsets, hub.gaps_filled) == ([1], 0)

    await hub.receive([Reference(0, 4, 4, "heartbeat")])
    assert heard.offsets == [1, 2, 3, 4]
    assert hub.place() == (4,)


async def test_a_hub_begins_where_fanout_is_and_offers_nothing_older(world: Stepped) -> None:
    hub, heard = hub_of(world), Heard()
    hub.start_at((8,))
    assert hub.attach(heard, EVERY_TOPIC) == (8,)

    await hub.receive(await references(world))

    assert heard.offsets == [9, *range(11, 16)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_whatever_is_lost_repeated_or_cut_anew_each_event_is_offered_once(
    world: Stepped, data: st.DataObject
) -> None:
    hub, heard = hub_of(world), Heard()
    hub.attach(heard, EVERY_TOPIC)
    found = await references(world)
    sent = 0
    while sent < len(found):
        start = data.draw(st.integers(0, sent), label="from")
        sent = data.draw(st.integers(sent + 1, len(found)), label="to")
        if data.draw(st.booleans(), label="arrives"):
            await hub.receive(found[start:sent])
            assert hub.place() == (sent,)
    await hub.receive([Reference(0, len(found), len(found), "heartbeat")])

    assert heard.offsets == [offset for offset in range(1, 16) if offset not in {5, 10}]


async def test_a_stream_hears_all_that_comes_after_the_place_at_which_it_was_attached(world: Stepped) -> None:
    """Streams come at every turn of the loop while the hub is at work: none falls between two."""
    log, tweets = Flaky(world.engine.log, "read"), Flaky(world.engine.services.home.tweets, "entries")
    hub = Hub(log, tweets, world.engine.services.home.policy, HeldBroadcast())  # type: ignore[arg-type]
    streams: list[tuple[int, Heard]] = []

    async def come() -> None:
        while True:
            heard = Heard()
            (place,) = hub.attach(heard, EVERY_TOPIC)
            streams.append((place, heard))
            await asyncio.sleep(0)

    coming = asyncio.ensure_future(come())
    found = await references(world)
    for start in range(0, len(found), 3):
        await hub.receive(found[start + 1 : start + 3])  # the first of each batch is lost
    await hub.receive([Reference(0, 15, 15, "heartbeat")])
    coming.cancel()

    assert len({place for place, _ in streams}) >= 3
    for place, heard in streams:
        assert heard.offsets == [offset for offset in range(place + 1, 16) if offset not in {5, 10}]


async def test_a_stream_hears_its_topics_and_nothing_after_it_left(world: Stepped) -> None:
    hub, ada, tagged = hub_of(world), Heard(), Heard()
    hub.attach(ada, [ADA, ("counts", 10)])
    hub.attach(tagged, [ADA, ("tag", "roost")])
    found = await references(world)

    await hub.receive(found[:3])
    hub.detach(ada, [("counts", 10), ("counts", 77)])
    hub.detach(tagged, [ADA, ("tag", "roost")])
    await hub.receive(found[3:])

    assert ada.offsets == [1, 3, 12, 15]
    assert tagged.offsets == [1]


async def test_streams_are_counted_by_what_all_of_them_hear(world: Stepped) -> None:
    hub, one, other = hub_of(world), Heard(), Heard()
    hub.attach(one, [ALL, ADA])
    hub.attach(other, [ALL])
    assert hub.stream_count() == 2

    hub.detach(one, [ALL, ADA])
    hub.detach(one, [ALL, ADA])
    assert hub.stream_count() == 1


def told(event: LiveEvent) -> tuple[object, ...]:
    """Return what of an event stays the same, however late it is told."""
    entry = None if event.entry is None else event.entry.id
    return (*event[:4], sorted(map(str, event.topics)), entry, [gone.id for gone in event.removed], event.is_partial)


@pytest.mark.parametrize("ring_size", [1, 2, 5, 4_096])
async def test_the_ring_and_the_log_tell_the_same(world: Stepped, ring_size: int) -> None:
    live, heard = hub_of(world, ring_size), Heard()
    live.attach(heard, EVERY_TOPIC)
    await live.receive(await references(world))
    whole = [event async for event in hub_of(world).events((0,), (15,))]
    assert [event.offset for event in whole] == list(range(1, 16))
    assert [told(event) for event in heard.events] == [told(event) for event in whole if event.offset not in {5, 10}]

    for after in range(16):
        for upto in range(after, 16):
            again = [told(event) async for event in live.events((after,), (upto,))]
            assert again == [told(event) for event in whole if after < event.offset <= upto]


async def test_a_deletion_takes_along_the_retweets_that_stood_then(world: Stepped) -> None:
    """And the first place of an id wins: what came at another took nothing along (P2)."""
    whole = {event.offset: event async for event in hub_of(world).events((0,), (15,))}

    assert [entry.id for entry in whole[9].removed] == [14]
    assert sorted(entry.id for entry in whole[12].removed) == [10, 12]
    assert set(whole[12].topics) == {ADA, BOB, ("counts", 10)}
    assert whole[10].entry is None  # another place of an id that was taken (P2)


async def test_a_store_or_log_that_fails_for_now_makes_streams_wait_and_lose_nothing(
    world: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("hub", "live_events"):
        monkeypatch.setattr(f"realtime.{module}.RETRY_S", 0.0)
    log, tweets = Flaky(world.engine.log, "read", 2), Flaky(world.engine.services.home.tweets, "entries", 3)
    hub = Hub(log, tweets, world.engine.services.home.policy, HeldBroadcast())  # type: ignore[arg-type]
    heard = Heard()
    hub.attach(heard, [ADA])

    await hub.receive((await references(world))[11:12])

    assert heard.offsets == [1, 12]
    assert (hub.place(), log.failures, tweets.failures) == ((12,), 0, 0)


async def test_a_hub_that_runs_takes_what_is_broadcast(world: Stepped) -> None:
    async with BROADCASTS["memory"]("") as broadcast:
        home = world.engine.services.home
        hub, heard = Hub(world.engine.log, home.tweets, home.policy, broadcast), Heard()
        hub.attach(heard, [ADA])
        task = asyncio.ensure_future(hub.run())
        found = await references(world)
        async with asyncio.timeout(10):
            while hub.place() != (15,):
                await broadcast.publish(found[12:])  # what came before is read from the log
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert heard.offsets == [1, 12, 15]
