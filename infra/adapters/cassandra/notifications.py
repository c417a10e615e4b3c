"""NotificationStore on Cassandra and ScyllaDB: what each act is now, and the lists that show it, in this order.

A crash between the two is a replay, which finds the act as it was and writes the list again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from infra.adapters.cassandra.listings import DAY_MS
from infra.adapters.cassandra.positions import move, place_of, position_of
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import Stamp, offset_in, stamp_of
from loaders.ids import milliseconds_of
from loaders.notices import Notice, NoticeChange, NoticeKind, NotificationStore, Turn
from loaders.places import Place
from loaders.records import TweetId, UserId

GROUP = "notify"
KEPT_FOR_S = 90 * 86_400
BUCKETS_PER_READ = 8
ACTS = "SELECT actor_id, place, standing, stamp FROM notice_acts WHERE viewer_id = ? AND kind = ? AND subject = ?"
KEEP_ACT = (
    "INSERT INTO notice_acts (viewer_id, kind, subject, actor_id, place, standing, stamp) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " USING TTL ? AND TIMESTAMP ?"
)
LIST = (
    "INSERT INTO notices_by_viewer"
    " (viewer_id, bucket, place, kind, subject, actor_id, tweet_id, log_partition, standing, stamp)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, true, ?) USING TTL ? AND TIMESTAMP ?"
)
LIST_BUCKET = "INSERT INTO notices_by_viewer_buckets (viewer_id, bucket) VALUES (?, ?) USING TTL ? AND TIMESTAMP ?"
UNLIST = (
    "UPDATE notices_by_viewer USING TTL ? AND TIMESTAMP ? SET standing = false"
    " WHERE viewer_id = ? AND bucket = ? AND place = ?"
)
BUCKETS = "SELECT bucket FROM notices_by_viewer_buckets WHERE viewer_id = ?"
NEWEST = (
    "SELECT place, kind, subject, actor_id, tweet_id, log_partition, standing, stamp FROM notices_by_viewer"
    " WHERE viewer_id = ? AND bucket = ? LIMIT ?"
)
READ_UP_TO = "SELECT place FROM notices_read WHERE viewer_id = ?"
MARK_READ = "INSERT INTO notices_read (viewer_id, place) VALUES (?, ?) USING TIMESTAMP ?"
NUMBERS = {
    NoticeKind.MENTION: 0,
    NoticeKind.REPLY: 1,
    NoticeKind.QUOTE: 2,
    NoticeKind.LIKE: 3,
    NoticeKind.RETWEET: 4,
    NoticeKind.FOLLOW: 5,
}
KINDS = {number: kind for kind, number in NUMBERS.items()}

_Acts = tuple[UserId, int, int]
"""Viewer, number of the kind, and subject: the partition of an act."""


class _Act(NamedTuple):
    place: int
    standing: bool
    stamp: Stamp


class CassandraNotificationStore:
    """The notices of one keyspace, as the log of one epoch makes them. They live for 90 days."""

    def __init__(self, session: CassandraSession, epoch: int, kept: int = 1_000, likes_max: int = 20) -> None:
        self._session = session
        self._epoch = epoch
        self._kept = kept
        self._likes_max = likes_max

    async def newest(self, viewer_id: UserId) -> Sequence[Notice]:
        """See `NotificationStore`."""
        buckets = [row[0] for row in await self._session.rows(BUCKETS, viewer_id)]
        found: list[Notice] = []
        for start in range(0, len(buckets), BUCKETS_PER_READ):
            some = buckets[start : start + BUCKETS_PER_READ]
            for rows in await self._session.many(NEWEST, [(viewer_id, bucket, self._kept) for bucket in some]):
                found += [
                    Notice(
                        viewer_id,
                        KINDS[kind],
                        subject,
                        actor_id,
                        TweetId(tweet_id) if tweet_id else None,
                        place,
                        partition,
                        offset_in(self._epoch, stamp),
                    )
                    for place, kind, subject, actor_id, tweet_id, partition, standing, stamp in rows
                    # What fell before it stood, in a replay, has nothing but that.
                    if standing and kind is not None
                ]
            if len(found) >= self._kept:
                break
        return found[: self._kept]

    async def read_up_to(self, viewer_id: UserId) -> int:
        """See `NotificationStore`."""
        rows = await self._session.rows(READ_UP_TO, viewer_id)
        return int(rows[0][0]) if rows else 0

    async def mark_read(self, viewer_id: UserId, place: int) -> int:
        """See `NotificationStore`: the place is the timestamp, so that the highest of several stands."""
        await self._session.write(MARK_READ, viewer_id, place, place)
        return await self.read_up_to(viewer_id)

    async def apply(self, changes: Sequence[NoticeChange], offset: int, partition: int = 0) -> Collection[UserId]:
        """See `NotificationStore`."""
        folded = _Folded(self._epoch, self._likes_max, await self._acts(changes))
        for change in changes:
            folded.apply(change)
        await self._session.write_many([[statement] for statement in folded.lists])
        await self._session.write_many([[statement] for statement in folded.acts.values()])
        await move(self._session, GROUP, self._epoch, partition, offset)
        return folded.told

    async def position(self, partition: int = 0) -> int:
        """See `NotificationStore`."""
        return await position_of(self._session, GROUP, self._epoch, partition)

    async def place(self, partitions: int) -> Place:
        """See `NotificationStore`."""
        return await place_of(self._session, GROUP, self._epoch, partitions)

    async def _acts(self, changes: Sequence[NoticeChange]) -> dict[_Acts, dict[UserId, _Act]]:
        keys = list({_key(change.notice) for change in changes})
        answers = await self._session.many(ACTS, keys) if keys else ()
        return {key: {row[0]: _Act(*row[1:]) for row in rows} for key, rows in zip(keys, answers, strict=True)}


class _Folded:
    """What changes do to acts that were read, and what is to be written for it: no two workers change one act."""

    def __init__(self, epoch: int, likes_max: int, known: Mapping[_Acts, dict[UserId, _Act]]) -> None:
        self._epoch = epoch
        self._likes_max = likes_max
        self._known = known
        self.lists: list[Statement] = []
        self.acts: dict[tuple[_Acts, UserId], Statement] = {}
        self.told: set[UserId] = set()

    def apply(self, change: NoticeChange) -> None:
        """Apply one change, as every adapter does."""
        notice, stamp = change.notice, stamp_of(self._epoch, change.notice.offset)
        acts = self._known[_key(notice)]
        act = acts.get(notice.actor_id)
        if change.turn is Turn.UNDONE:
            if act is not None and act.stamp < stamp:
                if act.standing:
                    self._unlist(notice, act.place, stamp)
                self._keep(notice, _Act(act.place, standing=False, stamp=stamp))
        elif act is None:
            if notice.kind is not NoticeKind.LIKE or len(acts) < self._likes_max:
                self._stand(notice, change.turn is Turn.STANDS, stamp)
        elif not act.standing and act.stamp < stamp:
            self._stand(notice, change.turn is Turn.STANDS, stamp)

    def _stand(self, notice: Notice, stands: bool, stamp: Stamp) -> None:
        if stands:
            self.told.add(notice.viewer_id)
            bucket, tweet_id = _bucket(notice.place), notice.tweet_id or 0
            row = (notice.place, NUMBERS[notice.kind], notice.subject, notice.actor_id, tweet_id, notice.partition)
            self.lists.append((LIST, (notice.viewer_id, bucket, *row, stamp, KEPT_FOR_S, stamp)))
            self.lists.append((LIST_BUCKET, (notice.viewer_id, bucket, KEPT_FOR_S, stamp)))
        self._keep(notice, _Act(notice.place, stands, stamp))

    def _unlist(self, notice: Notice, place: int, stamp: Stamp) -> None:
        self.lists.append((UNLIST, (KEPT_FOR_S, stamp, notice.viewer_id, _bucket(place), place)))

    def _keep(self, notice: Notice, act: _Act) -> None:
        self._known[_key(notice)][notice.actor_id] = act
        values = (*_key(notice), notice.actor_id, act.place, act.standing, act.stamp, KEPT_FOR_S, act.stamp)
        self.acts[_key(notice), notice.actor_id] = (KEEP_ACT, values)


def _key(notice: Notice) -> _Acts:
    return notice.viewer_id, NUMBERS[notice.kind], notice.subject


def _bucket(place: int) -> int:
    return milliseconds_of(place) // DAY_MS


_: type[NotificationStore] = CassandraNotificationStore
