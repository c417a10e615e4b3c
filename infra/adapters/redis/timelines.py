"""TimelineStore on Redis and Redis Cluster: one sorted LIST of ids a viewer, kept by scripts (rules F1 to F3)."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter

from infra.adapters.redis.connection import Call, RedisConnection
from infra.adapters.redis.eras import Eras
from infra.adapters.redis.layout import descending, settled_bytes, settled_of, spread_tags, state_of, tag_of
from infra.adapters.redis.nodes import Words
from infra.adapters.redis.scripts import Scripts
from infra.adapters.redis.sweep import sweep, unlink
from loaders.ports import CachedTimeline, Reach, TimelineStore
from loaders.records import TweetId, UserId

CLUSTER_TAGS = 128
"""Hash tags over a cluster: more of them spread better, fewer let a call reach more lists. A change loses all lists."""
SLACK = 64
"""How many ids a list may have beyond its length: it is trimmed in runs."""
RUN_ENTRIES_MAX = 40_000
CALL_KEYS_MAX = 512
CALL_ENTRIES_MAX = 2_000
"""A call holds Redis for some milliseconds at most, whatever it brings."""
ARGUMENT_IDS_MAX = 500

Pushes = Sequence[tuple[TweetId, Sequence[UserId]]]


def new_token() -> int:
    """Return what no other build has."""
    return secrets.randbits(62)


class RedisTimelineStore:
    """Lists of `length` ids, each evicted `idle_s` seconds after it was read last, by Redis itself.

    How many there are is bounded by Redis' own memory and eviction policy: a list goes as a whole, which is harmless.
    Reading puts off the eviction at most once in `refresh_s`. An operation takes `timeout_s` of the connection's limits
    at most, a push `push_timeout_s` for each 40,000 entries, a page `read_timeout_s` if that is given, else
    `Unavailable` is raised; a push that was cut off so may have reached some lists, and is safe to repeat. What a
    fail-over loses, `check` finds.
    """

    def __init__(
        self,
        connection: RedisConnection,
        length: int = 800,
        idle_s: float = 30 * 86_400,
        refresh_s: float = 3_600,
        push_timeout_s: float = 2.0,
        read_timeout_s: float | None = None,
        prefix: str = "tl",
        token: Callable[[], int] = new_token,
    ) -> None:
        self._connection = connection
        self._length = length
        self._idle_ms = int(idle_s * 1_000)
        self._fresh_ms = int(max(idle_s / 2, idle_s - refresh_s) * 1_000)
        self._push_timeout_s = push_timeout_s
        self._read_timeout_s = read_timeout_s
        self._token = token
        self._scripts = Scripts.load()
        self._pattern = f"{prefix}:{{*}}:*"
        self._heads = [f"{prefix}:{{{tag}}}:" for tag in spread_tags(CLUSTER_TAGS if connection.is_cluster else 1)]
        self._eras = Eras(connection, [head.removesuffix(":") for head in self._heads], self._pattern)

    async def newest(self, viewer_id: UserId, below: TweetId | None, limit: int) -> CachedTimeline | None:
        """See `TimelineStore`."""
        key = self._key(viewer_id)
        words = (1, key, limit, "" if below is None else below, self._idle_ms, self._fresh_ms)
        reply = await self._connection.one(Call(key, words, self._scripts.newest), self._read_timeout_s)
        if reply is None:
            return None
        *ids, settled, floor = reply
        return CachedTimeline([*map(TweetId, map(int, ids))], TweetId(int(floor)), settled_of(settled))

    async def push_many(self, pushes: Pushes) -> int:
        """See `TimelineStore`."""
        written = 0
        for run in runs_of(pushes):
            written += sum(await self._connection.run(self.push_calls(run), self._push_timeout_s))
        return written

    async def begin_build(self, viewer_id: UserId) -> int:
        """See `TimelineStore`."""
        key, token = self._key(viewer_id), self._token()
        await self._connection.one(Call(key, (1, key, _token_text(token), self._idle_ms), self._scripts.begin))
        return token

    async def finish_build(
        self, viewer_id: UserId, token: int, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> bool:
        """See `TimelineStore`."""
        key = self._key(viewer_id)
        brought = (_token_text(token), floor, settled_bytes(settled), descending(ids))
        words = (1, key, *brought, self._length, self._idle_ms)
        return bool(await self._connection.one(Call(key, words, self._scripts.finish)))

    async def reach(self, viewer_id: UserId) -> Reach | None:
        """See `TimelineStore`."""
        key = self._key(viewer_id)
        found = await self._connection.one(Call(key, ("LRANGE", key, -2, -1)))
        if not found:
            return None
        state, floor = found
        is_built, settled = state_of(state)
        return Reach(TweetId(int(floor)), settled, is_built)

    async def backfill(
        self, viewer_id: UserId, ids: Sequence[TweetId], floor: TweetId, settled: Mapping[int, int]
    ) -> None:
        """See `TimelineStore`."""
        key = self._key(viewer_id)
        words = (1, key, floor, settled_bytes(settled), descending(ids), self._length)
        await self._connection.one(Call(key, words, self._scripts.backfill))

    async def drop(self, viewer_ids: Sequence[UserId] | None) -> None:
        """See `TimelineStore`."""
        if viewer_ids is None:
            await sweep(self._connection, self._pattern)
            return
        by_tag: defaultdict[int, list[str]] = defaultdict(list)
        for viewer_id in viewer_ids:
            by_tag[tag_of(viewer_id, len(self._heads))].append(self._key(viewer_id))
        await self._connection.run([unlink(keys) for keys in by_tag.values()])

    async def check(self) -> int:
        """Drop lists that may lack what was pushed, since a replica has taken over; answer how many tags had any.

        To be called each second by those who push: until then pages may lack what the old master told nobody.
        """
        return await self._eras.check()

    def push_calls(self, pushes: Pushes) -> list[Call]:
        """Return the calls of one run of pushes, each of one hash tag and of a bounded size."""
        by_viewer: defaultdict[UserId, list[str]] = defaultdict(list)
        for entry_id, viewers in sorted(pushes, key=itemgetter(0)):
            text = str(entry_id)
            for viewer_id in viewers:
                ids = by_viewer[viewer_id]
                if not ids or ids[-1] != text:
                    ids.append(text)
        by_tag: list[list[tuple[str, list[str]]]] = [[] for _ in self._heads]
        for viewer_id, ids in by_viewer.items():
            tag = tag_of(viewer_id, len(self._heads))
            key = f"{self._heads[tag]}{viewer_id}"
            by_tag[tag] += [
                (key, ids[first : first + ARGUMENT_IDS_MAX]) for first in range(0, len(ids), ARGUMENT_IDS_MAX)
            ]
        return [self._push_call(few) for lists in by_tag for few in _cut(lists)]

    def _key(self, viewer_id: UserId) -> str:
        return f"{self._heads[tag_of(viewer_id, len(self._heads))]}{viewer_id}"

    def _push_call(self, lists: Sequence[tuple[str, list[str]]]) -> Call:
        keys = [key for key, _ in lists]
        most = max(len(ids) for _, ids in lists)
        words: Words = (len(keys), *keys, self._length, SLACK, most, *(" ".join(ids) for _, ids in lists))
        if len(lists) == 1:
            return Call(keys[0], words, self._scripts.push)
        return Call(keys[0], words, self._scripts.push, lambda: [self._push_call([each]) for each in lists])


def runs_of(pushes: Pushes) -> Iterator[Pushes]:
    """Cut pushes into runs of a bounded number of entries, as far as one push allows."""
    run: list[tuple[TweetId, Sequence[UserId]]] = []
    entries = 0
    for entry_id, viewers in pushes:
        for first in range(0, len(viewers), RUN_ENTRIES_MAX):
            some = viewers[first : first + RUN_ENTRIES_MAX]
            if run and entries + len(some) > RUN_ENTRIES_MAX:
                yield run
                run, entries = [], 0
            run.append((entry_id, some))
            entries += len(some)
    if run:
        yield run


def _cut(lists: Sequence[tuple[str, list[str]]]) -> Iterator[Sequence[tuple[str, list[str]]]]:
    """Cut the lists of one hash tag into calls of a bounded size."""
    first = entries = 0
    for place, (_, ids) in enumerate(lists):
        if place > first and (place - first == CALL_KEYS_MAX or entries + len(ids) > CALL_ENTRIES_MAX):
            yield lists[first:place]
            first, entries = place, 0
        entries += len(ids)
    if first < len(lists):
        yield lists[first:]


def _token_text(token: int) -> str:
    return f"{token:016x}"


_: type[TimelineStore] = RedisTimelineStore
