"""Leases of worker numbers: no two holders, no id under one given before, none without a lease that stands."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from infra.adapters.cassandra.driver import Driver
from infra.adapters.cassandra.leases import LeaseLimits, WorkerLease
from infra.adapters.cassandra.session import CassandraSession, Outcome
from loaders.errors import Unavailable
from loaders.ids import milliseconds_of
from tests.cluster.cassandra_keyspace import cassandra_url, driver, own_number, session
from tests.contracts.adapters import Clock
from tests.contracts.cassandra_adapters import PATIENT

__all__ = ["cassandra_url", "driver", "session"]

LIMITS = LeaseLimits(lifetime_s=600, renew_every_s=300.0, margin_s=5.0)
BITS_OF_SEQUENCE = 11
START_MS, APART_MS = 1_800_000_000_000, 1_300_000
RACERS, NUMBERS_WANTED = 50, 64


@pytest.fixture
def now_ms() -> int:
    """A time later than that of every test before, since numbers remember what was given."""
    return START_MS + own_number() * APART_MS


class Process:
    """What a process leases with: a name, two clocks, and the session that it reaches the cluster by."""

    def __init__(self, session: CassandraSession, now_ms: int) -> None:
        self.name = f"process {own_number()}"
        self.clock_ms = Clock(now_ms)
        self.monotonic_s = Clock(1_000)
        self.session = session

    async def lease(self, stack: AsyncExitStack, choose: Callable[[Sequence[int]], int] = min) -> WorkerLease:
        opening = WorkerLease.open(self.session, self.name, self.clock_ms, self.monotonic_s, choose, LIMITS)
        return await stack.enter_async_context(opening)


class CutOff(CassandraSession):
    """A session whose lightweight transactions reach the cluster or not."""

    is_cut_off = False

    async def conditional(self, text: str, *values: object, is_global: bool = False) -> Outcome:
        if self.is_cut_off:
            raise Unavailable("The cluster is out of reach")
        return await super().conditional(text, *values, is_global=is_global)


async def expire(session: CassandraSession, lease: WorkerLease) -> None:
    """Let a lease end in the database as its time to live does."""
    text = "UPDATE worker_leases SET holder = null WHERE worker = ? IF EXISTS"
    assert (await session.conditional(text, lease.worker)).is_applied


async def test_of_fifty_who_want_few_numbers_at_once_each_gets_one_of_its_own(
    session: CassandraSession, now_ms: int
) -> None:
    def choose(free: Sequence[int]) -> int:
        return chance.choice(free[:NUMBERS_WANTED])

    chance = random.Random(now_ms)
    async with AsyncExitStack() as stack:
        leases = await asyncio.gather(*(Process(session, now_ms).lease(stack, choose) for _ in range(RACERS)))

        assert len({lease.worker for lease in leases}) == RACERS
        ids = [lease() for lease in leases for _ in range(100)]
        assert len(set(ids)) == len(ids)


async def test_a_number_given_back_is_leased_again_and_its_ids_go_on_above(
    session: CassandraSession, now_ms: int
) -> None:
    async with AsyncExitStack() as stack:
        first = await Process(session, now_ms + 3_000).lease(stack)
        number, given = first.worker, [first() for _ in range(10)]

    async with AsyncExitStack() as stack:
        behind = await Process(session, now_ms).lease(stack)

        assert behind.worker == number
        assert behind() > max(given)


async def test_whoever_takes_a_number_after_a_crash_gives_no_id_that_the_dead_could_have_given(
    session: CassandraSession, now_ms: int
) -> None:
    async with AsyncExitStack() as stack:
        dead, late = Process(session, now_ms), Process(session, now_ms + 600_000)
        first = await dead.lease(stack)
        dead.clock_ms.now += 599_000
        given = [first() for _ in range(10)]
        await expire(session, first)

        second = await late.lease(stack)

        assert second.worker == first.worker
        assert second() > max(given)


async def test_a_clock_far_behind_what_was_given_before_gives_no_ids_yet(
    session: CassandraSession, now_ms: int
) -> None:
    async with AsyncExitStack() as stack:
        first = await Process(session, now_ms).lease(stack)
        given = first()
        await expire(session, first)

        behind = Process(session, now_ms - 60_000)
        second = await behind.lease(stack)

        assert second.worker == first.worker
        with pytest.raises(Unavailable):
            second()
        behind.clock_ms.now = now_ms + 601_000
        await second.renew()
        assert second() > given


async def test_a_holder_that_cannot_renew_in_time_gives_no_more_ids_until_it_can(driver: Driver, now_ms: int) -> None:
    cut_off = CutOff(driver, PATIENT)
    process = Process(cut_off, now_ms)
    async with AsyncExitStack() as stack:
        lease = await process.lease(stack)
        lease()

        cut_off.is_cut_off = True
        process.monotonic_s.now += 594
        with pytest.raises(Unavailable):
            await lease.renew()
        assert lease()
        process.monotonic_s.now += 1
        with pytest.raises(Unavailable):
            lease()

        cut_off.is_cut_off = False
        await lease.renew()
        assert lease()


async def test_a_holder_that_wakes_after_another_took_its_number_takes_another_one(
    session: CassandraSession, now_ms: int
) -> None:
    async with AsyncExitStack() as stack:
        sleeper = Process(session, now_ms)
        first = await sleeper.lease(stack)
        number = first.worker
        await expire(session, first)
        second = await Process(session, now_ms + 600_000).lease(stack)
        assert second.worker == number

        await first.renew()

        assert first.worker not in {None, number}
        assert {first() >> BITS_OF_SEQUENCE & 511, second() >> BITS_OF_SEQUENCE & 511} == {first.worker, number}


async def test_a_clock_that_runs_ahead_of_the_lease_gives_no_ids(session: CassandraSession, now_ms: int) -> None:
    async with AsyncExitStack() as stack:
        process = Process(session, now_ms)
        lease = await process.lease(stack)

        process.clock_ms.now += 600_001

        with pytest.raises(Unavailable):
            lease()
        await lease.renew()
        assert milliseconds_of(lease()) == now_ms + 600_001


async def test_after_the_end_no_id_is_given(session: CassandraSession, now_ms: int) -> None:
    async with AsyncExitStack() as stack:
        lease = await Process(session, now_ms).lease(stack)
        lease()

    with pytest.raises(Unavailable):
        lease()
