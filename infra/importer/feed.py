"""Appends bulk events to the log, never far ahead of the group that applies them, and remembers what is on its way."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from infra.importer.known import Known, Places
from loaders.errors import Unavailable
from loaders.places import partition_of
from realtime.events import Event
from realtime.partitions import Layout, log_partition
from realtime.ports import EventLog
from realtime.worker import FANOUT, STORE

ROWS_PER_EVENT = 200
"""Applying an event must not hold the server's event loop for more than a few milliseconds."""
POLL_S = 0.01
CHECK_EVERY_S = 0.5
STALLED_S = 60.0

Key = TypeVar("Key")
Value = TypeVar("Value")
Row = TypeVar("Row")


class Feed:
    """The importer's way to the log, `ahead_max` events ahead of the group `store` at most.

    `check` raises if nobody applies events any more; so does a group that stands still for `stalled_s`.
    """

    def __init__(
        self,
        log: EventLog,
        known: Known,
        ahead_max: int,
        check: Callable[[], None],
        stalled_s: float = STALLED_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._log = log
        self._known = known
        self._ahead_max = ahead_max
        self._check = check
        self._stalled_s = stalled_s
        self._poll_s = poll_s
        self._sent: dict[int, int] = {}
        self._appends: deque[tuple[int, Places]] = deque()
        self._last = 0
        self._applied = 0

    @property
    def layout(self) -> Layout:
        """How the log is divided."""
        return self._log.layout

    @property
    def events_at_once(self) -> int:
        """How many events one append is to carry: so many that the next are made while these are applied."""
        return max(1, self._ahead_max // 2)

    async def append(self, events: Sequence[Event]) -> int:
        """Append durably, as soon as there is room, and answer the number of this call, which `applied` comes to."""
        for start in range(0, len(events), self.events_at_once):
            part = events[start : start + self.events_at_once]
            room = self._ahead_max - len(part)
            await self._until(STORE, lambda positions, room=room: self._ahead_of(positions) <= room)  # type: ignore[misc]
            for event, offset in zip(part, await self._log.append(part), strict=True):
                partition = log_partition(event, self.layout)
                self._sent[partition] = max(self._sent.get(partition, 0), offset)
        self._last += 1
        self._appends.append((self._last, dict(self._sent)))
        return self._last

    async def applied(self) -> int:
        """Answer the number of the last call of `append` up to which everything can be looked up."""
        if self._appends:
            positions = await self._known.positions(STORE)
            while self._appends and _reaches(positions, self._appends[0][1]):
                self._applied, _ = self._appends.popleft()
        return self._applied

    async def drained(self) -> Places:
        """Wait until every group has handled what the log holds now, and answer the ends of its partitions."""
        partitions = range(self.layout.partitions + self.layout.like_partitions)
        bounds = await asyncio.gather(*(self._log.bounds(partition) for partition in partitions))
        self._sent = {partition: end for partition, (_, end) in zip(partitions, bounds, strict=True) if end > 0}
        ends = dict(self._sent)
        for group in (STORE, FANOUT):
            await self._until(group, lambda positions: _reaches(positions, ends))
        return ends

    def _ahead_of(self, positions: Places) -> int:
        return sum(max(0, offset - positions.get(partition, 0)) for partition, offset in self._sent.items())

    async def _until(self, group: str, is_done: Callable[[Places], bool]) -> None:
        clock = asyncio.get_running_loop().time
        positions, moved_s, checked_s = await self._known.positions(group), clock(), clock()
        while not is_done(positions):
            await asyncio.sleep(self._poll_s)
            before, positions, now_s = positions, await self._known.positions(group), clock()
            if positions != before:
                moved_s = now_s
            if now_s - checked_s >= CHECK_EVERY_S:
                checked_s = now_s
                self._check()
            if now_s - moved_s >= self._stalled_s:
                raise Unavailable(
                    f"The group {group} has not moved for {self._stalled_s:.0f} s: is its worker running?"
                )


class InFlight(Generic[Key, Value]):
    """What was appended and may not be applied yet: no lookup finds it."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._sent: deque[tuple[int, list[Key]]] = deque()

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        """Return a value on its way, or None."""
        return self._values.get(key)

    def put(self, number: int, values: Mapping[Key, Value]) -> None:
        """Remember values until what a call of `append` carried is applied."""
        self._values.update(values)
        self._sent.append((number, list(values)))

    def settle(self, applied: int) -> None:
        """Forget what lookups find by now."""
        while self._sent and self._sent[0][0] <= applied:
            for key in self._sent.popleft()[1]:
                self._values.pop(key, None)


def in_rows(rows: Sequence[Row], size: int = ROWS_PER_EVENT) -> list[Sequence[Row]]:
    """Cut rows into those of one event each."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def by_partition(
    rows: Sequence[Row], key: Callable[[Row], int], partitions: int, size: int = ROWS_PER_EVENT
) -> list[Sequence[Row]]:
    """Cut rows into those of one event each, all of one partition of the log; `key` is that of a row's event.

    Within a partition the rows keep their order.
    """
    if partitions == 1:
        return in_rows(rows, size)
    parts: dict[int, list[Row]] = {}
    for row in rows:
        parts.setdefault(partition_of(key(row), partitions), []).append(row)
    return [part for _, of_one in sorted(parts.items()) for part in in_rows(of_one, size)]


def _reaches(positions: Places, ends: Places) -> bool:
    return all(positions.get(partition, 0) >= end for partition, end in ends.items())
