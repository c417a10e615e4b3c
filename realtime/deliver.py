"""The handler of the group `fanout`: push what is pushed, then tell every hub, then commit."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from loaders.ports import GraphStore, PolicyStore, Slice, SliceOf, TimelineStore, TweetStore
from loaders.records import Delivery, Entry, Switch, TweetId, UserId
from realtime.events import (
    Event,
    ImportFinished,
    MalformedEvent,
    RelationChanged,
    RepairRequested,
    Retweeted,
    TweetPosted,
    Verb,
    decode,
    is_bulk,
)
from realtime.fanout import PushPolicy, is_pushed, switched
from realtime.ports import Broadcast, Logged, Progress, Reference
from realtime.references import SWITCHED, references_of

HANDLED_LOOKED_AT = 16
"""How many of an author's newest entries are looked at to find the newest one handled: more are never in flight."""


class Deliver:
    """Handles events that the group `store` has applied (L1). Handling one again changes nothing."""

    def __init__(
        self,
        tweets: TweetStore,
        graph: GraphStore,
        policy_store: PolicyStore,
        timelines: TimelineStore,
        broadcast: Broadcast,
        progress: Progress,
        policy: PushPolicy,
        clock_ms: Callable[[], int],
        timeline_length: int = 800,
    ) -> None:
        self._tweets = tweets
        self._graph = graph
        self._policy_store = policy_store
        self._timelines = timelines
        self._broadcast = broadcast
        self._progress = progress
        self._policy = policy
        self._clock_ms = clock_ms
        self._timeline_length = timeline_length
        self.entries_pushed = 0

    async def handle(self, batch: Sequence[Logged], previous: int) -> None:
        """Handle consecutive events; `previous` is the offset handled before the first."""
        events: list[tuple[int, Event]] = []
        partition, has_bulk = batch[0].partition, False
        for logged in batch:
            if is_bulk(logged.payload):
                has_bulk = True
                continue
            try:
                events.append((logged.offset, decode(logged.payload)))
            except MalformedEvent as error:
                await self._progress.bury("fanout", logged, str(error))
        await self._forget(has_bulk, [event for _, event in events])
        has_switched = await self._push(events)
        for offset, event in events:
            if isinstance(event, RelationChanged) and event.verb is Verb.FOLLOW:
                await self._backfill(event.actor_id, event.target_id, {partition: offset})
            elif isinstance(event, ImportFinished):
                has_switched = await self._pull_the_popular() or has_switched
        references = references_of(list(batch), previous)
        if has_switched:
            # It travels with what it is about, so that whoever misses the one misses the other, and reads both.
            references.insert(0, Reference(partition, previous, previous, SWITCHED))
        await self._broadcast.publish(references)
        await self._progress.commit(batch[-1].offset, self._clock_ms(), partition)

    async def _forget(self, has_bulk: bool, events: Sequence[Event]) -> None:
        """Drop the lists that events made wrong in their depth; they are rebuilt when they are read."""
        if has_bulk or any(isinstance(event, ImportFinished) for event in events):
            await self._timelines.drop(None)
            return
        repairs = [event for event in events if isinstance(event, RepairRequested)]
        if repairs:
            await self._timelines.drop([viewer_id for event in repairs for viewer_id in event.viewer_ids])

    async def _push(self, events: Sequence[tuple[int, Event]]) -> bool:
        """Write entries into lists; answer whether an author's delivery has changed."""
        posted = [(offset, event) for offset, event in events if isinstance(event, TweetPosted | Retweeted)]
        found = await self._tweets.entries([event.id for _, event in posted])
        # The first place of an id wins (P2), and what the store refused or has lost already is nobody's entry.
        entries = [
            entry
            for (offset, _), entry in zip(posted, found, strict=True)
            if entry is not None and entry.offset == offset and entry.gone_at is None
        ]
        if not entries:
            return False
        switches, has_switched = await self._decide(entries)
        followers: dict[UserId, Sequence[UserId]] = {}
        pushes: list[tuple[TweetId, Sequence[UserId]]] = []
        for entry in entries:
            author_id = entry.author_id
            viewers: Sequence[UserId] = (author_id,)
            if is_pushed(switches[author_id], entry.id):
                if author_id not in followers:
                    followers[author_id] = await self._graph.followers(author_id, self._policy.limit)
                viewers = (author_id, *followers[author_id])
            pushes.append((entry.id, viewers))
        self.entries_pushed += await self._timelines.push_many(pushes)
        return has_switched

    async def _decide(self, entries: Sequence[Entry]) -> tuple[dict[UserId, Sequence[Switch]], bool]:
        """Return the switches of these authors, and whether one is new: it is stored before its first use (F6)."""
        authors = list({entry.author_id for entry in entries})
        known = await self._policy_store.switches()
        counts = dict(zip(authors, await self._graph.counts(authors), strict=True))
        decided = {author_id: known.get(author_id, ()) for author_id in authors}
        fresh: dict[UserId, Sequence[Switch]] = {}
        newest_in_batch: defaultdict[UserId, int] = defaultdict(int)
        for entry in entries:
            author_id, followers = entry.author_id, counts[entry.author_id].followers
            current = decided[author_id][-1].delivery if decided[author_id] else Delivery.PUSHED
            if self._policy.decide(followers, current) is not current:
                newest = max(await self._newest_handled(entry), newest_in_batch[author_id])
                decided[author_id] = fresh[author_id] = switched(
                    decided[author_id], entry.id, TweetId(newest), followers, self._policy
                )
            newest_in_batch[author_id] = max(newest_in_batch[author_id], entry.id)
        if fresh:
            await self._policy_store.record_switches(fresh)
        return decided, bool(fresh)

    async def _newest_handled(self, entry: Entry) -> TweetId:
        (newest,) = await self._tweets.slices([Slice(SliceOf.AUTHOR, entry.author_id, HANDLED_LOOKED_AT)])
        return max((other.id for other in newest if other.offset < entry.offset), default=TweetId(0))

    async def _backfill(self, follower_id: UserId, followee_id: UserId, settled: Mapping[int, int]) -> None:
        """Merge a new followee's entries into the follower's list; until then readers pull that author (F6)."""
        floor = await self._timelines.floor(follower_id)
        if floor is None:
            return
        switches = (await self._policy_store.switches()).get(followee_id, ())
        (newest,) = await self._tweets.slices(
            [Slice(SliceOf.AUTHOR, followee_id, self._timeline_length, above=floor or None)]
        )
        ids = [entry.id for entry in newest if is_pushed(switches, entry.id)]
        whole_above = newest[-1].id - 1 if len(newest) == self._timeline_length else floor
        await self._timelines.backfill(follower_id, ids, TweetId(whole_above), settled)

    async def _pull_the_popular(self) -> bool:
        """Pull authors above the limit at the end of an import from the first id on; answer whether there are any."""
        known = await self._policy_store.switches()
        from_the_first = (Switch(TweetId(0), Delivery.PULLED),)
        fresh: dict[UserId, Sequence[Switch]] = {
            author_id: from_the_first
            for author_id in await self._policy_store.popular(self._policy.limit)
            if not known.get(author_id) or known[author_id][-1].delivery is Delivery.PUSHED
        }
        if fresh:
            await self._policy_store.record_switches(fresh)
        return bool(fresh)
