"""The read half of the heart: gather pushed and pulled entries, merge, hide, page; go on until the page is full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from loaders.budget import Budget
from loaders.cursors import LiveCursor, encode_cursor, encode_live
from loaders.errors import Unavailable
from loaders.known import Known, Memory
from loaders.merge import Source, cut_source, merge
from loaders.page import PageInfo, PageRequest
from loaders.places import author_partition, pair_partition, settles
from loaders.ports import CachedTimeline, GraphStore, HubPlace, PolicyStore, Slice, SliceOf, TimelineStore, TweetStore
from loaders.pull import SLICE_MIN, Range, ReadSlices, pull
from loaders.rebuild import Rebuilds
from loaders.records import Delivery, Entry, Relations, Switch, TweetId, UserId
from loaders.rules import (
    RETWEET_WINDOW,
    delivery_at,
    is_shown_author,
    pulls_between,
    shown_flags,
    sources,
    visible,
)

ROUND_WANT_MAX = 800


class HomeEdge(NamedTuple):
    """An entry as a page shows it."""

    entry: Entry
    cursor: str
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class HomePage:
    """A page of a home timeline, newest first.

    `live_cursor` is the place in the log that the page reflects; `complete` is False when the scan stopped at its
    budget and not at the page's end (F8), and when entries were lacking where the stores did not answer. A page that
    `is_remembered` was made without them. `relations` are those of the viewer by which it was judged.
    """

    edges: Sequence[HomeEdge]
    page_info: PageInfo
    live_cursor: str
    complete: bool
    is_remembered: bool
    relations: Relations


@dataclass(slots=True)
class Served:
    """What pages were made of, counted since the start: those left incomplete, and entries by how they came."""

    pages: int = 0
    incomplete: int = 0
    entries: int = 0
    pulled: int = 0


@dataclass(frozen=True, slots=True)
class HomeStores:
    """What reading home timelines needs: the stores, the hub's place, the log's epoch, and the limits.

    `known` is what pages are made of where stores that are servers do not answer. `served` counts
    what pages were made of.
    """

    tweets: TweetStore
    graph: GraphStore
    policy: PolicyStore
    timelines: TimelineStore
    rebuilds: Rebuilds
    place: HubPlace
    epoch: int
    scan_rounds_max: int = 12
    pulls: Budget = field(default_factory=lambda: Budget("timelines are read without a cache", 256))
    known: Known | None = None
    served: Served = field(default_factory=Served)


@dataclass(frozen=True, slots=True)
class Scan:
    """Visible entries in reading order, and the id up to which the range was read; None where it was read whole."""

    entries: list[Entry]
    reached: TweetId | None


async def read_home(viewer_id: UserId, request: PageRequest, stores: HomeStores, read: ReadSlices) -> HomePage:
    """Answer one page of the viewer's home timeline.

    Hiding never shortens a page while there is more, but for the one bounded case of F8. The place is copied before
    any source is read (L3).
    """
    place, memory = stores.place(), Memory(viewer_id, stores.known)
    relations = await memory.relations(stores.graph)
    switches = await stores.policy.switches()
    if request.backward:
        shown, more, stopped = await _backward(relations, switches, request, stores, read, memory)
    else:
        shown, more, stopped = await _forward(relations, switches, request, stores, read, memory)
    edges = [
        HomeEdge(entry, encode_cursor(entry.id), delivery_at(entry.id, switches.get(entry.author_id)))
        for entry in shown
    ]
    behind = (request.above if request.backward else request.below) is not None
    start, end = (edges[0].cursor, edges[-1].cursor) if edges else (None, None)
    if stopped is not None:
        start, end = (encode_cursor(stopped), end) if request.backward else (start, encode_cursor(stopped))
    info = PageInfo(
        has_next_page=behind if request.backward else more,
        has_previous_page=more if request.backward else behind,
        start_cursor=start,
        end_cursor=end,
    )
    _count(stores.served, edges, stopped is not None)
    least = min(place)
    newer = [entry for entry in shown if entry.offset > least]
    beyond = frozenset([e.id for e in newer if e.offset > place[author_partition(e.author_id, len(place))]])
    is_complete = stopped is None and memory.is_whole
    cursor = encode_live(LiveCursor(stores.epoch, place, beyond=beyond))
    return HomePage(edges, info, cursor, is_complete, memory.is_used, relations)


async def _forward(
    relations: Relations,
    switches: Mapping[UserId, Sequence[Switch]],
    request: PageRequest,
    stores: HomeStores,
    read: ReadSlices,
    memory: Memory,
) -> tuple[list[Entry], bool, TweetId | None]:
    below = None if request.below is None else TweetId(request.below)
    size, above = request.size, request.above or 0
    # Hiding takes its share, mostly of replies: with some to spare, one gathering fills nearly every page.
    want = 2 * size + 1 + RETWEET_WINDOW
    found: list[Entry] = []
    within = Range(below=below)
    for _ in range(stores.scan_rounds_max):
        scan = await scan_visible(relations, switches, within, want - len(found), stores, read, memory)
        found += scan.entries
        settled = len(found) if scan.reached is None else _settled(found)
        shown = [entry for entry in _shown(found)[:settled] if entry is not None and entry.id > above]
        if len(shown) > size or scan.reached is None or scan.reached <= above:
            return shown[:size], len(shown) > size, None
        within = within.beyond(scan.reached)
        want = len(found) + min(2 * want, ROUND_WANT_MAX)
    # The budget is spent: what was found goes out, judged by what is known, so that the next page makes headway.
    return [entry for entry in _shown(found) if entry is not None][:size], True, scan.reached


async def _backward(
    relations: Relations,
    switches: Mapping[UserId, Sequence[Switch]],
    request: PageRequest,
    stores: HomeStores,
    read: ReadSlices,
    memory: Memory,
) -> tuple[list[Entry], bool, TweetId | None]:
    """Read upwards from the lower bound. A retweet is judged by what is older, so some entries below come first."""
    older: list[Entry] = []
    upwards = Range(above=TweetId(request.above or 0), ascending=True)
    if request.above is not None:
        downwards = Range(below=TweetId(request.above + 1))
        while len(older) < RETWEET_WINDOW:
            lacking = RETWEET_WINDOW - len(older)
            scan = await scan_visible(relations, switches, downwards, lacking, stores, read, memory)
            older += scan.entries
            if scan.reached is None:
                break
            downwards = downwards.beyond(scan.reached)
        older = older[:RETWEET_WINDOW]
    newer: list[Entry] = []
    want = request.size + 1
    for _ in range(stores.scan_rounds_max):
        scan = await scan_visible(relations, switches, upwards, want, stores, read, memory)
        newer += scan.entries
        sequence = [*reversed(newer), *older]
        shown = [entry for entry in _shown(sequence)[: len(newer)] if entry is not None]
        if request.below is not None:
            shown = [entry for entry in shown if entry.id < request.below]
        if len(shown) > request.size or scan.reached is None:
            return shown[-request.size :], len(shown) > request.size, None
        upwards = upwards.beyond(scan.reached)
        want = min(2 * want, ROUND_WANT_MAX)
    return shown[-request.size :], True, scan.reached


async def scan_visible(
    relations: Relations,
    switches: Mapping[UserId, Sequence[Switch]],
    within: Range,
    want: int,
    stores: HomeStores,
    read: ReadSlices,
    memory: Memory | None = None,
) -> Scan:
    """Gather and hide once: visible entries of a range, in reading order, as far as one gathering reaches.

    It may answer fewer than wanted, none included; the caller goes on from `reached` until it is None. Only what is
    asked with a `memory` does without the stores.
    """
    memory = memory or Memory(relations.viewer_id, None)
    source = await _gather(relations, switches, within, want, stores, read, memory)
    entries = [entry for entry in source.entries if visible(entry, relations)]
    return Scan(entries, source.complete_to)


async def _gather(
    relations: Relations,
    switches: Mapping[UserId, Sequence[Switch]],
    within: Range,
    want: int,
    stores: HomeStores,
    read: ReadSlices,
    memory: Memory,
) -> Source:
    cached = None if within.ascending else await _cached(relations.viewer_id, within.below, want, stores)
    if cached is None or (within.below is not None and within.below <= cached.floor + 1):
        # Below the list's floor, and while there is no list, the stores are the timeline: the same pull as a rebuild.
        if memory.is_used:
            raise Unavailable("The stores do not answer, and there is no list of this", retry_after_s=1.0)
        with stores.pulls.taken():
            return await pull(read, sources(relations), within, want)
    pushed = await memory.entries(stores.tweets, cached.ids)
    if len(cached.ids) >= want:
        head = Source(pushed, cached.ids[-1])
    else:
        head = Source(pushed, TweetId(cached.floor + 1) if cached.floor else None)
    authors = pulled_authors(relations, switches, cached, within.below, len(stores.place()))
    if not authors:
        return merge([head])
    # Each gives a little more than its share; where one has more to say, the merge ends at its hole and goes on there.
    limit = min(want, max(SLICE_MIN, -(-2 * want // (len(authors) + 1))))
    slices = [Slice(SliceOf.AUTHOR, author, limit, within.below) for author in authors]
    pulled = await memory.slices(read, slices)
    return merge([head] if pulled is None else [head, *(cut_source(entries, limit) for entries in pulled)])


async def _cached(viewer_id: UserId, below: TweetId | None, want: int, stores: HomeStores) -> CachedTimeline | None:
    """Answer the viewer's list, rebuilt if it was lost; None where the cache does not answer: the stores do."""
    try:
        cached = await stores.timelines.newest(viewer_id, below, want)
        if cached is None and await stores.rebuilds.rebuild(viewer_id):
            cached = await stores.timelines.newest(viewer_id, below, want)
    except Unavailable:
        return None
    return cached


