"""The subscribers of one process: references come in, are put in order and completed, and go to who asked for them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from loaders.errors import Unavailable
from loaders.places import Place, advanced, is_behind, joined
from loaders.ports import PolicyStore, TweetStore
from loaders.records import UserId
from realtime.live_events import ALL, RETRY_S, Completing, LiveEvent, Topic
from realtime.ports import Broadcast, EventLog, Logged, Reference
from realtime.references import EVERYTHING, HEARTBEAT, NOTIFIED, SWITCHED, reference_of, references_of
from realtime.remembered import Remembered
from realtime.replay import replayed

READ_SIZE = 500


class Stream(Protocol):
    """A subscriber: it takes events without waiting."""

    def offer(self, event: LiveEvent) -> None:
        """Take an event."""

    def waiting(self) -> int:
        """Return how many events it has yet to tell."""


class Hub:
    """Holds the place H up to which everything was offered to the streams of this process.

    A reference is accepted iff it follows on from H; behind it, it is dropped; ahead of it, what is missing is read
    from the log (L2). Offering and moving H on happen in one turn of the event loop, and so does attaching (L4).
    `reached` hears of each partition and offset that was offered; what is `remembered` is put right before that.
    `heard` is told of each traced reference before its event is offered.
    """

    def __init__(
        self,
        log: EventLog,
        tweets: TweetStore,
        policy: PolicyStore,
        broadcast: Broadcast,
        ring_size: int = 4_096,
        reached: Callable[[int, int], None] | None = None,
        remembered: Remembered | None = None,
        heard: Callable[[Reference], None] | None = None,
    ) -> None:
        self._log = log
        self._policy = policy
        self._broadcast = broadcast
        self._streams: dict[Topic, set[Stream]] = {}
        self._ring: deque[LiveEvent] = deque(maxlen=ring_size)
        self._place: Place = (0,) * log.layout.partitions
        self._ring_after = self._place
        self._reached = reached
        self._remembered = remembered
        self._completing = Completing(tweets, remembered, self._hears_tags)
        self._heard = heard
        self._receiving = asyncio.Lock()
        self.gaps_filled = 0

    def place(self) -> Place:
        """Return H."""
        return self._place

    def start_at(self, place: Place) -> None:
        """Set H before anything is attached: what the group `fanout` has committed."""
        self._place = self._ring_after = place

    def attach(self, stream: Stream, topics: Iterable[Topic]) -> Place:
        """Let a stream hear these topics from the place on that is returned."""
        for topic in topics:
            self._streams.setdefault(topic, set()).add(stream)
        return self._place

    def detach(self, stream: Stream, topics: Iterable[Topic]) -> None:
        """Let a stream hear these topics no longer."""
        for topic in topics:
            streams = self._streams.get(topic)
            if streams is not None:
                streams.discard(stream)
                if not streams:
                    del self._streams[topic]

    def stream_count(self) -> int:
        """Return how many streams are attached."""
        return len(self._streams.get(ALL, ()))

    def waiting(self) -> Iterator[int]:
        """Return for each home timeline that is streamed how many events it has yet to tell."""
        return (stream.waiting() for stream in self._streams.get(ALL, ()))

    async def run(self) -> None:
        """Take references until cancelled."""
        async with self._broadcast.subscribe() as batches:
            async for references in batches:
                await self.receive(references)

    async def receive(self, references: Sequence[Reference]) -> None:
        """Take references, in the order in which they came; one call waits for the other."""
        async with self._receiving:
            await self._receive(references)

    async def _receive(self, references: Sequence[Reference]) -> None:
        for_now: list[Reference] = []
        last = list(self._place)
        for reference in references:
            partition = reference.partition
            if reference.kind == NOTIFIED:
                self._wake(reference)
            elif partition >= len(last):
                # Likes keep out of the places: one that gets lost is seen in the counts that the next one shows.
                for_now.append(reference)
            elif reference.kind == SWITCHED:
                await self._refresh([UserId(author_id) for author_id in reference.ids])
            elif reference.offset > last[partition]:
                if reference.previous > last[partition] or reference.kind == HEARTBEAT:
                    for_now += await self._missed(partition, last[partition], reference.previous)
                if reference.kind != HEARTBEAT:
                    for_now.append(reference)
                last[partition] = reference.offset
        if for_now:
            if self._heard is not None:
                for reference in for_now:
                    if reference.trace:
                        self._heard(reference)
            self._forget(for_now)
            self._offer(await self._completing.completed(for_now, self._place))

    def _wake(self, reference: Reference) -> None:
        topics = tuple(("notices", viewer_id) for viewer_id in reference.ids)
        for stream in self._listeners(topics):
            stream.offer(LiveEvent(0, 0, reference.kind, reference.ids, topics, self._place))

    def _forget(self, references: Sequence[Reference]) -> None:
        if self._remembered is not None:
            for reference in references:
                self._remembered.forget(reference)

    async def events(self, after: Place, upto: Place) -> AsyncIterator[LiveEvent]:
        """Read events again, from the ring of recent ones or else from the log, in order within each partition."""
        if not is_behind(after, self._ring_after):
            recent = [each for each in self._ring if after[each.partition] < each.offset <= upto[each.partition]]
            after = joined(after, tuple(map(min, upto, self._place)))
            for event in recent:
                yield event
        async for batch in replayed(self._log, after, upto, READ_SIZE):
            references = [reference_of(logged, logged.offset - 1) for logged in batch]
            for event in _collapsed(await self._completing.completed(references, self._place)):
                yield event
            await asyncio.sleep(0)

    async def _missed(self, partition: int, after: int, upto: int) -> list[Reference]:
        references: list[Reference] = []
        while after < upto:
            try:
                batch: Sequence[Logged] = await self._log.read(after, READ_SIZE, partition)
            except Unavailable:
                # H must not pass a hole: until the log answers, the streams stand still and lose nothing.
                await asyncio.sleep(RETRY_S)
                continue
            kept = [logged for logged in batch if logged.offset <= upto]
            if not kept:
                break
            references += references_of(kept, after)
            after = kept[-1].offset
        if references:
            self.gaps_filled += 1
            await self._refresh()
        return references

    async def _refresh(self, author_ids: Sequence[UserId] = ()) -> None:
        """Take notice of switches before anything that follows them is told of (F6)."""
        while True:
            try:
                return await self._policy.refresh(author_ids)
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    def _offer(self, events: Sequence[LiveEvent]) -> None:
        for event in _collapsed(events):
            if event.partition < len(self._place):
                self._place = advanced(self._place, event.partition, event.offset)
                event = event._replace(place=self._place)  # noqa: PLW2901
                if len(self._ring) == self._ring.maxlen:
                    oldest = self._ring[0]
                    self._ring_after = advanced(self._ring_after, oldest.partition, oldest.offset)
                self._ring.append(event)
            for stream in self._listeners(event.topics):
                stream.offer(event)
            if self._reached is not None:
                self._reached(event.partition, event.offset)

    def _listeners(self, topics: Sequence[Topic]) -> Iterable[Stream]:
        if len(topics) == 1:
            return list(self._streams.get(topics[0], ()))
        return {stream for topic in topics for stream in self._streams.get(topic, ())}

    def _hears_tags(self) -> bool:
        return any(kind == "tag" for kind, _ in self._streams)


def _collapsed(events: Sequence[LiveEvent]) -> Iterable[LiveEvent]:
    """Leave one event of a partition's run that all say the same: an import is thousands of them."""
    for event, following in zip(events, (*events[1:], None), strict=True):
        if event.kind != EVERYTHING or following is None or following[:3:2] != event[:3:2]:
            yield event
