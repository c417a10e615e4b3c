"""What a gateway of a cluster remembers of the stores for its streams, kept right by the references that it hears."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar

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
NOTHING: frozenset[Any] = frozenset()
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
        since = self.relation_changes
        relations = await self._graph.relations(viewer_id)
        self.keep_relations(relations, since)
        return relations

    def known_relations(self, viewer_id: UserId) -> Relations | None:
        """Return what is remembered of a viewer; None if that is nothing, or not to be trusted."""
        return self._relations.get(viewer_id) if self.is_trusted else None

    def known_entries(self, ids: Sequence[TweetId]) -> tuple[list[Entry], int]:
        """Return what is remembered to stand of these, in the order asked, and of how many that cannot be told."""
        told = self.told(ids)
        standing = [entry for entry in map(told.get, ids) if entry is not None]
        return standing, len([each for each in ids if each not in told])

    def told(self, ids: Sequence[TweetId]) -> dict[TweetId, Entry | None]:
        """Return what is remembered of these: entries that stand, None for what is gone."""
        if not self.is_trusted:
            return {}
        found: dict[TweetId, Entry | None] = {}
        for entry_id, held in zip(ids, self._entries.get_many(ids), strict=True):
            if held is not None and self._standing.get(held.root_id):
                found[entry_id] = held
            elif self._standing.get(entry_id) is False:
                found[entry_id] = None
        return found

    def known_to_stand(self, ids: Sequence[TweetId]) -> Sequence[bool]:
        """Tell of tweets whether they are remembered to stand."""
        is_trusted = self.is_trusted
        return [is_trusted and self._standing.get(each) is True for each in ids]

    @property
    def changes(self) -> int:
        """How often entries have changed: to be noted before they are read."""
        return self._standing.dropped

    @property
    def relation_changes(self) -> int:
        """How often relations have changed: to be noted before they are read."""
        return self._relations.dropped

    def keep(self, entries: Collection[Entry | None], since: int) -> None:
        """Remember entries that were read when `changes` was `since`, but for those that have changed meanwhile.

        What is gone stays so: that is remembered as well.
        """
        changed = self._standing.changed_since(since)
        if changed is None:
            return
        stand = {entry.id: entry for entry in entries if entry is not None and entry.gone_at is None}
        if len(stand) < len(entries):
            gone = [entry.id for entry in entries if entry is not None and entry.gone_at is not None]
            self._standing.put_many(dict.fromkeys(gone, False))
        if changed:
            unclear = [each.id for each in stand.values() if each.id in changed or each.root_id in changed]
            for entry_id in unclear:
                del stand[entry_id]
        self._entries.put_many(stand)
        self._standing.put_many(dict.fromkeys([entry.root_id for entry in stand.values()], True))

    def keep_standing(self, ids: Iterable[TweetId], since: int) -> None:
        """Remember of tweets that they stood when `changes` was `since`."""
        changed = self._standing.changed_since(since)
        if changed is not None:
            self._standing.put_many({each: True for each in ids if each not in changed})

    def keep_relations(self, relations: Relations, since: int) -> None:
        """Remember relations that were read when `relation_changes` was `since`, unless they have changed."""
        changed = self._relations.changed_since(since)
        if changed is not None and relations.viewer_id not in changed:
            self._relations.put(relations.viewer_id, relations)

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
        self.put_many = self._recent.put_many
        self.get = self._recent.get
        self.get_many = self._recent.get_many

    def drop(self, key: Key) -> None:
        self._recent.drop(key)
        self._note(key)

    def clear(self) -> None:
        self._recent.clear()
        self._note(None)

    def changed_since(self, since: int) -> frozenset[Key] | None:
        """Return what was dropped after so many drops; None if it cannot be told, or was everything."""
        count = self.dropped - since
        if count == 0:
            return NOTHING
        if count > len(self._drops):
            return None
        dropped = frozenset(islice(reversed(self._drops), count))
        return None if None in dropped else dropped  # type: ignore[return-value]

    def _note(self, key: Key | None) -> None:
        self._drops.append(key)
        self.dropped += 1
