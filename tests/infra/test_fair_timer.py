"""A timer that is fair while the event loop is busy."""

import asyncio
import socket
import time

from infra.fair_timer import FairTimer


async def test_it_calls_when_the_time_is_up_unless_it_is_cancelled() -> None:
    called, kept = asyncio.Event(), asyncio.Event()
    cancelled = FairTimer(0.0, kept.set)
    cancelled.cancel()
    FairTimer(0.01, called.set)
    await called.wait()
    assert not kept.is_set()


async def test_it_can_be_cancelled_in_its_last_turns() -> None:
    called = asyncio.Event()
    timer = FairTimer(0.0, called.set)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    timer.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not called.is_set()


async def test_what_came_in_time_counts_however_late_the_event_loop_hears_of_it() -> None:
    here, there = socket.socketpair()
    with here, there:
        reader, writer = await asyncio.open_connection(sock=here)
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        timer = FairTimer(0.01, lambda: outcome.set_result("late"))

        async def read() -> None:
            await reader.readexactly(5)
            timer.cancel()
            outcome.set_result("in time")

        reading = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        there.send(b"hello")
        time.sleep(0.05)  # noqa: ASYNC251 - the event loop is busy
        assert await outcome == "in time"
        await reading
        writer.close()
