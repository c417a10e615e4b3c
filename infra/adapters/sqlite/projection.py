"""Projection on SQLite: a batch of events and the place that they lead to, in one transaction."""

import sqlite3
from collections.abc import Mapping, Sequence

from infra.adapters.sqlite.database import RETRY_AFTER_S, translated
from infra.adapters.sqlite.positions import move, position_of
from infra.adapters.sqlite.project_graph import follow, relation_changed
from infra.adapters.sqlite.project_tweets import (
    Changes,
    like_changed,
    retweet_undone,
    retweeted,
    tweet_deleted,
    tweet_posted,
)
from infra.adapters.sqlite.store import SQLiteStore
from infra.group_lines import tell_buried
from loaders.errors import Unavailable
from loaders.places import Place
from realtime.events import (
    Event,
    FollowsImported,
    ImportFinished,
    LikeChanged,
    LikesImported,
    RelationChanged,
    RepairRequested,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
    decode,
)
from realtime.ports import Logged, Progress, Projection

STORE, FANOUT = "store", "fanout"
TRANSIENT = (sqlite3.OperationalError,)
"""Locks, full disks, broken pipes to the disk: the batch is tried again. Anything else is the event's own fault."""


class SQLiteProjection:
    """What the group `store` keeps in one data folder."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def position(self, partition: int = 0) -> int:
        """See `Projection`."""
        del partition  # there is one
        return _position(self._store, STORE)

    async def place(self, partitions: int) -> Place:
        """See `Projection`."""
        del partitions
        return (_position(self._store, STORE),)

    async def apply(self, batch: Sequence[Logged]) -> None:
        """See `Projection`."""
        try:
            self._apply(batch, apart=False)
        except TRANSIENT as error:
            raise Unavailable(f"The projection cannot be written: {error}", retry_after_s=RETRY_AFTER_S) from error
        except Exception:
            # One of them is poison. Each gets a savepoint of its own, so that the others lose nothing.
            with translated():
                self._apply(batch, apart=True)

    def _apply(self, batch: Sequence[Logged], apart: bool) -> None:
        connection, changes = self._store.connection, Changes()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for logged in batch:
                if apart:
                    _apply_apart(connection, logged, changes)
                else:
                    _apply_event(connection, decode(logged.payload), logged.offset, changes)
            changes.write(connection)
            move(connection, STORE, batch[-1].offset)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if changes.all_entries:
            self._store.entries.clear()
        self._store.keep(changes.posted)
        self._store.forget(changes.entries, changes.counted, changes.viewers)


class SQLiteProgress:
    """How far the group `fanout` has come in one data folder."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def position(self, partition: int = 0) -> int:
        """See `Progress`."""
        del partition  # there is one
        return _position(self._store, FANOUT)

    async def place(self, partitions: int) -> Place:
        """See `Progress`."""
        del partitions
        return (_position(self._store, FANOUT),)

    async def commit(self, offset: int, at_ms: int, partition: int = 0) -> None:
        """See `Progress`."""
        del partition
        connection = self._store.connection
        with translated(), connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR IGNORE INTO handled VALUES (?, ?)", (offset, at_ms))
            move(connection, FANOUT, offset)

    async def handled_at_ms(self, offset: int, partition: int = 0) -> int | None:
        """See `Progress`."""
        del partition
        with translated():
            row = self._store.connection.execute(
                "SELECT at_ms FROM handled WHERE log_offset >= ? ORDER BY log_offset LIMIT 1", (offset,)
            ).fetchone()
        return row[0] if row else None

    def buried(self) -> Mapping[str, int]:
        """Count the dead letters of each group that has any."""
        with translated():
            counted = "SELECT consumer_group, count(*) FROM dead_letters GROUP BY consumer_group"
            return dict(self._store.connection.execute(counted).fetchall())

    async def bury(self, group: str, logged: Logged, error: str) -> None:
        """See `Progress`."""
        with translated():
            _bury(self._store.connection, group, logged, error)


def _apply_event(connection: sqlite3.Connection, event: Event, offset: int, changes: Changes) -> None:
    match event:
        case TweetPosted():
            if tweet_posted(connection, event, offset, changes):
                changes.posted.append((event, offset))
        case Retweeted():
            retweeted(connection, event, offset, changes)
        case LikeChanged():
            like_changed(connection, event, offset, changes)
        case RelationChanged():
            relation_changed(connection, event, offset, changes)
        case TweetDeleted():
            tweet_deleted(connection, event, offset, changes)
        case RetweetUndone():
            retweet_undone(connection, event, offset, changes)
        case FollowsImported():
            follow(connection, event.follows, offset, changes)
        case TweetsImported():
            for row in event.tweets:
                if row.key:
                    connection.execute("INSERT OR IGNORE INTO imports VALUES (?, ?)", (row.key, row.tweet.id))
                _apply_event(connection, row.tweet, offset, changes)
            # Nobody asks first for what is old: it would only push out what is asked for.
            changes.posted.clear()
        case LikesImported():
            for user_id, tweet_id in event.likes:
                like_changed(connection, LikeChanged(user_id, tweet_id, liked=True), offset, changes)
        case ImportFinished() | RepairRequested():
            pass  # these concern the group `fanout` and the worker


def _apply_apart(connection: sqlite3.Connection, logged: Logged, changes: Changes) -> None:
    own = Changes()
    connection.execute("SAVEPOINT event")
    try:
        _apply_event(connection, decode(logged.payload), logged.offset, own)
        own.write(connection)
    except TRANSIENT:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO event")
        _bury(connection, STORE, logged, f"{type(error).__name__}: {error}")
    connection.execute("RELEASE event")
    changes.entries += own.entries
    changes.posted += own.posted
    changes.viewers |= own.viewers
    changes.counted |= own.counted
    changes.all_entries = changes.all_entries or own.all_entries


def _bury(connection: sqlite3.Connection, group: str, logged: Logged, error: str) -> None:
    tell_buried(group, logged, error)
    connection.execute(
        "INSERT OR IGNORE INTO dead_letters VALUES (?, ?, ?, ?)", (group, logged.offset, logged.payload, error)
    )


def _position(store: SQLiteStore, group: str) -> int:
    with translated():
        return position_of(store.connection, group)


_projection: type[Projection] = SQLiteProjection
_progress: type[Progress] = SQLiteProgress
