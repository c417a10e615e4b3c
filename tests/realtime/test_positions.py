"""Offsets by group only grow, and whoever waits for one is woken when it is reached."""

import asyncio

import pytest

from realtime.positions import Positions

LONG_S = 60.0


@pytest.fixture
def positions() -> Positions:
    return Positions()


async def waiting(positions: Positions, group: str, offset: int) -> asyncio.Task[bool]:
    """Begin to wait, and make sure that the waiting has begun."""
    task = asyncio.ensure_future(positions.wait(group, offset, LONG_S))
    await asyncio.sleep(0)
    return task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_group_begins_at_nothing_and_never_goes_back(positions: Positions) -> None:
    assert positions.reached("store") == 0

    for offset in (5, 3, 5):
        positions.advance("store", offset)

    assert (positions.reached("store"), positions.reached("fanout")) == (5, 0)


async def test_who_waits_for_what_is_reached_already_waits_no_turn(positions: Positions) -> None:
    positions.advance("store", 5)

    assert await positions.wait("store", 5, 0.0)
    assert await positions.wait("store", 4, 0.0)


async def test_those_are_woken_whose_offset_is_reached_and_no_others(positions: Positions) -> None:
    tasks = {offset: await waiting(positions, "store", offset) for offset in (7, 3, 5, 5, 9)}
    again = await waiting(positions, "store", 5)

    positions.advance("store", 4)
    await settle()
    assert [offset for offset, task in sorted(tasks.items()) if task.done()] == [3]

    positions.advance("store", 7)
    await settle()
    assert [offset for offset, task in sorted(tasks.items()) if task.done()] == [3, 5, 7]
    assert await again

    positions.advance("store", 100)
    assert await tasks[9]


async def test_groups_do_not_wake_each_other(positions: Positions) -> None:
    task = await waiting(positions, "fanout", 3)

    positions.advance("store", 100)
    await settle()
    assert not task.done()

    positions.advance("fanout", 3)
    assert await task


async def test_who_waits_in_vain_is_told_so_after_the_timeout(positions: Positions) -> None:
    positions.advance("store", 4)

    assert not await positions.wait("store", 5, 0.001)

    positions.advance("store", 5)
    assert await positions.wait("store", 5, 0.0)


async def test_who_stops_waiting_disturbs_nobody(positions: Positions) -> None:
    going, staying = await waiting(positions, "store", 3), await waiting(positions, "store", 3)
    going.cancel()
    await settle()

    positions.advance("store", 3)

    assert await staying
    assert going.cancelled()
