"""Calls to stores that do not answer: each ends in time, after some none is made, and an answer ends that."""

import asyncio
from collections.abc import Callable

import pytest
from cassandra import WriteTimeout  # type: ignore[import-untyped]

from infra.adapters.breaker import BreakerLimits, State
from infra.adapters.cassandra.driver import CONDITIONALS, Driver, Kind, Options, Page
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.guard import Crowded, GuardLimits
from loaders.errors import Unavailable

READ = "SELECT id FROM tweets_by_id WHERE id = ?"
BREAKER = BreakerLimits(failures_max=3, open_min_s=0.05, open_max_s=0.05)
CALL_S = 0.05
LATE_S = 2.0
OPTIONS = Options(
    request_timeout_s=CALL_S, call_timeout_s=CALL_S, in_flight_max=2, guard=GuardLimits(calls_max=8, breaker=BREAKER)
)


class Hanging(Driver):
    """A driver whose server hangs until it is `well`, and then says one row; `sent` are the statements it was given."""

    def __init__(self) -> None:
        self.prepared = {READ: _Bindable()}
        self.sent = 0
        self.is_well = False
        self.fault: Exception | None = None

    def send(
        self,
        statement: object,
        kind: Kind,
        deliver: Callable[[Page], None],
        fail: Callable[[Exception], None],
        state: bytes | None = None,
    ) -> None:
        del statement, state
        self.sent += 1
        if self.fault is not None:
            fail(self.fault)
        elif self.is_well:
            deliver(Page([{"[applied]": True}] if kind in CONDITIONALS else [(1,)], None))


class _Bindable:
    def bind(self, values: object) -> "_Bindable":
        del values
        return self


def state(session: CassandraSession) -> State:
    return session.guard.breaker.state


async def fails(session: CassandraSession) -> float:
    """Read, which is to fail; return how long that took, in seconds."""
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable) as refused:
        async with asyncio.timeout(CALL_S + LATE_S):
            await session.rows(READ, 1)
    assert refused.value.retry_after_s
    return asyncio.get_running_loop().time() - began_s


async def test_a_call_ends_within_its_time_also_while_it_waits_for_its_turn() -> None:
    session = CassandraSession(Hanging(), OPTIONS)

    # Four want what two can have: those that wait for a slot have no more time than those that have one.
    took_s = await asyncio.gather(*(fails(session) for _ in range(4)))

    assert max(took_s) < CALL_S + LATE_S


async def test_after_some_failures_nothing_is_sent_until_one_is_answered() -> None:
    hanging = Hanging()
    session = CassandraSession(hanging, OPTIONS)
    for _ in range(BREAKER.failures_max):
        await fails(session)
    assert state(session) is State.OPEN

    sent = hanging.sent
    await fails(session)
    assert hanging.sent == sent

    hanging.is_well = True
    async with asyncio.timeout(LATE_S):
        while state(session) is State.OPEN:  # noqa: ASYNC110 - what is waited for is the clock
            await asyncio.sleep(0.01)
    assert await session.rows(READ, 1) == [(1,)]
    assert state(session) is State.CLOSED


async def test_more_calls_than_there_is_room_for_are_turned_away_at_once() -> None:
    hanging = Hanging()
    session = CassandraSession(hanging, OPTIONS)
    waiting = [asyncio.create_task(fails(session)) for _ in range(8)]
    await asyncio.sleep(0)

    with pytest.raises(Crowded):
        await session.rows(READ, 1)

    await asyncio.gather(*waiting)
    assert session.guard.under_way == 0


async def test_a_row_that_many_want_at_once_says_nothing_of_the_server() -> None:
    hanging = Hanging()
    session = CassandraSession(hanging, OPTIONS)
    hanging.fault = WriteTimeout("others were first", write_type=0)
    for _ in range(2 * BREAKER.failures_max):
        with pytest.raises(Crowded):
            await session.conditional(READ, 1)
    assert state(session) is State.CLOSED

    for _ in range(BREAKER.failures_max):
        await fails(session)
    assert state(session) is State.OPEN
