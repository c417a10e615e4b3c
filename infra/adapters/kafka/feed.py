"""What a member of a consumer group holds of one partition until its worker has handled it."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice

from realtime.ports import Logged
from realtime.worker import Feed

EMPTY_S = 0.05
"""How long a read waits for something to come."""

ReadRange = Callable[[int, int, int], Awaitable[Sequence[Logged]]]
"""Reads the log itself: after an offset, up to so many events, of a partition."""


class PartitionFeed:
    """The events of one partition, in order: put in by the consumer's thread, read by a worker on the event loop.

    Whatever it was handed, it skips nothing: events that lie between the worker's place and the first one held are read
    from the log. What was read stays until the worker reads on from beyond it, so that a batch that failed is read
    again. Once closed it answers nothing more. `newest` is the last offset that it was handed.
    """

    def __init__(self, partition: int, read_range: ReadRange, loop: asyncio.AbstractEventLoop) -> None:
        self.partition = partition
        self._read_range = read_range
        self._loop = loop
        self._lock = threading.Lock()
        self._held: deque[Logged] = deque()
        self._bytes = 0
        self.newest = 0
        self._grown = asyncio.Event()
        self._is_closed = False
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    @property
    def held(self) -> tuple[int, int]:
        """How many events it holds, and how many bytes their payloads have; from any thread."""
        return len(self._held), self._bytes

    @property
    def oldest_at_ms(self) -> int | None:
        """When the oldest event that it holds was appended to the log; None if it holds none."""
        with self._lock:
            return self._held[0].appended_at_ms if self._held else None

    def put(self, batch: Sequence[Logged]) -> None:
        """Add events that follow those it holds; from any thread. What it holds already is left out."""
        with self._lock:
            last = self._held[-1].offset if self._held else 0
            fresh = [each for each in batch if each.offset > last]
            self._held.extend(fresh)
            self.newest = max(self.newest, last, *(each.offset for each in fresh[-1:]))
            self._bytes += sum(len(each.payload) for each in fresh)
        self._loop.call_soon_threadsafe(self._grown.set)

    def close(self) -> None:
        """Answer nothing from now on, so that whoever reads ends with the batch in hand."""
        self._is_closed = True

    async def at_rest(self) -> None:
        """Wait until no batch is in hand: whoever reads has come back for more since it was given one."""
        await self._at_rest.wait()

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """See `Feed`."""
        # A worker that follows another group may come here again and again, and must not keep the event loop to itself.
        if not await self.wait(after, EMPTY_S, partition):
            return ()
        with self._lock:
            batch = _consecutive(islice(self._held, limit))
        if batch[0].offset > after + 1:
            missed = await self._read_range(after, min(limit, batch[0].offset - after - 1), partition)
            # The log may have forgotten them meanwhile, and then there is nothing between.
            batch = [each for each in missed if each.offset < batch[0].offset] or batch
        if self._is_closed:
            return ()
        self._at_rest.clear()
        return batch

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """See `Feed`."""
        del partition  # there is one
        self._at_rest.set()
        try:
            async with asyncio.timeout(timeout_s):
                while self._is_closed or not self._forget(after):
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            return False
        return True

    def _forget(self, upto: int) -> bool:
        """Let go of what is handled, and tell whether something is left."""
        with self._lock:
            while self._held and self._held[0].offset <= upto:
                self._bytes -= len(self._held.popleft().payload)
            return bool(self._held)


def _consecutive(events: Iterable[Logged]) -> list[Logged]:
    """Return the first events as far as none is missing between them."""
    batch: list[Logged] = []
    for each in events:
        if batch and each.offset != batch[-1].offset + 1:
            break
        batch.append(each)
    return batch


_: type[Feed] = PartitionFeed
