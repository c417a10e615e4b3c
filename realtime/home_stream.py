"""One live home timeline: replay from a place in the log, then what comes, nothing lost and nothing twice (L1-L6)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from loaders.cursors import LiveCursor, decode_live, encode_cursor, encode_live
from loaders.errors import Unavailable
from loaders.global_ids import encode_id
from loaders.home import HomeStores, scan_visible
from loaders.places import Place, advanced, author_partition, is_behind, is_passed, joined
from loaders.pull import Range
from loaders.records import Entry, Relations, TweetId, UserId
from loaders.rules import belongs, delivery_at
from realtime.hub import Hub
from realtime.live_events import ALL, LiveEvent, Topic
from realtime.mailbox import Mailbox
from realtime.ports import EventLog
from realtime.references import EVERYTHING
from realtime.remembered import Remembered
from realtime.updates import Arrivals, HomeUpdate, TimelineReset, TweetAdded, TweetRemoved
from realtime.view import VIEW_LENGTH, Arrival, View

PAUSE_S = 0.5
"""How long a stream waits for stores that do not answer, before it asks them again."""


@dataclass(frozen=True, slots=True)
class LiveServices:
    """What live streams need: the stores of the page, the hub, the log, and the limits.

    Where reading the stores for each frame costs too much, frames are judged by what is `remembered`.
    """

    home: HomeStores
    hub: Hub
    log: EventLog
    mailbox_size: int = 1_000
    replay_max_events: int = 50_000
    arrivals: Arrivals = field(default_factory=Arrivals)
    remembered: Remembered | None = None

    def relations(self, viewer_id: UserId) -> Awaitable[Relations]:
        """Answer by what a viewer's frames are judged."""
        return (self.home.graph if self.remembered is None else self.remembered).relations(viewer_id)


