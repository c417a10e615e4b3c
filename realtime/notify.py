"""The handler of the group `notify`: from events to the notices that they make, keep from being made, or end."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loaders.entities import extract
from loaders.ids import TIME_SHIFT
from loaders.notices import Notice, NoticeChange, NoticeKind, NotificationStore, Turn
from loaders.places import spot
from loaders.ports import GraphStore, TweetStore, UserStore
from loaders.records import Entry, TweetId, User, UserId
from realtime.events import (
    LikeChanged,
    MalformedEvent,
    RelationChanged,
    Retweeted,
    RetweetUndone,
    TweetPosted,
    Verb,
    decode,
    is_bulk,
)
from realtime.ports import Broadcast, Logged, Reference
from realtime.references import NOTIFIED

SPOTS = (1 << TIME_SHIFT) - 1


class Notify:
    """Handles events that the group `store` has applied; what is imported is history and tells nobody anything.

    `partitions` counts all of the log's, those of likes included.
    """

    def __init__(
        self,
        notices: NotificationStore,
        tweets: TweetStore,
        users: UserStore,
        graph: GraphStore,
        broadcast: Broadcast,
        partitions: int = 1,
    ) -> None:
        self._notices = notices
        self._tweets = tweets
        self._users = users
        self._graph = graph
        self._broadcast = broadcast
        self._partitions = partitions

    async def handle(self, batch: Sequence[Logged], _previous: int) -> None:
        """Handle consecutive events: keep what they change, then wake the streams of those told something."""
        acts = [act for logged in batch if (act := concerning(logged, self._partitions)) is not None]
        changes = await self._changes(acts) if acts else ()
        told = await self._notices.apply(changes, batch[-1].offset, batch[0].partition)
        if told:
            await self._broadcast.publish([Reference(batch[0].partition, 0, 0, NOTIFIED, tuple(told))])

    async def _changes(self, acts: Sequence["Act"]) -> Sequence[NoticeChange]:
        ids = list({tweet_id for act in acts for tweet_id in act.tweet_ids})
        entries = await self._tweets.entries(ids) if ids else ()
        by_id = {entry.id: entry for entry in entries if entry is not None}
        handles = list({handle for act in acts for handle in act.handles})
        users = await self._users.by_handles(handles) if handles else {}
        return await self._refused([change for act in acts for change in act.changes(by_id, users)])

    async def _refused(self, changes: Sequence[NoticeChange]) -> Sequence[NoticeChange]:
        """Refuse what was done by somebody whom the one to be told hides, and follows that a block refused."""
        actors: defaultdict[UserId, set[UserId]] = defaultdict(set)
        for change in changes:
            if change.turn is Turn.STANDS:
                actors[change.notice.viewer_id].add(change.notice.actor_id)
        hidden, following = set[tuple[UserId, UserId]](), set[tuple[UserId, UserId]]()
        for viewer_id, ids in actors.items():
            asked = list(ids)
            for actor_id, each in zip(asked, await self._graph.standings(viewer_id, asked), strict=True):
                if each.has_muted or each.has_blocked or each.is_blocked_by:
                    hidden.add((viewer_id, actor_id))
                if each.follows_viewer:
                    following.add((viewer_id, actor_id))

        def is_refused(notice: Notice) -> bool:
            pair = (notice.viewer_id, notice.actor_id)
            return pair in hidden or (notice.kind is NoticeKind.FOLLOW and pair not in following)

        return [
            change._replace(turn=Turn.REFUSED) if change.turn is Turn.STANDS and is_refused(change.notice) else change
            for change in changes
        ]


@dataclass(frozen=True, slots=True)
class Act:
    """An event that may concern somebody: what must be looked up to tell, and then what it changes. Pure."""

    event: TweetPosted | Retweeted | RetweetUndone | LikeChanged | RelationChanged
    logged: Logged
    place: int
    tweet_ids: tuple[TweetId, ...] = ()
    handles: tuple[str, ...] = ()

    def changes(self, entries: Mapping[TweetId, Entry], users: Mapping[str, User]) -> Sequence[NoticeChange]:
        """Return the changes, without those that would tell actors of their own acts."""
        match self.event:
            case TweetPosted() as event:
                # The first place of an id wins (P2).
                entry = entries.get(event.id)
                if entry is None or entry.offset != self.logged.offset:
                    return ()
                told = self._told(event, entries, users)
                return _of_others(
                    self._change(Turn.STANDS, viewer_id, kind, event.id, event.author_id, event.id)
                    for viewer_id, kind in told.items()
                )
            case Retweeted() as event:
                entry = entries.get(event.id)
                if entry is None or entry.offset != self.logged.offset:
                    return ()
                return _of_others([self._retweet(Turn.STANDS, event.root_author_id, event)])
            case RetweetUndone() as event:
                root = entries.get(event.root_id)
                return () if root is None else _of_others([self._retweet(Turn.UNDONE, root.author_id, event)])
            case LikeChanged() as event:
                liked = entries.get(event.tweet_id)
                if liked is None:
                    return ()
                turn = Turn.STANDS if event.liked else Turn.UNDONE
                tweet_id = event.tweet_id
                return _of_others(
                    [self._change(turn, liked.author_id, NoticeKind.LIKE, tweet_id, event.user_id, tweet_id)]
                )
            case RelationChanged() as event:
                return _of_others(self._follows(event))

    def _told(
        self, event: TweetPosted, entries: Mapping[TweetId, Entry], users: Mapping[str, User]
    ) -> dict[UserId, NoticeKind]:
        """Return who is told of a tweet, each once: that it replies says more than that it quotes or mentions."""
        told = {users[handle].id: NoticeKind.MENTION for handle in self.handles if handle in users}
        if event.quoted_id is not None and (quoted := entries.get(event.quoted_id)) is not None:
            told[quoted.author_id] = NoticeKind.QUOTE
        if event.reply_author_id is not None:
            told[event.reply_author_id] = NoticeKind.REPLY
        return told

    def _follows(self, event: RelationChanged) -> Sequence[NoticeChange]:
        pairs = [(event.actor_id, event.target_id)]
        if event.verb is Verb.BLOCK:  # it ends the follows both ways
            pairs.append((event.target_id, event.actor_id))
        turn = Turn.STANDS if event.verb is Verb.FOLLOW else Turn.UNDONE
        return [
            self._change(turn, followee_id, NoticeKind.FOLLOW, follower_id, follower_id, None)
            for follower_id, followee_id in pairs
        ]

    def _retweet(self, turn: Turn, viewer_id: UserId, event: Retweeted | RetweetUndone) -> NoticeChange:
        return self._change(turn, viewer_id, NoticeKind.RETWEET, event.id, event.author_id, event.root_id)

    def _change(
        self, turn: Turn, viewer_id: UserId, kind: NoticeKind, subject: int, actor_id: UserId, tweet_id: TweetId | None
    ) -> NoticeChange:
        logged = self.logged
        return NoticeChange(
            turn, Notice(viewer_id, kind, subject, actor_id, tweet_id, self.place, logged.partition, logged.offset)
        )


def _of_others(changes: Iterable[NoticeChange]) -> Sequence[NoticeChange]:
    return [each for each in changes if each.notice.viewer_id != each.notice.actor_id]


def concerning(logged: Logged, partitions: int) -> Act | None:
    """Return what an event in the log may tell somebody; None of what concerns nobody, which is most."""
    if is_bulk(logged.payload):
        return None
    try:
        event = decode(logged.payload)
    except MalformedEvent:
        return None  # the group `store` has buried it
    place = place_of(logged, partitions)
    match event:
        case TweetPosted():
            handles = mentioned(event.text)
            if not handles and event.reply_author_id is None and event.quoted_id is None:
                return None
            quoted = () if event.quoted_id is None else (event.quoted_id,)
            return Act(event, logged, place, (event.id, *quoted), handles)
        case Retweeted() | RetweetUndone() | LikeChanged():
            return Act(event, logged, place, (_asked_about(event),))
        case RelationChanged(verb=Verb.FOLLOW | Verb.UNFOLLOW | Verb.BLOCK):
            return Act(event, logged, place)
        case _:
            return None


def _asked_about(event: Retweeted | RetweetUndone | LikeChanged) -> TweetId:
    match event:
        case Retweeted():
            return event.id
        case RetweetUndone():
            return event.root_id
        case LikeChanged():
            return event.tweet_id


def mentioned(text: str) -> tuple[str, ...]:
    """Return the handles that a text mentions, in lower case, each once."""
    if "@" not in text and "＠" not in text:
        return ()
    return tuple(dict.fromkeys(mention.handle.lower() for mention in extract(text).mentions))


def place_of(logged: Logged, partitions: int) -> int:
    """Return where an event's notices stand in a viewer's list: by time, and apart from those of any other event."""
    return logged.appended_at_ms << TIME_SHIFT | spot(logged.partition, logged.offset, partitions) & SPOTS
