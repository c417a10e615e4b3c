"""What starts at once, what waits, and what is refused."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from infra.gate import Gate, NoRoom
from loaders.errors import Unavailable


class Work:
    """Operations, each of which keeps the event loop busy for a while by a clock of its own."""

    def __init__(self, takes_s: float, wait_max_s: float, burst: int = 4, lasting_wait_max_s: float = math.inf) -> None:
        self.now_s = 0.0
        self.done: list[int] = []
        self.refused_after_s: list[float] = []
        self.waited_s: list[float] = []
        self.gate = Gate(lambda: self.now_s, wait_max_s, burst, lasting_wait_max_s=lasting_wait_max_s)
        self._takes_s = takes_s

    async def run(self, number: int) -> None:
        arrived_s = self.now_s
        try:
            await self.gate.enter()
        except Unavailable as refusal:
            assert refusal.retry_after_s
            self.refused_after_s.append(self.now_s - arrived_s)
            return
        self.waited_s.append(self.now_s - arrived_s)
        self.now_s += self._takes_s
        self.done.append(number)

    async def arrive(self, count: int, first: int = 0) -> None:
        await asyncio.gather(*(self.run(first + number) for number in range(count)))


async def turns(count: int, look: Callable[[], Awaitable[None]]) -> None:
    for _ in range(count):
        await look()
        await asyncio.sleep(0)


async def a_turn() -> None:
    """Let the gate turn once: it listens in between."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_all_get_their_turn_in_the_order_in_which_they_came() -> None:
    work = Work(takes_s=0.002, wait_max_s=1)
    await work.arrive(100)

    assert work.done == [*range(100)]
    assert (work.gate.waiting, work.gate.refused) == (0, 0)


async def test_the_event_loop_hears_of_others_after_every_few() -> None:
    work, seen = Work(takes_s=0.002, wait_max_s=1, burst=4), [0]
    arriving = asyncio.ensure_future(work.arrive(40))

    async def look() -> None:
        seen.append(len(work.done))

    await turns(30, look)
    await arriving

    assert max(after - before for before, after in pairwise(seen)) <= 4