def _count(served: Served, edges: Sequence[HomeEdge], is_incomplete: bool) -> None:
    served.pages += 1
    served.incomplete += is_incomplete
    served.entries += len(edges)
    # An enumeration's member costs more to name than a page's entries to look at.
    pulled = Delivery.PULLED
    served.pulled += len([edge for edge in edges if edge.delivery is pulled])


def pulled_authors(
    relations: Relations,
    switches: Mapping[UserId, Sequence[Switch]],
    cached: CachedTimeline,
    below: TweetId | None,
    partitions: int,
) -> list[UserId]:
    """Return the authors that a list lacks: who is pulled within its reach, and whose edge is newer than the list."""
    follows, viewer_id, floor = relations.follows, relations.viewer_id, cached.floor
    if len(switches) < len(follows):
        known = [author for author in switches if author in follows or author == viewer_id]
    else:
        known = [author for author in (*follows, viewer_id) if author in switches]
    lacking = [author for author in known if pulls_between(switches[author], floor, below)]
    if not settles(cached.settled, relations.newest_edges):
        lacking += [
            author
            for author, offset in follows.items()
            if offset > cached.settled.get(pair_partition(viewer_id, author, partitions), 0)
        ]
    return [author for author in dict.fromkeys(lacking) if is_shown_author(author, relations)]


def _settled(found: Sequence[Entry]) -> int:
    """Count the leading entries whose fate no older entry can change any more."""
    count = max(0, len(found) - RETWEET_WINDOW)
    while count < len(found) and not found[count].is_retweet:
        count += 1
    return count


def _shown(found: Sequence[Entry]) -> list[Entry | None]:
    flags = shown_flags([(entry.id, entry.root_id) for entry in found])
    return [entry if flag else None for entry, flag in zip(found, flags, strict=True)]
