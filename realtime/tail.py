"""What the log holds beyond what streams have heard: it is followed where no store says how far fan-out is (V2)."""

from collections.abc import Callable

from loaders.errors import Unavailable
from loaders.places import Place, joined
from realtime.ports import EventLog, Reference
from realtime.references import EVERYTHING, reference_of
from realtime.remembered import Remembered
from realtime.replay import replayed

READ_SIZE = 500
EVENTS_MAX = 20_000
HIDING = frozenset({"deleted", "undone", "unfollow", "mute", "block", "follow", "unmute", "unblock"})
HIDING |= {"repair", EVERYTHING}


class Tail:
    """Has what the log hides forgotten, whether or not it was applied yet.

    Whoever looks again and again knows no less than fan-out tells: what is remembered counts meanwhile. An event that
    hides is forgotten anew at each look until it is heard of (`place`), since stores that have not applied it may be
    read in between.
    """

    def __init__(
        self, log: EventLog, place: Callable[[], Place], remembered: Remembered, events_max: int = EVENTS_MAX
    ) -> None:
        self._log = log
        self._place = place
        self._remembered = remembered
        self._events_max = events_max
        self._read: Place = place()
        self._hiding: list[Reference] = []

    async def look(self) -> None:
        """Read what came; `Unavailable` if the log does not answer, or has more than can be looked through."""
        here = self._place()
        read, end = joined(self._read, here), await self._log.end()
        self._hiding = [each for each in self._hiding if each.offset > here[each.partition]]
        if sum(map(int.__sub__, end, read)) + len(self._hiding) > self._events_max:
            raise Unavailable("The log is too far ahead of what was heard of it", retry_after_s=1.0)
        found = []
        async for batch in replayed(self._log, read, end, READ_SIZE):
            references = [reference_of(logged, logged.offset - 1) for logged in batch]
            found += [each for each in references if each.kind in HIDING]
        self._read = joined(read, end)
        self._hiding += found
        for reference in self._hiding:
            self._remembered.forget(reference)
