"""The loop of a consumer group: read a batch, handle it, move on; what fails for now is tried again."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from loaders.errors import Unavailable
from realtime.events import MalformedEvent, RepairRequested, decode
from realtime.ports import Broadcast, EventLog, Logged, Projection, Reference
from realtime.positions import Positions
from realtime.references import HEARTBEAT

STORE, FANOUT, NOTIFY, SEARCH, TRENDS = "store", "fanout", "notify", "search", "trends"
IDLE_S = 1.0
GATHERED_S = 0.25
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.05, 5.0
REPAIR = b'{"type":"RepairRequested"'

Handle = Callable[[Sequence[Logged], int], Awaitable[None]]
"""Handles consecutive events, given the offset before the first."""
Bury = Callable[[str, Logged, str], Awaitable[None]]
"""Puts an event among the dead letters of a group, with its error."""


class Feed(Protocol):
    """What a worker reads of its partition: the log itself, or what a member of a consumer group was handed."""

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """Answer up to `limit` events with offsets above `after`, in order."""

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """Wait until there is something beyond an offset; False after the timeout."""


class Worker:
    """Follows one partition of the log for one group.

    `upstream` names the group that must have applied an offset before this one handles it (L1). `fault` tells why the
    worker is not getting on, None while it is; `report` hears of each new one. An event that fails for a reason of its
    own is handed to `bury` and passed by, so that it blocks nothing. A group that no mutation waits for may let events
    gather for `gather_s`, unless there are enough of them at once: it reads and commits many at the price of one.
    """

    def __init__(
        self,
        group: str,
        log: Feed,
        positions: Positions,
        handle: Handle,
        batch_size: int,
        *,
        upstream: str | None = None,
        idle: Callable[[int], Awaitable[None]] | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
        bury: Bury | None = None,
        report: Callable[[str, str], None] | None = None,
        partition: int = 0,
    ) -> None:
        self.group = group
        self.partition = partition
        self.fault: str | None = None
        self.buried = 0
        self.gather_s = 0.0
        self._log = log
        self._positions = positions
        self._handle = handle
        self._batch_size = batch_size
        self._upstream = upstream
        self._idle = idle
        self._uniform = uniform
        self._bury = bury
        self._report = report

    async def run(self) -> None:
        """Handle events until cancelled."""
        backoff_s = BACKOFF_MIN_S
        while True:
            try:
                await self._wait()
                await self.step()
                self.fault, backoff_s = None, BACKOFF_MIN_S
            except Unavailable as error:
                if self._report is not None and self.fault is None:
                    self._report(self.group, str(error))
                self.fault = str(error)
                await asyncio.sleep(self._uniform(0.0, backoff_s))
                backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)

    async def step(self) -> int:
        """Handle at most one batch, and answer how many events it had."""
        position = self._positions.reached(self.group, self.partition)
        limit = self._batch_size
        if self._upstream is not None:
            limit = min(limit, self._positions.reached(self._upstream, self.partition) - position)
        batch = await self._log.read(position, limit, self.partition) if limit > 0 else ()
        if self._upstream is not None:
            applied = self._positions.reached(self._upstream, self.partition)
            batch = [logged for logged in batch if logged.offset <= applied]
        if batch:
            await self._handle_apart(batch, position)
            self._positions.advance(self.group, batch[-1].offset, self.partition)
        return len(batch)

    async def _handle_apart(self, batch: Sequence[Logged], previous: int) -> None:
        """Handle a batch; where one event makes it fail, handle each by itself and bury that one."""
        try:
            await self._handle(batch, previous)
        except Unavailable:
            raise
        except Exception as error:
            if self._bury is None:
                raise
            if len(batch) > 1:
                for logged in batch:
                    await self._handle_apart([logged], previous)
                    previous = logged.offset
                return
            await self._bury(self.group, batch[0], f"{type(error).__name__}: {error}")
            self.buried += 1

    async def _wait(self) -> None:
        position = self._positions.reached(self.group, self.partition)
        if self._upstream is None:
            grown = await self._log.wait(position, IDLE_S, self.partition)
        else:
            grown = await self._positions.wait(self._upstream, position + 1, IDLE_S, self.partition)
        if not grown and self._idle is not None:
            await self._idle(position)
        if grown and self.gather_s and not self._has_full_batch(position):
            await asyncio.sleep(self.gather_s)

    def _has_full_batch(self, position: int) -> bool:
        if self._upstream is None:
            return False
        return self._positions.reached(self._upstream, self.partition) - position >= self._batch_size


def store_handler(log: EventLog, projection: Projection, batch_size: int) -> Handle:
    """Return the handler of the group `store`; a requested repair applies its part of the log once more."""

    async def handle(batch: Sequence[Logged], _previous: int) -> None:
        await projection.apply(batch)
        for logged in batch:
            if logged.payload.startswith(REPAIR):
                await _apply_again(log, projection, logged, batch_size)

    return handle


class Heartbeats:
    """What the group `fanout` does while nothing comes: it says how far it is in each partition (L2).

    A process with many partitions gathers for a quarter of a second what it has to say, and sends it at once.
    """

    def __init__(self, broadcast: Broadcast, monotonic_s: Callable[[], float]) -> None:
        self._broadcast = broadcast
        self._monotonic_s = monotonic_s
        self._unsaid: dict[int, int] = {}
        self._said_at_s = float("-inf")

    def of(self, partition: int) -> Callable[[int], Awaitable[None]]:
        """Return what the worker of a partition calls each second with its position."""

        async def beat(position: int) -> None:
            self._unsaid[partition] = position
            if self._monotonic_s() - self._said_at_s >= GATHERED_S:
                self._said_at_s = self._monotonic_s()
                unsaid, self._unsaid = self._unsaid, {}
                await self._broadcast.publish([Reference(each, at, at, HEARTBEAT) for each, at in unsaid.items()])

        return beat


async def _apply_again(log: EventLog, projection: Projection, request: Logged, batch_size: int) -> None:
    try:
        event = decode(request.payload)
    except MalformedEvent:
        return  # the projection has buried it
    if not isinstance(event, RepairRequested):
        return
    after = event.from_offset - 1
    while batch := await log.read(after, batch_size, request.partition):
        again = [logged for logged in batch if logged.offset < request.offset]
        if not again:
            return
        await projection.apply(again)
        after = again[-1].offset
        await asyncio.sleep(0)
