"""What a gateway of a cluster remembers of the stores for its streams, kept right by the references that it hears."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Generic, TypeVar

from loaders.ports import GraphStore, TweetStore
from loaders.recent import Recent
from loaders.records import Entry, Relations, TweetId, UserId
from realtime.ports import Reference
from realtime.references import EVERYTHING

Key = TypeVar("Key")
Value = TypeVar("Value")
TRUST_S = 1.0
DROPS_MAX = 1_000
OF_BOTH = frozenset({"block", "unblock"})
OF_ACTOR = frozenset({"follow", "unfollow", "mute", "unmute"})


class Remembered:
    """Entries and relations by which frames are judged, without asking the stores for every frame.

    The hub has it `forget` what a reference is about before anybody hears of that. While the log has not been heard
    from for `TRUST_S` seconds of this process's own clock, nothing remembered counts, and the stores are asked (V2).
    """

    def __init__(
        self,
        tweets: TweetStore,
        graph: GraphStore,
        monotonic_s: Callable[[], float],
        entries_max: int = 50_000,
        viewers_max: int = 20_000,
    ) -> None:
        self._tweets = tweets
        self._graph = graph
        self._monotonic_s = monotonic_s
        self._heard_at_s = float("-inf")
        self._entries = _Kept[TweetId, Entry](entries_max)
        # A retweet goes with its root, which nobody lists: it counts while this says that the root stands.
        self._standing = _Kept[TweetId, bool](entries_max)
        self._relations = _Kept[UserId, Relations](viewers_max)

    @property
    def is_trusted(self) -> bool:
        """Whether the log was heard from lately."""
        return self._monotonic_s() - self._heard_at_s <= TRUST_S

    def heard(self, at_s: float) -> None:
        """Note that everything that was handled up to this moment has been heard of."""
        self._heard_at_s = max(self._heard_at_s, at_s)

    async def entry(self, entry_id: TweetId) -> Entry | None:
        """Answer a skeleton as `TweetStore.entries` does."""
        if self.is_trusted:
            held = self._entries.get(entry_id)
            if held is not None and (not held.is_retweet or self._standing.get(held.root_id)):
                return held
        since = self.changes
        (entry,) = await self._tweets.entries([entry_id])
        self.keep([entry], since)
        return entry

    async def relations(self, viewer_id: UserId) -> Relations:
        """Answer as `GraphStore.relations` does."""
        if self.is_trusted:
            held = self._relations.get(viewer_id)
            if held is not None:
                return held
        since = self._relations.dropped
        relations = await self._graph.relations(viewer_id)
        if not self._relations.has_changed(viewer_id, since):
            self._relations.put(viewer_id, relations)
        return relations

    @property
    def changes(self) -> int:
        """How often entries have changed: to be noted before they are read."""
        return self._standing.dropped

    def keep(self, entries: Iterable[Entry | None], since: int) -> None:
        """Remember entries that were read when `changes` was `since`, but for those that have changed meanwhile."""
        for entry in entries:
            if entry is None or entry.gone_at is not None:
                continue
            if not any(self._standing.has_changed(each, since) for each in {entry.id, entry.root_id}):
                self._entries.put(entry.id, entry)
                self._standing.put(entry.root_id, True)

    def forget(self, reference: Reference) -> None:
        """Forget what an event has changed."""
        kind, ids = reference.kind, reference.ids
        if kind in {"deleted", "undone"}:
            self._entries.drop(TweetId(ids[0]))
            self._standing.drop(TweetId(ids[0]))
        elif kind in OF_ACTOR or kind in OF_BOTH:
            for user_id in ids if kind in OF_BOTH else ids[:1]:
                self._relations.drop(UserId(user_id))
        elif kind in {EVERYTHING, "repair"}:
            for kept in (self._entries, self._standing, self._relations):
                kept.clear()


class _Kept(Generic[Key, Value]):
    """Recent values. What is dropped while somebody reads it is not to be kept as it was read."""

    def __init__(self, size: int) -> None:
        self._recent = Recent[Key, Value](size)
        self._drops: deque[Key | None] = deque(maxlen=DROPS_MAX)
        self.dropped = 0
        self.put = self._recent.put

    def get(self, key: Key) -> Value | None:
        return self._recent.get_many((key,))[0]

    def drop(self, key: Key) -> None:
        self._recent.drop(key)
        self._note(key)

    def clear(self) -> None:
        self._recent.clear()
        self._note(None)

    def has_changed(self, key: Key, since: int) -> bool:
        """Tell whether a value was dropped after so many drops; in doubt it was."""
        count = self.dropped - since
        if count > len(self._drops):
            return True
        return any(each is None or each == key for each in islice(reversed(self._drops), count))

    def _note(self, key: Key | None) -> None:
        self._drops.append(key)
        self.dropped += 1
