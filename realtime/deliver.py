"""The handler of the group `fanout`: push what is pushed, then tell every hub, then commit."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from loaders.errors import Unavailable
from loaders.ids import milliseconds_of
from loaders.places import pair_partition
from loaders.ports import GraphStore, PolicyStore, Reach, Slice, SliceOf, TimelineStore, TweetStore
from loaders.records import Delivery, Entry, Switch, TweetId, UserId
from loaders.rules import delivery_at
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
from realtime.fanout import PushPolicy, current, is_pushed, pulled_from, switched
from realtime.latencies import Latencies
from realtime.ports import Broadcast, Logged, Progress, Reference
from realtime.rates import PostRates
from realtime.references import SWITCHED, references_of

HANDLED_LOOKED_AT = 16
"""How many of an author's newest entries are looked at to find the newest one handled: more are never in flight."""
SWITCHED_TOLD_MAX = 100
"""Of more authors than that, a reference says no more than that there are some."""
AWAY_MIN_MS, AWAY_MAX_MS = 1_000, 30_000

Histories = Mapping[UserId, Sequence[Switch]]


class Deliver:
    """Handles events that the group `store` has applied (L1). Handling one again changes nothing.

    A cache that does not take pushes holds nobody up: what it may lack is pulled (F5), and it is left alone for a
    second, after further failures up to 30. `pushes_given_up` counts the batches, `report` hears of each failure.
    Only an import and a repair wait for it, since they make lists wrong that it may still hold. `took` are the times
    from an entry's id to when every follower's page had it.
    """

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
        *,
        timeline_length: int = 800,
        partitions: int = 1,
        report: Callable[[str, str], None] | None = None,
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
        self._partitions = partitions
        self._report = report
        self._rates = PostRates()
        self._away_until_ms = 0
        self._away_ms = AWAY_MIN_MS
        self.entries_pushed = 0
        self.pushes_given_up = 0
        self.took = {delivery: Latencies() for delivery in Delivery}

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
        changed = await self._push(events)
        for offset, event in events:
            if isinstance(event, RelationChanged) and event.verb is Verb.FOLLOW:
                await self._backfill(event.actor_id, partition, offset)
            elif isinstance(event, ImportFinished):
                changed |= await self._pull_the_popular()
        references = references_of(list(batch), previous)
        if changed:
            # It travels with what it is about, so that whoever misses the one misses the other, and reads both.
            told = tuple(changed) if len(changed) <= SWITCHED_TOLD_MAX else ()
            references.insert(0, Reference(partition, previous, previous, SWITCHED, told))
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

    async def _push(self, events: Sequence[tuple[int, Event]]) -> set[UserId]:
        """Write entries into lists; answer the authors whose delivery has changed."""
        posted = [(offset, event) for offset, event in events if isinstance(event, TweetPosted | Retweeted)]
        found = await self._tweets.entries([event.id for _, event in posted])
        # The first place of an id wins (P2), and what the store refused or has lost already is nobody's entry.
        entries = [
            entry
            for (offset, _), entry in zip(posted, found, strict=True)
            if entry is not None and entry.offset == offset and entry.gone_at is None
        ]
        if not entries:
            return set()
        decided, changed = await self._decide(entries)
        pushed = [entry for entry in entries if is_pushed(decided[entry.author_id], entry.id)]
        if pushed and not await self._pushed(pushed):
            changed |= await self._pull_instead(pushed)
        now_ms = self._clock_ms()
        for entry in entries:
            self.took[delivery_at(entry.id, decided[entry.author_id])].add(now_ms - milliseconds_of(entry.id))
        return changed

    async def _pushed(self, entries: Sequence[Entry]) -> bool:
        """Push to authors and their followers; False if the cache did not say that it has them all."""
        if self._is_away:
            return False
        viewers: dict[UserId, Sequence[UserId]] = {}
        for author_id in {entry.author_id for entry in entries}:
            viewers[author_id] = (author_id, *await self._graph.followers(author_id, self._policy.limit))
        try:
            written = await self._timelines.push_many([(entry.id, viewers[entry.author_id]) for entry in entries])
        except Unavailable as error:
            self._gave_up(error)
            return False
        self._away_ms = AWAY_MIN_MS
        self.entries_pushed += written
        return True

    async def _pull_instead(self, entries: Sequence[Entry]) -> set[UserId]:
        """Let readers pull what the cache may lack, as of now and for good; answer the authors (F5)."""
        self.pushes_given_up += 1
        authors = {entry.author_id for entry in entries}
        await self._policy_store.refresh([*authors])
        known = await self._policy_store.switches()
        histories = {author_id: known.get(author_id, ()) for author_id in authors}
        for entry in entries:
            histories[entry.author_id] = pulled_from(histories[entry.author_id], entry.id)
        # Beside what was decided at the same place, this stands.
        await self._policy_store.record_switches(histories, 2 * max(entry.offset for entry in entries) + 1)
        return authors

    async def _decide(self, entries: Sequence[Entry]) -> tuple[Histories, set[UserId]]:
        """Return the switches of these authors, and whose are new: they are stored before their first use (F6)."""
        authors = list({entry.author_id for entry in entries})
        counts = dict(zip(authors, await self._graph.counts(authors), strict=True))
        posts = {entry.author_id: self._rates.posted(entry.author_id, milliseconds_of(entry.id)) for entry in entries}
        known = await self._policy_store.switches()
        decided: dict[UserId, Sequence[Switch]] = {author_id: known.get(author_id, ()) for author_id in authors}

        def wanted(author_id: UserId) -> Delivery:
            return self._policy.decide(counts[author_id].followers, current(decided[author_id]), posts[author_id])

        wants = [author_id for author_id in authors if wanted(author_id) is not current(decided[author_id])]
        if not wants or self._is_away:
            return decided, set()
        # Another process may have recorded since: what is written now replaces that.
        await self._policy_store.refresh(wants)
        decided |= {author_id: known.get(author_id, ()) for author_id in wants}
        fresh: dict[UserId, Sequence[Switch]] = {}
        newest_in_batch: defaultdict[UserId, int] = defaultdict(int)
        for entry in entries:
            author_id, delivery = entry.author_id, wanted(entry.author_id)
            if delivery is not current(decided[author_id]):
                newest = max(await self._newest_handled(entry), newest_in_batch[author_id])
                decided[author_id] = switched(decided[author_id], entry.id, TweetId(newest), delivery)
                fresh[author_id] = decided[author_id]
            newest_in_batch[author_id] = max(newest_in_batch[author_id], entry.id)
        if fresh:
            await self._policy_store.record_switches(fresh, 2 * max(entry.offset for entry in entries))
        return decided, set(fresh)

    async def _newest_handled(self, entry: Entry) -> TweetId:
        (newest,) = await self._tweets.slices([Slice(SliceOf.AUTHOR, entry.author_id, HANDLED_LOOKED_AT)])
        return max((other.id for other in newest if other.offset < entry.offset), default=TweetId(0))

    async def _backfill(self, viewer_id: UserId, partition: int, offset: int) -> None:
        """Merge what a new followee wrote into the follower's list; until then readers pull that author (F6).

        Edges that found the cache away are made up for by the next one of their partition.
        """
        reach = await self._reach(viewer_id)
        if reach is None or (settled := reach.settled.get(partition, 0)) >= offset:
            return
        follows = (await self._graph.relations(viewer_id)).follows
        behind = [
            author_id
            for author_id, edge in follows.items()
            if settled < edge <= offset and pair_partition(viewer_id, author_id, self._partitions) == partition
        ]
        ids, whole_above = await self._written_by(behind, reach)
        # Of a list that is being built nobody knows yet which edges it will have: none is settled by this.
        settles = {partition: offset} if reach.is_built else {}
        try:
            await self._timelines.backfill(viewer_id, ids, whole_above, settles)
        except Unavailable as error:
            self._gave_up(error)

    async def _reach(self, viewer_id: UserId) -> Reach | None:
        if self._is_away:
            return None
        try:
            return await self._timelines.reach(viewer_id)
        except Unavailable as error:
            self._gave_up(error)
            return None

    async def _written_by(self, authors: Sequence[UserId], reach: Reach) -> tuple[list[TweetId], TweetId]:
        """Return what these authors wrote that is pushed, and the id above which that is all of it."""
        length, floor = self._timeline_length, reach.floor
        slices = [Slice(SliceOf.AUTHOR, author_id, length, above=floor or None) for author_id in authors]
        switches = await self._policy_store.switches()
        ids, whole_above = list[TweetId](), floor
        for author_id, newest in zip(authors, await self._tweets.slices(slices) if slices else (), strict=True):
            ids += [entry.id for entry in newest if is_pushed(switches.get(author_id, ()), entry.id)]
            if len(newest) == length:
                whole_above = max(whole_above, TweetId(newest[-1].id - 1))
        return ids, whole_above

    @property
    def _is_away(self) -> bool:
        # A clock that was set back does not make it longer.
        return 0 < self._away_until_ms - self._clock_ms() <= AWAY_MAX_MS

    def _gave_up(self, error: Unavailable) -> None:
        if self._report is not None:
            self._report("timelines", f"{error}: what it lacks is pulled; tried again in {self._away_ms} ms")
        self._away_until_ms = self._clock_ms() + self._away_ms
        self._away_ms = min(2 * self._away_ms, AWAY_MAX_MS)

    async def _pull_the_popular(self) -> set[UserId]:
        """Pull authors above the limit at the end of an import from the first id on; answer who they are."""
        known = await self._policy_store.switches()
        from_the_first = (Switch(TweetId(0), Delivery.PULLED),)
        fresh: Histories = {
            author_id: from_the_first
            for author_id in await self._policy_store.popular(self._policy.limit)
            if not known.get(author_id) or known[author_id][-1].delivery is Delivery.PUSHED
        }
        if fresh:
            # What was decided over an author's own tweets stands.
            await self._policy_store.record_switches(fresh, 0)
        return set(fresh)
