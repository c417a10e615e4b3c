"""Notifications: what is kept of each act, and what a viewer is shown of it by the state of now."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from loaders.places import Place
from loaders.ports import GraphStore, TweetStore
from loaders.records import TweetId, UserId


class NoticeKind(Enum):
    """What an act is to the one who is told of it."""

    MENTION = "mention"
    REPLY = "reply"
    QUOTE = "quote"
    LIKE = "like"
    RETWEET = "retweet"
    FOLLOW = "follow"


class Notice(NamedTuple):
    """One act that a viewer is told of.

    Viewer, kind, `subject` and actor make it the same act: the subject is the tweet that mentions, replies, quotes or
    is liked, the retweet's own id, or the follower. `tweet_id` is the tweet to show, None of a follow. `place` orders a
    viewer's notices by time, and no two of one viewer have the same; `partition` and `offset` say where in the log the
    act stands.
    """

    viewer_id: UserId
    kind: NoticeKind
    subject: int
    actor_id: UserId
    tweet_id: TweetId | None
    place: int
    partition: int
    offset: int


class Turn(Enum):
    """What an event does to a notice."""

    STANDS = "stands"
    REFUSED = "refused"  # the act was done, but the viewer hid the actor at that time
    UNDONE = "undone"


class NoticeChange(NamedTuple):
    """What one event does to one notice; of one that is undone the place says nothing."""

    turn: Turn
    notice: Notice


class NotificationStore(Protocol):
    """The notices that the group `notify` has made, and how far each viewer has read.

    The newest of each viewer are kept, up to a limit; of the likes of one tweet the first ones, up to another.
    """

    async def newest(self, viewer_id: UserId) -> Sequence[Notice]:
        """Answer the notices that stand among those kept, newest first."""

    async def read_up_to(self, viewer_id: UserId) -> int:
        """Answer the place up to which a viewer has read, 0 at first."""

    async def mark_read(self, viewer_id: UserId, place: int) -> int:
        """Move a viewer's marker on, never back, by however many devices at once; answer where it is now."""

    async def apply(self, changes: Sequence[NoticeChange], offset: int, partition: int = 0) -> Collection[UserId]:
        """Apply what consecutive events of a partition up to an offset do; answer to whom something was told.

        Applying again changes nothing: a notice keeps the offset that changed it. One that stands stays where it is
        when the act is done again; one that was refused stays so, whatever is replayed.
        """

    async def position(self, partition: int = 0) -> int:
        """Answer an offset from which everything after it must be applied, 0 at first."""

    async def place(self, partitions: int) -> Place:
        """Answer up to where in the first so many partitions everything is applied that readers may be shown."""


@dataclass(frozen=True, slots=True)
class NoticeStores:
    """What notifications are read from: how many partitions the log has in all, and how many notices are kept.

    Of the likes of one tweet `likes_alone` stand alone, further ones together.
    """

    notices: NotificationStore
    tweets: TweetStore
    graph: GraphStore
    partitions: int
    kept: int = 1_000
    likes_alone: int = 3


class Shown(NamedTuple):
    """One notification: an act, or the likes of a tweet beyond the first few.

    `place` orders it and is what a marker is held against; `number` stays the same as long as likes are only added to
    it. `actor_id` did it, or was the last to; `places` are those of the acts behind it, oldest first.
    """

    number: int
    place: int
    kind: NoticeKind
    actor_id: UserId
    tweet_id: TweetId | None
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Notices:
    """All notifications of a viewer, newest first, as of a place in the log, and the acts behind them."""

    shown: Sequence[Shown]
    acts: Sequence[Notice]
    read_up_to: int
    place: Place

    @property
    def unread_count(self) -> int:
        """How many of them are new since the viewer's marker, on whichever device it was set."""
        return sum(1 for each in self.shown if each.place > self.read_up_to)


async def mark_read(viewer_id: UserId, place: int, stores: NoticeStores) -> Notices:
    """Let a viewer have read everything up to a place, and answer what is shown now.

    What comes later is new, whatever place was named: there is nothing yet to have read beyond the newest notice.
    """
    kept = await stores.notices.newest(viewer_id)
    await stores.notices.mark_read(viewer_id, min(place, kept[0].place if kept else 0))
    return await read_notices(viewer_id, stores)


async def read_notices(viewer_id: UserId, stores: NoticeStores) -> Notices:
    """Read what a viewer is shown; who is hidden now, and what is gone now, is left out (V1)."""
    # The place comes first: what it covers can all be read, and what is read beyond it comes with a later place.
    place = await stores.notices.place(stores.partitions)
    kept, read_up_to, relations = await asyncio.gather(
        stores.notices.newest(viewer_id), stores.notices.read_up_to(viewer_id), stores.graph.relations(viewer_id)
    )
    acts = [each for each in kept if each.offset <= place[each.partition] and each.actor_id not in relations.hidden]
    ids = list({each.tweet_id for each in acts if each.tweet_id is not None})
    entries = await stores.tweets.entries(ids) if ids else ()
    stands = {entry.id for entry in entries if entry is not None and entry.gone_at is None}
    acts = [each for each in acts if each.tweet_id is None or each.tweet_id in stands]
    return Notices(shown(acts, stores.likes_alone), acts, read_up_to, place)


def shown(acts: Sequence[Notice], likes_alone: int) -> list[Shown]:
    """Group the likes of each tweet beyond the first few, at the place of the newest; `acts` come newest first."""
    likes: defaultdict[int, list[Notice]] = defaultdict(list)
    for act in reversed(acts):
        if act.kind is NoticeKind.LIKE:
            likes[act.subject].append(act)
    groups = [of[likes_alone:] for of in likes.values()]
    grouped = {act.place: group for group in groups for act in group}
    found = []
    for act in acts:
        group = grouped.get(act.place)
        if group is None:
            found.append(Shown(act.place, act.place, act.kind, act.actor_id, act.tweet_id, (act.place,)))
        elif act is group[-1]:
            places = tuple(each.place for each in group)
            found.append(Shown(places[0], act.place, act.kind, act.actor_id, act.tweet_id, places))
    return found


def place_at(kept: Sequence[Notice], place: Place) -> int:
    """Return the newest place among notices that a place in the log covers, 0 if it covers none."""
    covered = [each.place for each in kept if each.partition < len(place) and each.offset <= place[each.partition]]
    return max(covered, default=0)
