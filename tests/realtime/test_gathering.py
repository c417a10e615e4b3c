"""A group that nobody waits for lets events gather, and handles many at the price of one."""

import asyncio
from collections.abc import Sequence

from realtime.ports import Logged
from realtime.positions import Positions
from realtime.worker import NOTIFY, STORE, Worker

GATHERED_S = 0.2


class Held:
    """A log of three events."""

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        return [Logged(partition, offset, b"{}", 0) for offset in range(after + 1, after + 1 + limit)]

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        del after, timeout_s, partition
        raise AssertionError("it waits for the group that comes before it")


async def test_events_that_come_while_others_gather_are_handled_with_them() -> None:
    positions, batches, handled = Positions(), list[int](), asyncio.Event()

    async def handle(batch: Sequence[Logged], _previous: int) -> None:
        batches.append(len(batch))
        handled.set()

    worker = Worker(NOTIFY, Held(), positions, handle, 10, upstream=STORE)
    worker.gather_s = GATHERED_S
    running = asyncio.ensure_future(worker.run())
    for offset in (1, 2, 3):
        positions.advance(STORE, offset)
        await asyncio.sleep(0)

    await asyncio.wait_for(handled.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert batches == [3]
