"""Rebuilding a lost or new list by the pull path, one at a time per viewer and within a budget for all (F3, F9)."""

import asyncio
from collections.abc import Mapping, Sequence

from loaders.ports import GraphStore, PolicyStore, TimelineStore, TweetStore
from loaders.pull import Range, pull
from loaders.records import Delivery, Entry, Switch, TweetId, UserId
from loaders.rules import delivery_at


class Rebuilds:
    """Rebuilds lists. At most `concurrent_max` run at once, and one per viewer: the others wait for its end.

    Over the budget a caller is told so at once and pulls its page without caching anything.
    """

    def __init__(
        self,
        tweets: TweetStore,
        graph: GraphStore,
        policy: PolicyStore,
        timelines: TimelineStore,
        concurrent_max: int = 16,
        timeline_length: int = 800,
    ) -> None:
        self._tweets = tweets
        self._graph = graph
        self._policy = policy
        self._timelines = timelines
        self.concurrent_max = concurrent_max
        self._timeline_length = timeline_length
        self._running: dict[UserId, asyncio.Task[bool]] = {}
        self.done = 0

    @property
    def under_way(self) -> int:
        """How many lists are being built."""
        return len(self._running)

    async def rebuild(self, viewer_id: UserId) -> bool:
        """Build the viewer's list from the stores; False if the budget does not allow it or a drop came between."""
        running = self._running.get(viewer_id)
        if running is None:
            if len(self._running) >= self.concurrent_max:
                return False
            running = asyncio.ensure_future(self._build(viewer_id))
            self._running[viewer_id] = running
            running.add_done_callback(lambda _: self._running.pop(viewer_id, None))
        # A caller that goes away must not take the build from those who wait with it.
        return await asyncio.shield(running)

    async def _build(self, viewer_id: UserId) -> bool:
        token = await self._timelines.begin_build(viewer_id)
        # The follows are read after the list exists: whatever edge is missing here finds a list to be backfilled.
        relations = await self._graph.relations(viewer_id)
        switches = await self._policy.switches()
        # Muted authors are in the list as well: a mute that ends must not need another rebuild.
        authors = [*relations.follows, viewer_id]
        found = await pull(self._tweets.slices, authors, Range(), self._timeline_length)
        kept = found.entries[: self._timeline_length]
        cut = len(kept) < len(found.entries) or found.complete_to is not None
        floor = kept[-1].id - 1 if cut and kept else 0
        pushed = [entry.id for entry in kept if is_pushed(entry, switches)]
        self.done += 1
        return await self._timelines.finish_build(viewer_id, token, pushed, TweetId(floor), relations.newest_edges)


def is_pushed(entry: Entry, switches: Mapping[UserId, Sequence[Switch]]) -> bool:
    """Tell whether the policy pushes an entry into lists."""
    return delivery_at(entry.id, switches.get(entry.author_id)) is Delivery.PUSHED
