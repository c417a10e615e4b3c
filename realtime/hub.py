"""The subscribers of one process: references come in, are put in order and completed, and go to who asked for them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from loaders.entities import hashtag_keys
from loaders.errors import Unavailable
from loaders.places import Place, advanced, author_partition, is_behind, joined, spot
from loaders.ports import PolicyStore, Slice, SliceOf, TweetStore
from loaders.records import Entry, TweetId, UserId
from realtime.ports import Broadcast, EventLog, Logged, Reference
from realtime.references import EVERYTHING, HEARTBEAT, NOTIFIED, SWITCHED, reference_of, references_of
from realtime.remembered import Remembered
from realtime.replay import replayed

Topic = tuple[str, int | str]
ALL: Topic = ("all", 0)
READ_SIZE = 500
RETWEETS_MAX = 500
RETRY_S = 0.5


class LiveEvent(NamedTuple):
    """An event as streams hear it.

    `place` is H once it was offered: whoever has heard everything up to it has seen that. `entry` is what was posted;
    `removed` are the entries that a deletion or an undo takes away, `is_partial` if there are more of them than are
    listed. `ids` are those of its reference.
    """

    partition: int
    offset: int
    kind: str
    ids: tuple[int, ...]
    topics: tuple[Topic, ...]
    place: Place
    entry: Entry | None = None
    removed: tuple[Entry, ...] = ()
    is_partial: bool = False


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
        self._tweets = tweets
        self._policy = policy
        self._broadcast = broadcast
        self._streams: dict[Topic, set[Stream]] = {}
        self._ring: deque[LiveEvent] = deque(maxlen=ring_size)
        self._place: Place = (0,) * log.layout.partitions
        self._ring_after = self._place
        self._reached = reached
        self._remembered = remembered
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
            self._offer(await self._completed(for_now))

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
            for event in _collapsed(await self._completed(references)):
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

    async def _completed(self, references: Sequence[Reference]) -> list[LiveEvent]:
        """Look up what the references are about, in one call for all entries."""
        while True:
            try:
                return await self._complete(references)
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _complete(self, references: Sequence[Reference]) -> list[LiveEvent]:
        wanted = {TweetId(r.ids[0]) for r in references if r.kind in {"posted", "retweeted", "deleted", "undone"}}
        ids, since = list(wanted), 0 if self._remembered is None else self._remembered.changes
        entries = dict(zip(ids, await self._tweets.entries(ids), strict=True)) if ids else {}
        if self._remembered is not None:
            self._remembered.keep(entries.values(), since)
        tags = await self._tags([TweetId(r.ids[0]) for r in references if r.kind == "posted"])
        return [await self._event(reference, entries, tags) for reference in references]

    async def _event(
        self, reference: Reference, entries: dict[TweetId, Entry | None], tags: dict[TweetId, tuple[str, ...]]
    ) -> LiveEvent:
        kind, ids = reference.kind, reference.ids
        entry = entries.get(TweetId(ids[0])) if ids else None
        at = spot(reference.partition, reference.offset, len(self._place))
        topics: list[Topic] = []
        removed: list[Entry] = []
        is_partial = False
        if kind in {"posted", "retweeted"}:
            # The first place of an id wins; the same id at another place says nothing (P2).
            if entry is not None and entry.offset != reference.offset:
                entry = None
            if entry is not None:
                topics = [("author", entry.author_id)]
                topics += [("tag", name) for name in tags.get(entry.id, ())]
            topics += [("counts", tweet_id) for tweet_id in ids[2:] if tweet_id]
        elif kind == "undone":
            removed = [entry] if entry is not None and entry.gone_at == at else []
            topics.extend([("author", ids[1]), ("counts", ids[2])])
        elif kind == "deleted" and entry is not None and entry.gone_at == at:
            removed, is_partial = await self._taken_along(entry, reference.partition, reference.offset)
            authors = {gone.author_id for gone in removed}
            topics = [ALL] if is_partial else [("author", author_id) for author_id in authors]
            topics += [("counts", tweet_id) for tweet_id in (*ids[2:], ids[0]) if tweet_id]
        elif kind in {"follow", "unfollow", "mute", "unmute", "block", "unblock"}:
            touched = ids if kind in {"block", "unblock"} else ids[:1]
            topics = [("viewer", viewer_id) for viewer_id in touched]
        elif kind == "repair":
            topics += [("viewer", viewer_id) for viewer_id in ids]
        elif kind == "liked":
            topics = [("counts", ids[0])]
        elif kind == EVERYTHING:
            topics = [ALL]
        posted = entry if kind in {"posted", "retweeted"} else None
        return LiveEvent(
            reference.partition,
            reference.offset,
            kind,
            ids,
            tuple(topics),
            self._place,
            posted,
            tuple(removed),
            is_partial,
        )

    async def _taken_along(self, root: Entry, partition: int, offset: int) -> tuple[list[Entry], bool]:
        """Return a deleted tweet and the retweets of it that went with it: not those taken back by themselves."""
        (retweets,) = await self._tweets.slices([Slice(SliceOf.RETWEETS, root.id, RETWEETS_MAX)])
        partitions = len(self._place)
        at = spot(partition, offset, partitions)
        stood = [
            entry
            for entry in retweets
            if entry.gone_at == at
            # Of the same partition's retweets those that came later never showed; of the others nobody can tell.
            and (entry.offset < offset or author_partition(entry.author_id, partitions) != partition)
        ]
        return [*stood, root], len(retweets) == RETWEETS_MAX

    async def _tags(self, ids: Sequence[TweetId]) -> dict[TweetId, tuple[str, ...]]:
        if not ids or not any(kind == "tag" for kind, _ in self._streams):
            return {}
        tweets = await self._tweets.get_many(ids)
        return {tweet.id: hashtag_keys(tweet.text) for tweet in tweets if tweet is not None}


def _collapsed(events: Sequence[LiveEvent]) -> Iterable[LiveEvent]:
    """Leave one event of a partition's run that all say the same: an import is thousands of them."""
    for event, following in zip(events, (*events[1:], None), strict=True):
        if event.kind != EVERYTHING or following is None or following[:3:2] != event[:3:2]:
            yield event