class HomeStream:
    """The home timeline of one subscriber. It judges every event itself, at the moment of delivery."""

    def __init__(self, viewer_id: UserId, services: LiveServices) -> None:
        self._viewer_id = viewer_id
        self._services = services
        self._stores = services.home
        self._mailbox = Mailbox[LiveEvent](services.mailbox_size)
        self._topics: set[Topic] = set()
        self._heard_from = services.hub.place()
        self._cursor = LiveCursor(services.log.epoch, self._heard_from)
        self._view = View((), is_whole=True)

    @property
    def is_at_rest(self) -> bool:
        """Whether it has told all that it heard of."""
        return self._mailbox.is_awaited

    def offer(self, event: LiveEvent) -> None:
        """Take an event from the hub; an overflow shows when the stream reads on."""
        self._mailbox.put(event)

    def waiting(self) -> int:
        """Return how many events it has yet to tell."""
        return len(self._mailbox)

    async def updates(self, after: str | None) -> AsyncGenerator[HomeUpdate, None]:
        """Yield what changes from the cursor on, or from now; `MailboxOverflow` ends a stream that is not read."""
        asked = None if after is None else decode_live(after)
        try:
            self._listen([ALL, ("viewer", self._viewer_id)])
            here = await self._follow()
            self._cursor = LiveCursor(self._services.log.epoch, here)
            if asked is not None:
                reason = await self._out_of_reach(asked, here)
                if reason is None:
                    self._cursor = asked
                else:
                    yield TimelineReset(encode_live(self._cursor), reason)
            await self._look()
            while True:
                if is_behind(self._cursor.place, self._heard_from):
                    async for update in self._replayed(here):
                        yield update
                event, before = self._mailbox.take() or await self._mailbox.get(), self._cursor
                try:
                    updates = await self._told(event, joined(before.place, event.place), replayed=False)
                except Unavailable:
                    updates = await self._told_later(event, before)
                for update in updates:
                    yield update
        finally:
            self._services.hub.detach(self, self._topics)

    async def _replayed(self, here: Place) -> AsyncGenerator[HomeUpdate, None]:
        """Catch up with the place from which the mailbox holds everything.

        That is where the stream began, and after a Reset the place at which it began to hear whom it follows now.
        """
        while is_behind(self._cursor.place, self._heard_from):
            async for event in self._services.hub.events(self._cursor.place, self._heard_from):
                if self._topics.isdisjoint(event.topics):
                    continue
                place = advanced(self._cursor.place, event.partition, event.offset)
                updates = await self._told(event, place, replayed=event.offset <= here[event.partition])
                for update in updates:
                    yield update
                if updates and isinstance(updates[-1], TimelineReset):
                    break
            else:
                # What is left of the way concerns others.
                self._cursor = self._cursor.at(joined(self._cursor.place, self._heard_from), self._cursor.beyond)

    async def _out_of_reach(self, asked: LiveCursor, here: Place) -> str | None:
        """Tell why a cursor cannot be resumed from; None if it can."""
        if asked.epoch != self._services.log.epoch or asked.region != 0 or len(asked.place) != len(here):
            return "The cursor belongs to another log"
        if sum(max(0, reached - seen) for seen, reached in zip(asked.place, here, strict=True)) > (
            self._services.replay_max_events
        ):
            return "Too much has happened since the cursor"
        for partition, (seen, reached) in enumerate(zip(asked.place, here, strict=True)):
            if seen == reached:
                continue
            first, end = await self._services.log.bounds(partition)
            if seen > end:
                return "The cursor is ahead of the log"
            if seen < first - 1:
                return "The log no longer reaches back to the cursor"
        return None

    async def _told(self, event: LiveEvent, place: Place, replayed: bool) -> Sequence[HomeUpdate]:
        """Apply one event, which brings the stream to a place, and answer what the client is to hear of it."""
        before = self._cursor
        if event.offset <= before.place[event.partition]:
            return ()
        if event.entry is not None and not before.beyond and not before.seen:
            return await self._told_arrival(event, event.entry, place, replayed)
        beyond = before.beyond if event.entry is None else before.beyond - {event.entry.id}
        # What may fail comes before what is remembered, so that the same event can be judged again.
        switches = await self._stores.policy.switches()
        outcome = await self._judged(event, place)
        if isinstance(outcome, str):
            return await self._started_anew(outcome)
        self._cursor = before.at(place, beyond)
        # One place may yield several updates: until the last of them, the cursor counts those seen at the next place.
        cursors = [before.amid(event.partition, event.offset, n, beyond) for n in range(1, len(outcome))]
        updates = [
            TweetRemoved(encode_id("Tweet", entry.root_id), encode_live(cursor), encode_cursor(entry.id))
            if event.entry is None
            else TweetAdded(
                entry,
                encode_live(cursor),
                encode_cursor(entry.id),
                delivery_at(entry.id, switches.get(entry.author_id)),
                replayed,
            )
            for entry, cursor in zip(outcome, (*cursors, self._cursor), strict=False)
        ]
        is_amid = before.seen_in == event.partition and before.place[event.partition] == event.offset - 1
        return updates[before.seen :] if is_amid else updates

    async def _told_later(self, event: LiveEvent, before: LiveCursor) -> Sequence[HomeUpdate]:
        """Do the same once the stores answer: a frame that cannot be judged waits, and all behind it do (V2)."""
        while True:
            await asyncio.sleep(PAUSE_S)
            with suppress(Unavailable):
                return await self._told(event, joined(before.place, event.place), replayed=False)

    async def _told_arrival(self, event: LiveEvent, entry: Entry, place: Place, replayed: bool) -> Sequence[HomeUpdate]:
        """Do the same for the usual case: an arrival, which all streams that show it tell in the same words."""
        relations, switches = await self._services.relations(self._viewer_id), await self._stores.policy.switches()
        outcome = await self._arrived(entry, relations, place)
        if isinstance(outcome, str):
            return await self._started_anew(outcome)
        key = (event.partition, event.offset, replayed)
        told = self._services.arrivals.get(key)
        if told is None or told[0].place != place:
            cursor = LiveCursor(self._cursor.epoch, place)
            delivery = delivery_at(entry.id, switches.get(entry.author_id))
            update = TweetAdded(entry, encode_live(cursor), encode_cursor(entry.id), delivery, replayed)
            told = self._services.arrivals.put(key, (cursor, update))
        self._cursor = told[0]
        return (told[1],) if outcome else ()

    async def _started_anew(self, reason: str) -> Sequence[HomeUpdate]:
        # The page that is fetched now reflects H at least: what lies between need not be told, nor read again.
        self._cursor = self._cursor.at(joined(self._cursor.place, self._services.hub.place()), frozenset())
        while True:
            with suppress(Unavailable):
                await self._follow()
                await self._look()
                break
            await asyncio.sleep(PAUSE_S)
        return (TimelineReset(encode_live(self._cursor), reason),)

    async def _judged(self, event: LiveEvent, place: Place) -> Sequence[Entry] | str:
        """Answer the entries that came or went, or the reason why only a fresh page can tell."""
        if event.kind in REASONS:
            return REASONS[event.kind]
        relations = await self._services.relations(self._viewer_id)
        if event.entry is not None:
            return await self._arrived(event.entry, relations, place)
        if event.is_partial:
            return "A tweet with very many retweets was deleted"
        return self._gone([entry for entry in event.removed if belongs(entry, relations)])

    async def _arrived(self, offered: Entry, relations: Relations, place: Place) -> Sequence[Entry] | str:
        if not belongs(offered, relations):
            return ()
        remembered = self._services.remembered
        if remembered is None:
            (entry,) = await self._stores.tweets.entries([offered.id])
        else:
            entry = await remembered.entry(offered.id)
        if entry is None or (entry.gone_at is not None and is_passed(entry.gone_at, place)):
            return ()
        arrival = self._view.add(entry.id, entry.root_id)
        if arrival is Arrival.UNCLEAR:
            return "An entry came in further down"
        # What is hidden by now is not shown, even where its own event comes later in the log (V1). The view holds it
        # till then, as a page may that was fetched since: its removal is told.
        return (entry,) if arrival is Arrival.SHOWN and entry.gone_at is None else ()

    def _gone(self, entries: Sequence[Entry]) -> Sequence[Entry] | str:
        by_id = {entry.id: entry for entry in entries}
        if not all(self._view.reaches(entry_id) for entry_id in by_id):
            return "An entry far down went"
        removed, is_unclear = self._view.remove(by_id)
        if is_unclear or self._view.is_short:
            return "What went changes which retweets show"
        return [by_id[entry_id] for entry_id in removed]

    def _listen(self, topics: Sequence[Topic]) -> Place:
        self._topics.update(topics)
        return self._services.hub.attach(self, topics)

    async def _follow(self) -> Place:
        """Listen to whom the viewer follows now, and to nobody else; answer the place from which that holds."""
        relations = await self._services.relations(self._viewer_id)
        wanted: set[Topic] = {("author", author_id) for author_id in (*relations.follows, self._viewer_id)}
        stale = {topic for topic in self._topics if topic[0] == "author"} - wanted
        self._services.hub.detach(self, stale)
        self._topics -= stale
        self._heard_from = self._listen(list(wanted - self._topics))
        return self._heard_from

    async def _look(self) -> None:
        """Read the view as it stood at the cursor: without what came later, and with what went later."""
        stores, place = self._stores, self._cursor.place
        relations = await stores.graph.relations(self._viewer_id)
        switches = await stores.policy.switches()

        def held(entry: Entry) -> bool:
            own = author_partition(entry.author_id, len(place))
            return entry.offset <= place[own] or entry.id in self._cursor.beyond

        rows: dict[TweetId, TweetId] = {}
        within, reached = Range(), None
        while len(rows) < VIEW_LENGTH:
            scan = await scan_visible(relations, switches, within, VIEW_LENGTH, stores, stores.tweets.slices)
            rows.update((entry.id, entry.root_id) for entry in scan.entries if held(entry))
            reached = scan.reached
            if reached is None:
                break
            within = within.beyond(reached)
        async for event in self._services.hub.events(place, await self._services.log.end()):
            for entry in event.removed:
                if held(entry) and belongs(entry, relations) and (reached is None or entry.id >= reached):
                    rows[entry.id] = entry.root_id
        self._view = View(rows.items(), is_whole=reached is None)


REASONS = {
    "follow": "You follow someone new",
    "unfollow": "You no longer follow someone",
    "mute": "You muted someone",
    "unmute": "You no longer mute someone",
    "block": "A block came between you and someone",
    "unblock": "A block between you and someone ended",
    "repair": "The timeline was repaired",
    EVERYTHING: "Tweets or follows were imported",
}
