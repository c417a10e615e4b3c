"""From an act to the log: append, then wait until what was done can be read (P3, V3)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from loaders.errors import Unavailable
from realtime.backlog import Backlog
from realtime.events import Event
from realtime.partitions import log_partition
from realtime.ports import EventLog
from realtime.positions import Positions
from realtime.worker import FANOUT


@dataclass(frozen=True, slots=True)
class Appending:
    """The log, how long a mutation waits for its own event to come through, and what must not grow too old.

    A log that forgets nothing before it was applied needs no `backlog`. `appended` counts events by their type.
    """

    log: EventLog
    positions: Positions
    wait_s: float = 0.2
    backlog: Backlog | None = None
    appended: Counter[type] = field(default_factory=Counter)

    async def append(self, event: Event) -> bool:
        """Append durably; answer whether the event could be read by everyone before the wait was over."""
        if self.backlog is not None:
            self.backlog.check()
        (offset,) = await self.log.append([event])
        self.appended[type(event)] += 1
        return await self.positions.wait(FANOUT, offset, self.wait_s, log_partition(event, self.log.layout))

    async def still(self, event: Event, holds: Callable[[], Awaitable[bool]]) -> bool:
        """Tell whether something holds once all that the log has where an event belongs can be read.

        False also where that cannot be read before the wait is over: an act on its way may still change it.
        """
        partition = log_partition(event, self.log.layout)
        _, end = await self.log.bounds(partition)
        return await self.positions.wait(FANOUT, end, self.wait_s, partition) and await holds()

    async def settled(self) -> None:
        """Wait until all that the log holds now can be read here; `Unavailable` if it cannot when the wait is over."""
        end = await self.log.end()
        waits = [self.positions.wait(FANOUT, offset, self.wait_s, each) for each, offset in enumerate(end)]
        if not all(await asyncio.gather(*waits)):
            raise Unavailable("What was posted last cannot be read yet: ask again", retry_after_s=1.0)

    async def hide(self, event: Event) -> None:
        """Append an event that hides something; `Unavailable` if it is not hidden yet when the wait is over (V3)."""
        if not await self.append(event):
            raise Unavailable("It was accepted, but is not hidden everywhere yet: ask again", retry_after_s=1.0)
