"""A client cut off again and again at the seam between replay and live: nothing is lost to it, nothing comes twice."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.clocks import Clocks
from infra.embedded import open_engine
from loaders.cursors import LiveCursor, decode_cursor, decode_live
from loaders.ids import TIME_SHIFT
from loaders.records import TweetId, UserId
from realtime.events import RelationChanged, Retweeted, TweetDeleted, TweetPosted, Verb, decode
from realtime.mailbox import MailboxOverflow
from realtime.updates import TweetAdded, TweetRemoved
from tests.flows.seam_histories import ME, PUSH_LIMIT, PUSHED, STRANGERS, Eventful, Quiet
from tests.naive import Naive
from tests.stepped import Client, Stepped

EVENTS_MIN = 10_000
RING = 4_096
"""Events that the hub keeps: a replay from further back is read from the log."""
CAUGHT_UP_S = 20.0
MET = ("replay from the ring", "replay from the log", "restart", "cut during the replay")
FRIEND, STRANGER = UserId(PUSHED[0]), UserId(STRANGERS[0])


class Wanderer(Client):
    """A client with a bad line: it is cut off at any moment, and comes back with the cursor of what it read last."""

    def __init__(self, world: Stepped, dice: random.Random) -> None:
        super().__init__(world, ME)
        self.dice = dice
        self.added: Counter[int] = Counter()
        self.removed: Counter[int] = Counter()
        self.met: Counter[str] = Counter()
        self._ring_begins = 0
        self._connected_at = 0

    async def come_back(self) -> None:
        """Connect, and note where what was missed has to come from."""
        place, self._connected_at = sum(self._place().place), self._hub_place()
        if place < self._connected_at:
            is_in_ring = place >= max(self._ring_begins, self._connected_at - RING)
            self.met["replay from the ring" if is_in_ring else "replay from the log"] += 1
        await self.connect()

    async def listen(self, count: int) -> None:
        """Let the stream run for some turns of the event loop, and read what it says."""
        for update in await self._hear(count):
            await self._apply(update)

    async def break_off(self, count: int) -> None:
        """Read a part of what comes within some turns, and lose the rest and the connection."""
        heard = await self._hear(count)
        for update in heard[: self._how_much_of(heard)]:
            await self._apply(update)
        self.met["cut in the midst of an event"] += self._place().seen > 0
        self.met["cut during the replay"] += sum(self._place().place) < self._connected_at
        await self.leave()

    async def restart(self) -> None:
        """See the server stop and start: its ring is empty then."""
        await self.break_off(self.dice.randint(0, 30))
        await self._world.close()
        await self._world.open()
        self._ring_begins = self._hub_place()
        self.met["restart"] += 1

    async def catch_up(self, entry_id: int) -> None:
        """Come back, and read until an entry is there."""
        async with asyncio.timeout(CAUGHT_UP_S):
            while entry_id not in self.held:
                if not self.is_connected:
                    await self.come_back()
                await self.listen(20)

    async def leave(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._heard = []

    def _how_much_of(self, heard: list[object]) -> int:
        within = [
            place
            for place, update in enumerate(heard, 1)
            if isinstance(update, TweetAdded | TweetRemoved) and decode_live(update.live_cursor).seen
        ]
        return self.dice.choice(within) if within and self.dice.random() < 0.7 else self.dice.randint(0, len(heard))

    async def _hear(self, count: int) -> list[object]:
        await turns(count)
        heard, self._heard = self._heard, []
        if self._task is not None and self._task.done():
            with pytest.raises(MailboxOverflow):
                self._task.result()
            self.met["full mailbox"] += 1
            await self.leave()
        return heard

    async def _apply(self, update: object) -> None:
        if isinstance(update, TweetAdded):
            self.added[decode_cursor(update.cursor)] += 1
        elif isinstance(update, TweetRemoved):
            self.removed[decode_cursor(update.cursor)] += 1
        await super()._apply(update)

    def _place(self) -> LiveCursor:
        return decode_live(self.cursor)

    def _hub_place(self) -> int:
        return sum(self._world.hub.place())


class Running(Stepped):
    """The same folder under an engine whose workers and hub run by themselves."""

    async def open(self) -> None:
        clocks = Clocks(lambda: self.now_s, lambda: self.now_s)
        self._use(await self._stack.enter_async_context(open_engine(self.settings, clocks)))

    async def step(self, group: str) -> int:
        """Let the engine run for a moment; there is something left to do while the group is behind the log."""
        await asyncio.sleep(0)
        return (await self.engine.log.bounds())[1] - self.engine.positions.reached(group)

    async def drain(self) -> None:
        async with asyncio.timeout(CAUGHT_UP_S):
            while await self.step("fanout") or self.engine.hub.place() != (self.engine.positions.reached("fanout"),):
                pass


@pytest.mark.parametrize("world_of", [Stepped, Running])
async def test_a_client_that_is_never_told_to_start_afresh_gets_everything_exactly_once(
    world_of: type[Stepped], tmp_path: Path
) -> None:
    """Cut off at any moment, it goes on from its cursor, and applies events by their ids (L4, L6)."""
    dice = seeded()
    async with opened(world_of, tmp_path) as world:
        client = await wander(world, Quiet(dice), dice)
        assert all(client.met[what] for what in MET)
        expected = await naive_home(world)
        assert await world.pages(int(ME), 100) == expected
        assert client.shown() == expected
        assert client.resets == []
        assert set(client.added.values()) == {1}
        assert set(client.removed.values()) == {1}
        assert not set(client.removed) & {entry_id for entry_id, _ in expected}


@pytest.mark.parametrize("world_of", [Stepped, Running])
async def test_a_client_that_starts_afresh_when_told_holds_what_a_page_shows(
    world_of: type[Stepped], tmp_path: Path
) -> None:
    """After a Reset it fetches a page, and goes on from that page's cursor (L6)."""
    dice = seeded()
    async with opened(world_of, tmp_path) as world:
        client = await wander(world, Eventful(dice), dice)
        assert all(client.met[what] for what in MET)
        expected = await world.pages(int(ME), 100)
        assert client.shown() == [each for each in expected if each[0] >= client.floor]
        assert client.resets