async def test_at_three_times_what_can_be_done_nobody_waits_long_and_who_is_refused_hears_so_at_once() -> None:
    work = Work(takes_s=0.01, wait_max_s=0.5, burst=4)
    operations: list[asyncio.Task[None]] = []
    for turn in range(300):
        operations += [asyncio.ensure_future(work.run(12 * turn + number)) for number in range(12)]
        await a_turn()
    await asyncio.gather(*operations)

    # What an operation takes is learnt from the first ones, and until then the line is longer.
    assert max(work.waited_s[len(work.waited_s) // 2 :]) <= 0.6
    assert max(work.refused_after_s) <= 4 * 0.01
    assert len(work.done) >= 0.95 * work.now_s / 0.01
    assert 2_000 <= work.gate.refused == len(operations) - len(work.done)


@pytest.mark.parametrize("burst", [1, 4])
async def test_a_line_that_stays_is_kept_short_and_as_many_are_served(burst: int) -> None:
    work = Work(takes_s=0.01, wait_max_s=1.0, burst=burst, lasting_wait_max_s=0.1)
    operations: list[asyncio.Task[None]] = []
    for turn in range(400):
        operations += [asyncio.ensure_future(work.run(turn)) for _ in range(3 * burst)]
        await a_turn()
    await asyncio.gather(*operations)

    # By then the line is gone that formed before it was known to stay.
    assert max(work.waited_s[len(work.waited_s) // 2 :]) <= 0.1 + 2 * burst * 0.01
    assert len(work.done) >= 0.95 * work.now_s / 0.01


async def test_a_line_that_forms_at_once_is_served_whole_though_the_last_one_had_to_be_short() -> None:
    work = Work(takes_s=0.01, wait_max_s=1.0, lasting_wait_max_s=0.1)
    for _ in range(3):
        await work.arrive(80)

    assert (len(work.done), work.gate.refused) == (3 * 80, 0)


class Visited(Work):
    """Work during each of which somebody else comes, of whom the event loop hears when it has run what was ready."""

    def __init__(self) -> None:
        super().__init__(takes_s=0.01, wait_max_s=0.02, burst=1)
        self.heard = 0
        self.visits: list[asyncio.Task[None]] = []

    def listen(self) -> None:
        """Take in whoever came, as the event loop does between two turns; as often as it turns."""
        # Before the third nobody knows yet how long the line takes; after the fifteenth it is short.
        while 3 + self.heard <= len(self.done) < 15:
            self.heard += 1
            self.visits.append(asyncio.ensure_future(self.come(self.now_s)))
        asyncio.get_running_loop().call_soon(self.listen)

    async def come(self, came_s: float) -> None:
        with pytest.raises(Unavailable):
            await self.gate.enter()
        self.refused_after_s.append(self.now_s - came_s)


async def test_who_is_refused_waits_for_no_operation_but_the_one_under_way() -> None:
    work = Visited()
    standing = [asyncio.ensure_future(work.run(number)) for number in range(20)]
    await asyncio.sleep(0)
    work.listen()
    await asyncio.gather(*standing)

    assert work.refused_after_s == [0.0] * work.heard
    assert work.heard == 12


async def test_who_goes_away_leaves_the_line() -> None:
    work = Work(takes_s=0.002, wait_max_s=1)
    going = [asyncio.ensure_future(work.run(number)) for number in range(20)]
    await asyncio.sleep(0)
    for each in going[5:15]:
        each.cancel()
    await asyncio.gather(*going, return_exceptions=True)

    assert work.done == [*range(5), *range(15, 20)]


@pytest.mark.parametrize("burst", [1, 3])
async def test_an_operation_that_comes_alone_starts_at_once(burst: int) -> None:
    work = Work(takes_s=0.002, wait_max_s=0.0, burst=burst)
    for number in range(10):
        await work.run(number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    assert work.done == [*range(10)]


class Storm(Work):
    """Work, among which streams begin that take as long."""

    def __init__(self, **limits: float) -> None:
        super().__init__(takes_s=0.01, wait_max_s=0.5)
        self.gate = Gate(lambda: self.now_s, 0.5, burst=4, stream_wait_max_s=limits.get("stream_wait_max_s", 30.0))
        self.begun: list[int] = []

    async def begin(self, number: int) -> None:
        await self.gate.enter_stream()
        self.now_s += 0.01
        self.begun.append(number)


async def test_who_waits_for_an_answer_goes_before_thousands_of_streams_which_get_on_all_the_same() -> None:
    storm = Storm()
    streams = [asyncio.ensure_future(storm.begin(number)) for number in range(500)]
    await asyncio.sleep(0)
    operations: list[asyncio.Task[None]] = []
    for turn in range(100):
        operations += [asyncio.ensure_future(storm.run(3 * turn + number)) for number in range(3)]
        await a_turn()
    begun_meanwhile = len(storm.begun)
    await asyncio.gather(*operations, *streams)

    assert storm.gate.refused == 0
    assert max(storm.waited_s) <= 0.1
    assert begun_meanwhile >= 90
    assert storm.begun == [*range(500)]
    assert (storm.gate.waiting, storm.gate.streams_waiting) == (0, 0)


async def test_streams_that_come_alone_begin_as_many_at_a_time_as_operations_do() -> None:
    storm = Storm()
    streams = [asyncio.ensure_future(storm.begin(number)) for number in range(40)]
    for _ in range(12):
        await a_turn()

    assert len(storm.begun) >= 36
    await asyncio.gather(*streams)


async def test_a_stream_that_would_wait_too_long_is_told_to_come_again() -> None:
    storm = Storm(stream_wait_max_s=2.0)
    # What one takes is learnt first.
    await asyncio.gather(*(storm.begin(number) for number in range(40)))
    outcomes = await asyncio.gather(*(storm.begin(number) for number in range(500)), return_exceptions=True)

    refused = [each for each in outcomes if each is not None]
    assert 100 < len(refused) < 460
    assert all(isinstance(each, NoRoom) for each in refused)
