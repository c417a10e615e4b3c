"""What the parts of the projection share: the batch that is being applied, and how they are called."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.stamps import Stamp, stamp_of
from realtime.events import Event
from realtime.partitions import Layout

Placed = tuple[Event, int]
"""An event and its offset."""


@dataclass(frozen=True, slots=True)
class Applying:
    """A batch of one log partition, on its way into the stores.

    Everything up to `position` has been applied, counts included, before; `up_to` is the batch's last offset. A row
    whose stamp lies beyond `position` was written by a try at applying the same events that did not come to its end,
    and may have reached further than this batch does; any part of such a try may be missing. A batch may begin before
    `position`, where something is applied again: it mends rows then, and no count.
    """

    session: CassandraSession
    epoch: int
    layout: Layout
    partition: int
    position: int
    up_to: int

    def stamp(self, offset: int) -> Stamp:
        """Return the stamp, and timestamp, of what an event at an offset writes."""
        return stamp_of(self.epoch, offset)

    @property
    def settled(self) -> Stamp:
        """The stamp up to which everything is applied: earlier epochs are, as a whole."""
        return stamp_of(self.epoch, self.position)


Apply = Callable[[Applying, Sequence[Placed]], Coroutine[Any, Any, None]]
"""Applies what concerns its own tables of a batch, in order, and passes other events by; once more changes nothing.

All that it writes is durable when it returns; the position moves afterwards. The numbers of all events fit 64 bits.
"""


def fits(value: object) -> bool:
    """Tell whether all numbers within an event are whole numbers of 64 bits, as the columns are."""
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    if isinstance(value, str | bytes) or value is None:
        return True
    if isinstance(value, list | tuple):
        return all(map(fits, value))
    if is_dataclass(value):
        return all(fits(getattr(value, each.name)) for each in fields(value))
    return True
