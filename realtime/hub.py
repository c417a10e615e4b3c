"""The subscribers of one process: references come in, are put in order and completed, and go to who asked for them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple, Protocol

from loaders.entities import hashtag_keys
from loaders.errors import Unavailable
from loaders.places import Place, advanced
from loaders.ports import Slice, SliceOf, TweetStore
from loaders.records import Entry, TweetId
from realtime.ports import Broadcast, EventLog, Logged, Reference
from realtime.references import EVERYTHING, HEARTBEAT, references_of

Topic = tuple[str, int | str]
ALL: Topic = ("all", 0)
READ_SIZE = 500
RETWEETS_MAX = 500
RETRY_S = 0.5


class LiveEvent(NamedTuple):
    """An event as streams hear it.

    `entry` is what was posted; `removed` are the entries that a deletion or an undo takes away, `is_partial` if there
    are more of them than are listed. `ids` are those of its reference.
    """

    partition: int
    offset: int
    kind: str
    ids: tuple[int, ...]
    topics: tuple[Topic, ...]
    entry: Entry | None = None
    removed: tuple[Entry, ...] = ()
    is_partial: bool = False


class Stream(Protocol):
    """A subscriber: it takes events without waiting."""

    def offer(self, event: LiveEvent) -> None:
        """Take an event."""


class Hub:
    """Holds the place H up to which everything was offered to the streams of this process.

    A reference is accepted iff it follows on from H; behind it, it is dropped; ahead of it, what is missing is read
    from the log (L2). Offering and moving H on happen in one turn of the event loop, and so does attaching (L4).
    """

    def __init__(self, log: EventLog, tweets: TweetStore, broadcast: Broadcast, ring_size: int = 4_096) -> None:
        self._log = log
        self._tweets = tweets
        self._broadcast = broadcast
        self._streams: dict[Topic, set[Stream]] = {}
        self._ring: deque[LiveEvent] = deque(maxlen=ring_size)
        self._ring_after = 0
        self._place: Place = (0,)
        self.gaps_filled = 0

    def place(self) -> Place:
        """Return H."""
        return self._place

    def start_at(self, offset: int) -> None:
        """Set H before anything is attached: what the group `fanout` has committed."""
        self._place = (offset,)
        self._ring_after = offset

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

    async def run(self) -> None:
        """Take references until cancelled."""
        async with self._broadcast.subscribe() as batches:
            async for references in batches:
                await self.receive(references)

    async def receive(self, references: Sequence[Reference]) -> None:
        """Take references, in the order in which they came."""
        for_now: list[Reference] = []
        last = self._place[0]
        for reference in references:
            if reference.offset <= last:
                continue
            if reference.previous > last or reference.kind == HEARTBEAT:
                for_now += await self._missed(last, reference.previous)
            if reference.kind != HEARTBEAT:
                for_now.append(reference)
            last = reference.offset
        if for_now:
            self._offer(await self._completed(for_now))

    async def events(self, after: int, upto: int) -> AsyncIterator[LiveEvent]:
        """Read events again, from the ring of recent ones or else from the log, in order."""
        if after >= self._ring_after:
            for event in [event for event in self._ring if after < event.offset <= upto]:
                after = event.offset
                yield event
            after = max(after, min(upto, self._place[0]))
        while after < upto:
            batch = [logged for logged in await self._log.read(after, READ_SIZE) if logged.offset <= upto]
            if not batch:
                return
            for event in _collapsed(await self._completed(references_of(batch, after))):
                yield event
            after = batch[-1].offset
            await asyncio.sleep(0)

    async def _missed(self, after: int, upto: int) -> list[Reference]:
        references: list[Reference] = []
        while after < upto:
            try:
                batch: Sequence[Logged] = await self._log.read(after, READ_SIZE)
            except Unavailable:
                # H must not pass a hole: until the log answers, the streams stand still and lose nothing.
                await asyncio.sleep(RETRY_S)
                continue
            kept = [logged for logged in batch if logged.offset <= upto]
            if not kept:
                break
            references += references_of(kept, after)
            after = kept[-1].offset
        self.gaps_filled += bool(references)
        return references

    def _offer(self, events: Sequence[LiveEvent]) -> None:
        for event in _collapsed(events):
            if len(self._ring) == self._ring.maxlen:
                self._ring_after = self._ring[0].offset
            self._ring.append(event)
            for stream in self._listeners(event.topics):
                stream.offer(event)
            self._place = advanced(self._place, event.partition, event.offset)

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
        ids = list(wanted)
        entries = dict(zip(ids, await self._tweets.entries(ids), strict=True)) if ids else {}
        tags = await self._tags([TweetId(r.ids[0]) for r in references if r.kind == "posted"])
        return [await self._event(reference, entries, tags) for reference in references]

    async def _event(
        self, reference: Reference, entries: dict[TweetId, Entry | None], tags: dict[TweetId, tuple[str, ...]]
    ) -> LiveEvent:
        kind, ids = reference.kind, reference.ids
        entry = entries.get(TweetId(ids[0])) if ids else None
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
            removed = [entry] if entry is not None and entry.gone_offset == reference.offset else []
            topics.extend([("author", ids[1]), ("counts", ids[2])])
        elif kind == "deleted" and entry is not None and entry.gone_offset == reference.offset:
            removed, is_partial = await self._taken_along(entry, reference.offset)
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
            reference.partition, reference.offset, kind, ids, tuple(topics), posted, tuple(removed), is_partial
        )

    async def _taken_along(self, root: Entry, offset: int) -> tuple[list[Entry], bool]:
        """Return a deleted tweet and the retweets of it that stood at that place."""
        (retweets,) = await self._tweets.slices([Slice(SliceOf.RETWEETS, root.id, RETWEETS_MAX)])
        stood = [
            entry
            for entry in retweets
            if entry.offset < offset and (entry.gone_offset is None or entry.gone_offset >= offset)
        ]
        return [*stood, root], len(retweets) == RETWEETS_MAX

    async def _tags(self, ids: Sequence[TweetId]) -> dict[TweetId, tuple[str, ...]]:
        if not ids or not any(kind == "tag" for kind, _ in self._streams):
            return {}
        tweets = await self._tweets.get_many(ids)
        return {tweet.id: hashtag_keys(tweet.text) for tweet in tweets if tweet is not None}


def _collapsed(events: Sequence[LiveEvent]) -> Iterable[LiveEvent]:
    """Leave one event of a run that all say the same: an import is thousands of them."""
    for event, following in zip(events, (*events[1:], None), strict=True):
        if event.kind != EVERYTHING or following is None or following.kind != EVERYTHING:
            yield event
