"""Why a tweet is, or is not, in a viewer's home timeline."""

from dataclasses import dataclass
from enum import Enum

from loaders.home import HomeStores, read_home
from loaders.page import PageRequest
from loaders.places import author_partition
from loaders.ports import Slice, SliceOf
from loaders.records import Delivery, Entry, Relations, TweetId, UserId
from loaders.rules import belongs, delivery_at, is_source, may_see
from realtime.ports import EventLog, Progress

SLICE_SIZE, SLICES_MAX = 500, 40
"""Twenty thousand retweets of a tweet are looked through for one by somebody followed."""
LAG_MAX_MS = 2**31 - 1
"""What GraphQL's Int holds, 24 days: a longer lag is told as this one."""


class Reason(Enum):
    """The rule that decides."""

    OWN_TWEET = "own_tweet"
    FOLLOWED_AUTHOR = "followed_author"
    RETWEETED_BY_FOLLOWED = "retweeted_by_followed"
    NOT_FOLLOWED = "not_followed"
    AUTHOR_MUTED = "author_muted"
    BLOCKED = "blocked"
    REPLY_TO_NOT_FOLLOWED = "reply_to_not_followed"
    DELETED = "deleted"
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a tweet shows, why, how it is delivered, and how long its fan-out took, where that is known."""

    present: bool
    reason: Reason
    delivery: Delivery
    fan_out_lag_ms: int | None


async def explain(
    viewer_id: UserId, tweet_id: TweetId, home: HomeStores, log: EventLog, progress: Progress
) -> Explanation | None:
    """Tell why a tweet is or is not in the timeline, by itself or by a retweet; None for an unknown one."""
    (entry,) = await home.tweets.entries([tweet_id])
    if entry is None or entry.is_retweet:
        return None
    relations = await home.graph.relations(viewer_id)
    bearer, present, reason = await _judge(entry, relations, home)
    switches = (await home.policy.switches()).get(bearer.author_id)
    lag_ms = await _lag_ms(bearer, log, progress)
    return Explanation(present, reason, delivery_at(bearer.id, switches), lag_ms)


async def _judge(entry: Entry, relations: Relations, home: HomeStores) -> tuple[Entry, bool, Reason]:
    if entry.gone_at is not None:
        return entry, False, Reason.DELETED
    if not may_see(entry.author_id, relations):
        return entry, False, Reason.BLOCKED
    if entry.author_id in relations.mutes:
        return entry, False, Reason.AUTHOR_MUTED
    if belongs(entry, relations):
        if not await _is_shown(entry, relations.viewer_id, home):
            return entry, False, Reason.NOT_YET
        own = entry.author_id == relations.viewer_id
        return entry, True, Reason.OWN_TWEET if own else Reason.FOLLOWED_AUTHOR
    bearer = await _bearer(entry, relations, home)
    if bearer is not None:
        is_shown = await _is_shown(bearer, relations.viewer_id, home)
        return bearer, is_shown, Reason.RETWEETED_BY_FOLLOWED if is_shown else Reason.NOT_YET
    followed = is_source(entry.author_id, relations)
    return entry, False, Reason.REPLY_TO_NOT_FOLLOWED if followed else Reason.NOT_FOLLOWED


async def _bearer(root: Entry, relations: Relations, home: HomeStores) -> Entry | None:
    """Return the oldest retweet that belongs to the timeline: younger ones may repeat it, and it repeats none."""
    above = root.id
    for _ in range(SLICES_MAX):
        cut = Slice(SliceOf.RETWEETS, root.id, SLICE_SIZE, above=above, ascending=True)
        (retweets,) = await home.tweets.slices([cut])
        for retweet in retweets:
            if retweet.gone_at is None and belongs(retweet, relations):
                return retweet
        if len(retweets) < SLICE_SIZE:
            break
        above = retweets[-1].id
    return None


async def _is_shown(entry: Entry, viewer_id: UserId, home: HomeStores) -> bool:
    page = await read_home(viewer_id, PageRequest(1, below=entry.id + 1), home, home.tweets.slices)
    return bool(page.edges) and page.edges[0].entry.id == entry.id


async def _lag_ms(entry: Entry, log: EventLog, progress: Progress) -> int | None:
    partition = author_partition(entry.author_id, log.layout.partitions)
    logged = await log.read(entry.offset - 1, 1, partition)
    handled_at_ms = await progress.handled_at_ms(entry.offset, partition)
    if not logged or logged[0].offset != entry.offset or handled_at_ms is None:
        return None
    return min(max(0, handled_at_ms - logged[0].appended_at_ms), LAG_MAX_MS)
