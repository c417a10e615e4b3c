"""How events change follows, mutes and blocks. Rows keep the offset that changed them: replays change nothing."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from infra.adapters.sqlite.project_tweets import FOLLOWERS, FOLLOWING, Changes
from loaders.records import UserId
from realtime.events import RelationChanged, Verb

# One statement decides and writes a whole batch: an import spends most of its time here. Rows given as parameters cost
# SQLite two thirds of what the same rows in JSON do.
FOLLOWS = (
    "INSERT INTO follows SELECT follower, followee, edge,"
    " NOT EXISTS (SELECT 1 FROM blocks WHERE actor_id = follower AND target_id = followee AND standing)"
    " AND NOT EXISTS (SELECT 1 FROM blocks WHERE actor_id = followee AND target_id = follower AND standing), ?"
    " FROM (SELECT column1 AS follower, column2 AS followee, column3 AS edge FROM (VALUES {rows}))"
    " WHERE follower <> followee"
    " ON CONFLICT (follower_id, followee_id) DO UPDATE SET"
    " edge_id = excluded.edge_id, standing = excluded.standing, log_offset = excluded.log_offset"
    " WHERE NOT standing AND excluded.log_offset > log_offset"
    " RETURNING standing, follower_id, followee_id"
)
FOLLOWS_PER_STATEMENT = 200


def relation_changed(connection: sqlite3.Connection, event: RelationChanged, offset: int, changes: Changes) -> None:
    """Apply what one account did to another; a block ends the follows both ways."""
    actor_id, target_id = event.actor_id, event.target_id
    if actor_id == target_id:
        return
    match event.verb:
        case Verb.FOLLOW:
            follow(connection, [(actor_id, target_id, event.edge_id)], offset, changes)
        case Verb.UNFOLLOW:
            _unfollow(connection, actor_id, target_id, offset, changes)
        case Verb.MUTE | Verb.UNMUTE:
            _mark(connection, "mutes", actor_id, target_id, event.verb is Verb.MUTE, offset)
        case Verb.BLOCK | Verb.UNBLOCK:
            _mark(connection, "blocks", actor_id, target_id, event.verb is Verb.BLOCK, offset)
            if event.verb is Verb.BLOCK:
                _unfollow(connection, actor_id, target_id, offset, changes)
                _unfollow(connection, target_id, actor_id, offset, changes)
    changes.viewers.update((actor_id, target_id))


def follow(
    connection: sqlite3.Connection, follows: Sequence[tuple[UserId, UserId, int]], offset: int, changes: Changes
) -> None:
    """Let follows (follower, followee, edge id) stand, but for those with a block between the two.

    Following again changes nothing, and nobody follows themselves.
    """
    for start in range(0, len(follows), FOLLOWS_PER_STATEMENT):
        part = follows[start : start + FOLLOWS_PER_STATEMENT]
        # A refused follow leaves its offset, so that it is refused again when the block has gone and the log is
        # replayed.
        changed = connection.execute(_follows_statement(len(part)), (offset, *chain.from_iterable(part))).fetchall()
        for standing, follower_id, followee_id in changed:
            if standing:
                _count(changes, follower_id, followee_id, 1)


@lru_cache(FOLLOWS_PER_STATEMENT)
def _follows_statement(rows: int) -> str:
    return FOLLOWS.format(rows=", ".join(["(?, ?, ?)"] * rows))


def _unfollow(
    connection: sqlite3.Connection, follower_id: UserId, followee_id: UserId, offset: int, changes: Changes
) -> None:
    before = _before(connection, follower_id, followee_id)
    if before is not None and before[1] >= offset:
        return
    connection.execute("REPLACE INTO follows VALUES (?, ?, 0, 0, ?)", (follower_id, followee_id, offset))
    if before is not None and before[0]:
        _count(changes, follower_id, followee_id, -1)


def _before(connection: sqlite3.Connection, follower_id: UserId, followee_id: UserId) -> tuple[int, int] | None:
    row: tuple[int, int] | None = connection.execute(
        "SELECT standing, log_offset FROM follows WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id)
    ).fetchone()
    return row


def _mark(
    connection: sqlite3.Connection, table: str, actor_id: UserId, target_id: UserId, standing: bool, offset: int
) -> None:
    connection.execute(
        f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT (actor_id, target_id) DO UPDATE SET"
        " standing = excluded.standing, log_offset = excluded.log_offset WHERE excluded.log_offset > log_offset",
        (actor_id, target_id, standing, offset),
    )


def _count(changes: Changes, follower_id: UserId, followee_id: UserId, by: int) -> None:
    changes.user_counts[followee_id][FOLLOWERS] += by
    changes.user_counts[follower_id][FOLLOWING] += by
    changes.viewers.update((follower_id, followee_id))
