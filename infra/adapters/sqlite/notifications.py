"""NotificationStore on SQLite: in the file of all projections, a batch of events and its place in one transaction."""

from collections.abc import Collection, Sequence

from infra.adapters.sqlite.database import translated
from infra.adapters.sqlite.positions import move, position_of
from infra.adapters.sqlite.store import SQLiteStore
from loaders.notices import Notice, NoticeChange, NoticeKind, NotificationStore, Turn
from loaders.places import Place
from loaders.records import UserId

TABLES = """
CREATE TABLE IF NOT EXISTS notices (
    viewer_id INTEGER, kind TEXT, subject INTEGER, actor_id INTEGER, tweet_id INTEGER, place INTEGER NOT NULL,
    standing INTEGER NOT NULL, log_offset INTEGER NOT NULL, PRIMARY KEY (viewer_id, kind, subject, actor_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS notices_by_place ON notices (viewer_id, place, standing, tweet_id, log_offset);
CREATE TABLE IF NOT EXISTS notices_read (viewer_id INTEGER PRIMARY KEY, place INTEGER NOT NULL);
"""
GROUP = "notify"
UNWRITTEN_MAX = 1_000
"""So many events that tell nobody anything pass before the group's place is written down: they cost no commit."""
SLACK = 64
"""So many notices more than are kept may stand in the file: trimming costs less at once than one by one."""
NEWEST = (
    "SELECT kind, subject, actor_id, tweet_id, place, log_offset, standing FROM notices WHERE viewer_id = ?"
    " ORDER BY place DESC LIMIT ?"
)
LIKES = "SELECT count(*), coalesce(max(actor_id = ?), 0) FROM notices WHERE viewer_id = ? AND kind = ? AND subject = ?"
STANDS = (
    "INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET"
    " standing = 1, place = excluded.place, log_offset = excluded.log_offset"
    " WHERE NOT standing AND excluded.log_offset > log_offset"
)
REFUSED = (
    "INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT DO UPDATE SET log_offset = excluded.log_offset"
    " WHERE NOT standing AND excluded.log_offset > log_offset"
)
UNDONE = (
    "UPDATE notices SET standing = 0, log_offset = ?1"
    " WHERE viewer_id = ?2 AND kind = ?3 AND subject = ?4 AND actor_id = ?5 AND log_offset < ?1"
)
TRIM = (
    "DELETE FROM notices WHERE viewer_id = ?1 AND place <"
    " (SELECT place FROM notices WHERE viewer_id = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)"
)
READ = (
    "INSERT INTO notices_read VALUES (?, ?) ON CONFLICT (viewer_id) DO UPDATE SET place = max(place, excluded.place)"
    " RETURNING place"
)
KINDS = {kind.value: kind for kind in NoticeKind}


class SQLiteNotificationStore:
    """The notices of one data folder."""

    def __init__(self, store: SQLiteStore, kept: int = 1_000, likes_max: int = 20) -> None:
        self._connection = store.connection
        self._kept = kept
        self._likes_max = likes_max
        with translated():
            self._connection.executescript(TABLES)
            self._written = self._reached = position_of(self._connection, GROUP)

    async def newest(self, viewer_id: UserId) -> Sequence[Notice]:
        """See `NotificationStore`."""
        with translated():
            rows = self._connection.execute(NEWEST, (viewer_id, self._kept)).fetchall()
        return [
            Notice(viewer_id, KINDS[kind], subject, actor_id, tweet_id, place, 0, offset)
            for kind, subject, actor_id, tweet_id, place, offset, standing in rows
            if standing
        ]

    async def read_up_to(self, viewer_id: UserId) -> int:
        """See `NotificationStore`."""
        with translated():
            row = self._connection.execute(
                "SELECT place FROM notices_read WHERE viewer_id = ?", (viewer_id,)
            ).fetchone()
        return row[0] if row else 0

    async def mark_read(self, viewer_id: UserId, place: int) -> int:
        """See `NotificationStore`."""
        with translated():
            rows: list[tuple[int]] = self._connection.execute(READ, (viewer_id, place)).fetchall()
        return rows[0][0]

    async def apply(self, changes: Sequence[NoticeChange], offset: int, partition: int = 0) -> Collection[UserId]:
        """See `NotificationStore`."""
        del partition  # there is one
        told: set[UserId] = set()
        if changes or offset - self._written >= UNWRITTEN_MAX:
            with translated(), self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                for change in changes:
                    if self._applied(change):
                        told.add(change.notice.viewer_id)
                for viewer_id in told:
                    self._connection.execute(TRIM, (viewer_id, self._kept + SLACK))
                move(self._connection, GROUP, offset)
            self._written = offset
        self._reached = max(self._reached, offset)
        return told

    async def settle(self, _position: int = 0) -> None:
        """Write down how far the group has come, if that was put off: call it when idle."""
        if self._reached > self._written:
            with translated():
                move(self._connection, GROUP, self._reached)
            self._written = self._reached

    async def position(self, partition: int = 0) -> int:
        """See `NotificationStore`."""
        del partition
        with translated():
            return position_of(self._connection, GROUP)

    async def place(self, partitions: int) -> Place:
        """See `NotificationStore`."""
        del partitions
        return (self._reached,)

    def _applied(self, change: NoticeChange) -> bool:
        """Apply one change; answer whether a notice stands now that did not."""
        notice, connection = change.notice, self._connection
        kind = notice.kind.value
        if change.turn is Turn.UNDONE:
            undone = (notice.offset, notice.viewer_id, kind, notice.subject, notice.actor_id)
            connection.execute(UNDONE, undone)
            return False
        if notice.kind is NoticeKind.LIKE and self._is_full(notice):
            return False
        row = (notice.viewer_id, kind, notice.subject, notice.actor_id, notice.tweet_id, notice.place, notice.offset)
        if change.turn is Turn.REFUSED:
            connection.execute(REFUSED, row)
            return False
        return connection.execute(STANDS, row).rowcount > 0

    def _is_full(self, like: Notice) -> bool:
        """Tell whether a tweet has all the likes that are kept, and this is not one of them."""
        count, is_known = self._connection.execute(
            LIKES, (like.actor_id, like.viewer_id, like.kind.value, like.subject)
        ).fetchone()
        return count >= self._likes_max and not is_known


_: type[NotificationStore] = SQLiteNotificationStore
