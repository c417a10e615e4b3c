"""The newest tweets of authors, found by reading a log backwards from a place, in chunks over their partitions."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loaders.places import Place, author_partition
from loaders.records import UserId
from realtime.events import MalformedEvent, Retweeted, TweetPosted, decode, is_bulk
from realtime.partitions import Layout
from realtime.ports import Logged

CHUNK_EVENTS = 500


class Readable(Protocol):
    """What is read: a log."""

    @property
    def layout(self) -> Layout:
        """Tell how the log is divided."""

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """Answer up to `limit` events with offsets above `after`, in order."""


@dataclass(slots=True)
class _Back:
    """How far back one partition has been read: everything above `after`, and up to a place."""

    partition: int
    after: int
    oldest_ms: int | None = None
    found: list[Logged] = field(default_factory=list)


async def newest_posted(
    log: Readable, author_ids: Sequence[int], upto: Place, limit: int, events_max: int
) -> Sequence[Logged]:
    """Return the newest `limit` tweets and retweets of these authors up to a place, newest first by the log's clock.

    At most `events_max` events are read. Where that does not suffice, older ones are missing, never newer ones.
    """
    authors, partitions = set(author_ids), log.layout.partitions
    lanes = [_Back(each, upto[each]) for each in sorted({author_partition(UserId(one), partitions) for one in authors})]
    left = events_max
    while left > 0 and (open_lanes := _unfinished(lanes, limit)):
        chunk = min(CHUNK_EVENTS, max(1, left // len(open_lanes)))
        open_lanes = open_lanes[:left]
        await asyncio.gather(*(_read_back(log, lane, authors, chunk) for lane in open_lanes))
        left -= chunk * len(open_lanes)
    unseen = [lane.oldest_ms for lane in lanes if lane.after > 0]
    if None in unseen:
        return []
    seen_back_to_ms = max((each or 0 for each in unseen), default=0)
    return [each for each in _newest(lanes, limit) if each.appended_at_ms >= seen_back_to_ms]


async def _read_back(log: Readable, lane: _Back, authors: set[int], chunk: int) -> None:
    after = max(0, lane.after - chunk)
    events = [each for each in await log.read(after, lane.after - after, lane.partition) if each.offset <= lane.after]
    # Nothing is left of what the log has forgotten; the rest of the chunk is then all there is.
    lane.after = after if events and events[0].offset == after + 1 else 0
    if events:
        lane.oldest_ms = events[0].appended_at_ms
    lane.found += [each for each in events if _is_posted_by(each.payload, authors)]


def _unfinished(lanes: Iterable[_Back], limit: int) -> list[_Back]:
    """Return the partitions that may hold something newer than the last of what was found so far."""
    lanes = list(lanes)
    found = _newest(lanes, limit)
    last_ms = found[-1].appended_at_ms if len(found) == limit else -1
    return [lane for lane in lanes if lane.after > 0 and (lane.oldest_ms is None or lane.oldest_ms >= last_ms)]


def _newest(lanes: Iterable[_Back], limit: int) -> list[Logged]:
    found = [each for lane in lanes for each in lane.found]
    found.sort(key=lambda each: (each.appended_at_ms, each.offset, each.partition), reverse=True)
    return found[:limit]


def _is_posted_by(payload: bytes, authors: set[int]) -> bool:
    if is_bulk(payload):
        return False
    try:
        event = decode(payload)
    except MalformedEvent:
        return False
    return isinstance(event, TweetPosted | Retweeted) and event.author_id in authors