async def test_what_a_page_after_a_reset_showed_is_taken_back_though_the_events_read_since_come_before_it(
    tmp_path: Path,
) -> None:
    """The events that follow a Reset on its stream may lie before the page that was fetched for it."""
    history = Quiet(random.Random(0))
    async with opened(Stepped, tmp_path) as world:
        client = Wanderer(world, history.dice)
        await world.append(*history.beginning())
        await world.drain()
        await client.fetch()
        await client.connect()
        known, late = (TweetPosted(TweetId(number << TIME_SHIFT), FRIEND, "a", 0) for number in (1_000, 1_001))
        for happened in ([RelationChanged(Verb.MUTE, ME, STRANGER, 0)], [known, late]):
            await world.append(*happened)
            await world.drain()
            await turns(20)
        # It reads the Reset, fetches a page with both tweets, reads that the first has come, and is cut off.
        await client.cut(upto=2)
        assert (client.resets, [entry_id for entry_id, _ in client.shown()]) == (
            ["You muted someone"],
            [late.id, known.id],
        )
        await world.append(TweetDeleted(late.id, FRIEND))
        await world.drain()
        await client.connect()
        await client.settle()
        assert client.shown() == await world.pages(int(ME), 100) == [(known.id, known.id)]
        await client.leave()


@asynccontextmanager
async def opened(world_of: type[Stepped], folder: Path) -> AsyncIterator[Stepped]:
    """Open a world; it is closed once no stream reads from it any more, as a server's would be."""
    world = world_of(folder, push_limit=PUSH_LIMIT, fanout_batch_size=50)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


async def wander(
    world: Stepped, history: Quiet, dice: random.Random, happening: Sequence[tuple[int, bool]] | None = None
) -> Wanderer:
    """Let everything happen, and a client be cut off at any moment of it; it is there for the last event."""
    client = Wanderer(world, dice)
    await world.append(*history.beginning())
    await world.drain()
    await client.fetch()
    for count, is_new_process in happening or bursts(dice):
        if is_new_process:
            await client.restart()
        if count > RING and client.is_connected:
            await client.break_off(dice.randint(0, 30))
        for start in range(0, count, 500):
            await world.append(*history.next(min(500, count - start)))
        while await world.step("store") + await world.step("fanout"):
            if count < RING:
                await be_a_nuisance(world, client)
        await let_hear(world, client)
        await be_a_nuisance(world, client)
    last = history.last()
    await world.append(last)
    await world.drain()
    await client.catch_up(last.id)
    await client.leave()
    sys.stdout.write(f"{dict(client.met)}, resets: {dict(Counter(client.resets))}\n")
    return client


def bursts(dice: random.Random) -> list[tuple[int, bool]]:
    """Return how many events come at once, and before which the process starts anew; two outlast the ring."""
    few = [(dice.choice((1, 3, 10, 40, 150)), dice.random() < 0.03) for _ in range(90)]
    few += [(200, False)] * ((EVENTS_MIN - sum(count for count, _ in few) - 2 * RING) // 200)
    many = [(RING + dice.randint(1, 300), False), (RING + dice.randint(1, 300), True)]
    shuffled = [*few, *many]
    dice.shuffle(shuffled)
    return [*shuffled, (150, True)]


async def be_a_nuisance(world: Stepped, client: Wanderer) -> None:
    """Connect, read or break off, as chance has it."""
    chance = client.dice.random()
    if chance < 0.2:
        await world.hear(lose=client.dice.random() < 0.2)
    if not client.is_connected:
        await client.come_back()
    if chance < 0.5:
        await client.break_off(client.dice.choice((0, 1, 2, 5, 20, 60)))
    elif chance < 0.9:
        await client.listen(client.dice.choice((0, 3, 30)))


async def let_hear(world: Stepped, client: Wanderer) -> None:
    """Let the hub hear what the group `fanout` has told, or now and then nothing of it."""
    is_lost = client.dice.random() < 0.1
    while world.broadcast.held:
        await world.hear(is_lost)
        await client.listen(1)


async def naive_home(world: Stepped) -> list[tuple[int, int]]:
    naive = Naive()
    for logged in await world.engine.log.read(0, 1_000_000):
        event = decode(logged.payload)
        if isinstance(event, Retweeted):
            # A quiet history retweets nothing twice, so that there is no need to look for another retweet.
            naive.entries[event.id] = event
        else:
            naive.apply(event)
    return naive.home(int(ME))


async def turns(count: int) -> None:
    """Let the event loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)


def seeded() -> random.Random:
    seed = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(2**32))
    sys.stdout.write(f"TEST_SEED={seed}\n")
    return random.Random(seed)
