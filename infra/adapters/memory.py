"""TimelineStore in memory: the embedded default. It is a cache, and a restart loses it without harm."""

import itertools
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import merge

from loaders.places import settles
from loaders.ports import CachedTimeline, Reach, TimelineStore
from loaders.records import NO_EDGES, TweetId, UserId


class _List:
    """Ids in ascending order, eight bytes each; the newest is last, where pushes arrive."""

    __slots__ = ("floor", "ids", "read_at_s", "settled", "token")

    def __init__(self, token: int | None, read_at_s: float) -> None:
        self.ids = array("q")
        self.floor = 0
        self.settled: Mapping[int, int] = NO_EDGES
        self.token = token
        self.read_at_s = read_at_s


class MemoryTimelineStore:
    """Keeps at most `timelines_max` lists of `length` entries; the one read longest ago goes first.

    A list that nobody has read for `idle_s` seconds is evicted, so that pushes go to active followers only.
    """

    def __init__(
        self, clock_s: Callable[[], float], length: int = 800, timelines_max: int = 100_000, idle_s: float = 30 * 86_400
    ) -> None:
        self._clock_s = clock_s
        self._length = length
        self._timelines_max = timelines_max
        self._idle_s = idle_s
        self._lists: OrderedDict[UserId, _List] = OrderedDict()
        self._tokens = itertools.count(1)

    def __len__(self) -> int:
        return len(self._lists)

    async def newest(self, viewer_id: UserId, below: TweetId | None, limit: int) -> CachedTimeline | None:
        """See `TimelineStore`."""
        held = self._lists.get(viewer_id)
        if held is None or held.token is not None:
            return None
        held.read_at_s = self._clock_s()
        self._lists.move_to_end(viewer_id)
        ids = held.ids
        end = len(ids) if below is None else bisect_left(ids, below)
        newest = ids[max(0, end - limit) : end]
        newest.reverse()
        return CachedTimeline(newest, TweetId(held.floor), held.settled)  # type: ignore[arg-type]

    async def push_many(self, pushes: Sequence[tuple[TweetId, Sequence[UserId]]]) -> int:
        """See `TimelineStore`."""
        written = 0
        find = self._lists.get
        for entry_id, viewers in pushes:
            for viewer_id in viewers:
                held = find(viewer_id)
                if held is not None and self._put(held, entry_id):
                    written += 1
        return written

    async def begin_build(self, viewer_id: UserId) -> int:
        """See `TimelineStore`."""
        self._evict()
        token = next(self._tokens)
        self._lists[viewer_id] = _List(token, self._clock_s())
        return token

    async def finish_build(
        self, viewer_id: UserId, token: int, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> bool:
        """See `TimelineStore`."""
        held = self._lists.get(viewer_id)
        if held is None or held.token != token:
            return False
        held.token = None
        held.floor = max(held.floor, floor)
        held.settled = _settled(held.settled, settled)
        self._merge(held, ids)
        return True

    async def reach(self, viewer_id: UserId) -> Reach | None:
        """See `TimelineStore`."""
        held = self._lists.get(viewer_id)
        return None if held is None else Reach(TweetId(held.floor), held.settled, held.token is None)

    async def backfill(
        self, viewer_id: UserId, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> None:
        """See `TimelineStore`."""
        held = self._lists.get(viewer_id)
        if held is not None:
            held.floor = max(held.floor, floor)
            self._merge(held, ids)
            held.settled = _settled(held.settled, settled)

    async def drop(self, viewer_ids: Sequence[UserId] | None) -> None:
        """See `TimelineStore`."""
        if viewer_ids is None:
            self._lists.clear()
        else:
            for viewer_id in viewer_ids:
                self._lists.pop(viewer_id, None)

    def _put(self, held: _List, entry_id: TweetId) -> bool:
        ids = held.ids
        if entry_id <= held.floor:
            return False
        if not ids or entry_id > ids[-1]:
            ids.append(entry_id)
        else:
            place = bisect_left(ids, entry_id)
            if ids[place] == entry_id:
                return False
            ids.insert(place, entry_id)
        # Trimming in runs makes a push append in constant time; nothing above the floor is ever missing.
        if len(ids) >= self._length + 64:
            self._trim(held)
        return True

    def _merge(self, held: _List, ids: Iterable[TweetId]) -> None:
        merged = array("q")
        last = held.floor
        for entry_id in merge(held.ids, sorted(ids)):
            if entry_id > last:
                merged.append(entry_id)
                last = entry_id
        held.ids = merged
        self._trim(held)

    def _trim(self, held: _List) -> None:
        surplus = len(held.ids) - self._length
        if surplus > 0:
            held.floor = held.ids[surplus - 1]
            del held.ids[:surplus]

    def _evict(self) -> None:
        idle_before_s = self._clock_s() - self._idle_s
        while self._lists:
            viewer_id, oldest = next(iter(self._lists.items()))
            if len(self._lists) < self._timelines_max and oldest.read_at_s >= idle_before_s:
                return
            del self._lists[viewer_id]


def _settled(one: Mapping[int, int], other: Mapping[int, int]) -> Mapping[int, int]:
    """Return what both settle; lists share what they were built with until one of them moves on."""
    if not one:
        return other
    if settles(one, other):
        return one
    return {partition: max(one.get(partition, 0), other.get(partition, 0)) for partition in {*one, *other}}


_: type[TimelineStore] = MemoryTimelineStore
