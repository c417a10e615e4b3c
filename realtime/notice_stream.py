"""One viewer's notifications live: replay from a place in the log, then what comes, nothing lost and nothing twice."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import dataclass

from loaders.cursors import decode_notices, encode_notices
from loaders.errors import Unavailable
from loaders.notices import Notice, Notices, NoticeStores, Shown, read_notices
from loaders.places import Place, advanced, is_behind, joined
from loaders.records import UserId
from realtime.hub import Hub
from realtime.ports import EventLog
from realtime.streams import TopicStream


@dataclass(frozen=True, slots=True)
class NoticeServices:
    """What the stream needs: what notifications are read from, the hub that wakes it, the log, and the limits.

    A stream that nothing wakes looks for itself every `look_s`, and never more often than every `pause_s`.
    """

    stores: NoticeStores
    hub: Hub
    log: EventLog
    mailbox_size: int = 1_000
    look_s: float = 15.0
    pause_s: float = 0.1


@dataclass(frozen=True, slots=True)
class NoticeUpdate:
    """One act told, as the notification that it belongs to shows now; or, with a reason, that all is to be read anew.

    Whoever goes on from `live_cursor` is told everything after it.
    """

    live_cursor: str
    shown: Shown | None = None
    reset: str | None = None


class NoticeStream:
    """The notifications of one subscriber. What it tells is judged at the moment of delivery."""

    def __init__(self, viewer_id: UserId, services: NoticeServices) -> None:
        self._viewer_id = viewer_id
        self._services = services
        self._epoch = services.log.epoch

    async def updates(self, after: str | None) -> AsyncGenerator[NoticeUpdate, None]:
        """Yield what is new from a cursor on, or from now."""
        services = self._services
        asked = None if after is None else decode_notices(after)
        with TopicStream(services.hub, [("notices", self._viewer_id)], services.mailbox_size) as stream:
            here = await services.stores.notices.place(services.stores.partitions)
            place = here
            if asked is not None:
                place, reason = await self._resumed(asked, here)
                if reason is not None:
                    yield NoticeUpdate(encode_notices(self._epoch, place), reset=reason)
            while True:
                stream.drain()
                # Stores that do not answer make it later, and lose nothing.
                with suppress(Unavailable):
                    notices = await read_notices(self._viewer_id, services.stores)
                    for update in self._told(notices, place):
                        yield update
                    place = joined(place, notices.place)
                await asyncio.sleep(services.pause_s)
                with suppress(TimeoutError):
                    async with asyncio.timeout(services.look_s):
                        await stream.get()

    async def _resumed(self, asked: tuple[int, Place], here: Place) -> tuple[Place, str | None]:
        """Return the place from which to go on, and the reason if it is not the one asked for."""
        epoch, place = asked
        if len(place) == self._services.log.layout.partitions:
            place = (*place, *here[len(place) :])
        if epoch != self._epoch or len(place) != len(here):
            return here, "The cursor belongs to another log"
        end = await self._services.log.end()
        if is_behind(end, place[: len(end)]):
            return here, "The cursor is ahead of the log"
        kept = await self._services.stores.notices.newest(self._viewer_id)
        if len(kept) >= self._services.stores.kept and _is_beyond(kept[-1], place):
            return here, "More has happened since the cursor than is kept"
        return place, None

    def _told(self, notices: Notices, place: Place) -> Iterator[NoticeUpdate]:
        """Tell each act beyond a place, in the log's order within each partition, so that the cursor passes none."""
        beyond = sorted(
            (act for act in notices.acts if _is_beyond(act, place)), key=lambda act: (act.partition, act.offset)
        )
        showing = {at: each for each in notices.shown for at in each.places}
        for act in beyond:
            place = advanced(place, act.partition, act.offset)
            cursor = joined(place, notices.place) if act is beyond[-1] else place
            yield NoticeUpdate(encode_notices(self._epoch, cursor), showing[act.place])


def _is_beyond(act: Notice, place: Place) -> bool:
    return act.offset > place[act.partition]
