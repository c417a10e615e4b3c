"""Appends bulk events to the log, never far ahead of the group that applies them, and remembers what is on its way."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from infra.importer.known import Known
from loaders.errors import Unavailable
from realtime.events import Event
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
        self, log: EventLog, known: Known, ahead_max: int, check: Callable[[], None], stalled_s: float = STALLED_S
    ) -> None:
        self._log = log
        self._known = known
        self._ahead_max = ahead_max
        self._check = check
        self._stalled_s = stalled_s
        self._sent = 0

    @property
    def events_at_once(self) -> int:
        """How many events one append is to carry: so many that the next are made while these are applied."""
        return max(1, self._ahead_max // 2)

    async def append(self, events: Sequence[Event]) -> int:
        """Append durably, as soon as there is room, and answer the last offset."""
        for start in range(0, len(events), self.events_at_once):
            part = events[start : start + self.events_at_once]
            await self._reached(STORE, self._sent + len(part) - self._ahead_max)
            self._sent = (await self._log.append(part))[-1]
        return self._sent

    def applied(self) -> int:
        """Answer the offset up to which everything can be looked up."""
        return self._known.position(STORE)

    async def drained(self) -> int:
        """Wait until every group has handled what the log holds now, and answer the log's end."""
        _, self._sent = await self._log.bounds()
        await self._reached(STORE, self._sent)
        await self._reached(FANOUT, self._sent)
        return self._sent

    async def _reached(self, group: str, offset: int) -> None:
        clock = asyncio.get_running_loop().time
        position, moved_s, checked_s = self._known.position(group), clock(), clock()
        while position < offset:
            await asyncio.sleep(POLL_S)
            before, position, now_s = position, self._known.position(group), clock()
            if position != before:
                moved_s = now_s
            if now_s - checked_s >= CHECK_EVERY_S:
                checked_s = now_s
                self._check()
            if now_s - moved_s >= self._stalled_s:
                raise Unavailable(f"The group {group} has stood at {position} for {self._stalled_s:.0f} s")


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

    def put(self, offset: int, values: Mapping[Key, Value]) -> None:
        """Remember values until everything up to an offset is applied."""
        self._values.update(values)
        self._sent.append((offset, list(values)))

    def settle(self, applied: int) -> None:
        """Forget what lookups find by now."""
        while self._sent and self._sent[0][0] <= applied:
            for key in self._sent.popleft()[1]:
                self._values.pop(key, None)


def in_rows(rows: Sequence[Row], size: int = ROWS_PER_EVENT) -> list[Sequence[Row]]:
    """Cut rows into those of one event each."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
