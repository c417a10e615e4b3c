"""UserStore and IdempotencyKeys on SQLite: what must be taken atomically and durably, apart from all projections."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from infra.adapters.sqlite.database import Bounded, add_column, open_database, translated
from infra.adapters.sqlite.group_commit import GroupCommit
from loaders.ports import IdempotencyKeys, UserStore
from loaders.records import Reservation, TweetId, User, UserId

TABLES = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    handle TEXT NOT NULL,
    handle_key TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL,
    profile_version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    password_hash TEXT,
    avatar TEXT
);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    viewer_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    tweet_id INTEGER NOT NULL,
    input_hash TEXT NOT NULL,
    reserved_at_ms INTEGER NOT NULL,
    PRIMARY KEY (viewer_id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (reserved_at_ms);
"""
# No event tells of accounts: who follows them, as the search index does, reads here which ones came or changed last.
# Folders from before have accounts of which nothing was noted: these count as come when this is made.
CHANGES = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS account_changes (user_id INTEGER PRIMARY KEY, change INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS account_changes_by_change ON account_changes (change);
INSERT OR IGNORE INTO account_changes SELECT id, row_number() OVER (ORDER BY id) FROM users
    WHERE NOT EXISTS (SELECT 1 FROM account_changes);
CREATE TRIGGER IF NOT EXISTS account_came AFTER INSERT ON users BEGIN
    INSERT INTO account_changes SELECT NEW.id, coalesce(max(change), 0) + 1 FROM account_changes;
END;
CREATE TRIGGER IF NOT EXISTS account_changed AFTER UPDATE OF handle, display_name ON users BEGIN
    UPDATE account_changes SET change = (SELECT max(change) FROM account_changes) + 1 WHERE user_id = NEW.id;
END;
COMMIT;
"""
USER_COLUMNS = "id, handle, display_name, bio, profile_version, created_at_ms, avatar"
IDS_OF = "SELECT json_group_object(handle_key, id) FROM users WHERE handle_key IN (SELECT value FROM json_each(?))"
USERS_PER_STATEMENT = 250
EXPIRED_PER_COMMIT_MAX = 1_000
USERS_KEPT = 20_000


class _Key(NamedTuple):
    viewer_id: int
    key: str
    tweet_id: int
    input_hash: str
    now_ms: int


class SQLiteUserStore:
    """Accounts of one data folder; every write is synced before it is answered."""

    def __init__(
        self,
        commits: GroupCommit[_Key, Reservation],
        reader: sqlite3.Connection,
        url_of: Callable[[str], str],
        users_max: int = USERS_KEPT,
    ) -> None:
        self._commits = commits
        self._url_of = url_of
        self._reader = reader
        # Other processes make accounts, and none but this one changes any: what is known stays right.
        self._users = Bounded[UserId, User](users_max)

    def newest_id(self) -> int:
        """Return the greatest id of an account, or reserved for a tweet."""
        with translated():
            found = self._reader.execute(
                "SELECT max(id) FROM users UNION ALL SELECT max(tweet_id) FROM idempotency_keys"
            ).fetchall()
        return max(int(newest or 0) for (newest,) in found)

    async def create(self, user: User, password_hash: str | None) -> bool:
        """See `UserStore`."""

        def insert(writer: sqlite3.Connection) -> bool:
            row = (*_row(user), password_hash)
            return (
                writer.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", row).rowcount == 1
            )

        return await self._commits.run(insert)

    async def create_missing(self, users: Sequence[User]) -> Mapping[str, UserId]:
        """See `UserStore`."""
        rows = [_row(user) for user in users]

        def insert(writer: sqlite3.Connection) -> Mapping[str, UserId]:
            # Few statements, and one row of answer: each makes the thread wait for the interpreter's lock.
            made = 0
            for start in range(0, len(rows), USERS_PER_STATEMENT):
                part = rows[start : start + USERS_PER_STATEMENT]
                made += writer.execute(_insert_missing(len(part)), tuple(chain.from_iterable(part))).rowcount
            if made == len(rows):
                return {user.handle.lower(): user.id for user in users}
            keys = _json([user.handle.lower() for user in users])
            (found,) = writer.execute(IDS_OF, (keys,)).fetchone()
            ids: Mapping[str, UserId] = orjson.loads(found)
            return ids

        return await self._commits.run(insert)

    async def get_many(self, ids: Sequence[UserId]) -> Sequence[User | None]:
        """See `UserStore`."""
        found = [self._users.get(user_id) for user_id in ids]
        missing = [user_id for user_id, user in zip(ids, found, strict=True) if user is None]
        if not missing:
            return found
        with translated():
            rows = self._reader.execute(
                f"SELECT {USER_COLUMNS} FROM users WHERE id IN (SELECT value FROM json_each(?))", (_json(missing),)
            ).fetchall()
        read = {row[0]: self._user(row) for row in rows}
        for user_id, user in read.items():
            self._users.put(user_id, user)
        return [user or read.get(user_id) for user_id, user in zip(ids, found, strict=True)]

    async def by_handles(self, handles: Sequence[str]) -> Mapping[str, User]:
        """See `UserStore`."""
        keys = [handle.lower() for handle in handles]
        with translated():
            rows = self._reader.execute(
                f"SELECT handle_key, {USER_COLUMNS} FROM users WHERE handle_key IN (SELECT value FROM json_each(?))",
                (_json(keys),),
            ).fetchall()
        return {row[0]: self._user(row[1:]) for row in rows}

    async def password_hash(self, user_id: UserId) -> str | None:
        """See `UserStore`."""
        with translated():
            row = self._reader.execute("SELECT password_hash FROM users WHERE id = ?", (user_id,)).fetchone()
        return row[0] if row else None

    async def update_profile(
        self,
        user_id: UserId,
        display_name: str | None,
        bio: str | None,
        expected_version: int | None,
        avatar: str | None = None,
    ) -> User | None:
        """See `UserStore`."""

        def update(writer: sqlite3.Connection) -> User | None:
            changed = writer.execute(
                "UPDATE users SET display_name = coalesce(?, display_name), bio = coalesce(?, bio),"
                " avatar = coalesce(?, avatar), profile_version = profile_version + 1"
                " WHERE id = ? AND profile_version = coalesce(?, profile_version)",
                (display_name, bio, avatar, user_id, expected_version),
            ).rowcount
            if not changed:
                return None
            return self._user(writer.execute(f"SELECT {USER_COLUMNS} FROM users WHERE id = ?", (user_id,)).fetchone())

        changed = await self._commits.run(update)
        self._users.drop(user_id)
        return changed

    def _user(self, row: Sequence[Any]) -> User:
        user, avatar = User(*row[:-1]), row[-1]
        return user if avatar is None else replace(user, avatar_url=self._url_of(avatar))


class SQLiteIdempotencyKeys:
    """Idempotency keys of one data folder; reservations that arrive together share a commit."""

    def __init__(self, commits: GroupCommit[_Key, Reservation], clock_ms: Callable[[], int]) -> None:
        self._commits = commits
        self._clock_ms = clock_ms

    async def reserve(self, viewer_id: UserId, key: str, tweet_id: TweetId, input_hash: bytes) -> Reservation:
        """See `IdempotencyKeys`."""
        return await self._commits.put(_Key(viewer_id, key, tweet_id, input_hash.hex(), self._clock_ms()))


@asynccontextmanager
async def open_accounts(
    path: Path,
    clock_ms: Callable[[], int],
    key_lifetime_ms: int,
    batch_max: int = 512,
    url_of: Callable[[str], str] = "/{}".format,
) -> AsyncIterator[tuple[SQLiteUserStore, SQLiteIdempotencyKeys]]:
    """Open the accounts of a data folder; `url_of` makes the URL of an avatar's name."""
    writer = open_database(path, TABLES, synced=True, shared=True)
    add_column(writer, "users", "avatar TEXT")
    if not writer.execute("SELECT 1 FROM sqlite_master WHERE name = 'account_changed'").fetchone():
        writer.executescript(CHANGES)
    reader = open_database(path, TABLES, synced=True)
    commits = GroupCommit[_Key, Reservation](writer, _reserving(key_lifetime_ms), batch_max)
    try:
        yield SQLiteUserStore(commits, reader, url_of), SQLiteIdempotencyKeys(commits, clock_ms)
    finally:
        await commits.close()
        reader.close()
        writer.close()


def _reserving(key_lifetime_ms: int) -> Callable[[sqlite3.Connection, Sequence[_Key]], Sequence[Reservation]]:
    def write(connection: sqlite3.Connection, keys: Sequence[_Key]) -> Sequence[Reservation]:
        connection.execute(
            "DELETE FROM idempotency_keys WHERE (viewer_id, key) IN (SELECT viewer_id, key FROM idempotency_keys"
            " WHERE reserved_at_ms < ? ORDER BY reserved_at_ms LIMIT ?)",
            (keys[0].now_ms - key_lifetime_ms, EXPIRED_PER_COMMIT_MAX),
        )
        rows = orjson.dumps([tuple(key) for key in keys]).decode()
        connection.execute(
            "INSERT OR IGNORE INTO idempotency_keys SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),"
            " json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]') FROM json_each(?)",
            (rows,),
        )
        held = connection.execute(
            "SELECT held.viewer_id, held.key, held.tweet_id, held.input_hash FROM json_each(?) AS wanted"
            " JOIN idempotency_keys AS held ON held.viewer_id = json_extract(wanted.value, '$[0]')"
            " AND held.key = json_extract(wanted.value, '$[1]')",
            (rows,),
        ).fetchall()
        by_key = {(viewer_id, key): (tweet_id, input_hash) for viewer_id, key, tweet_id, input_hash in held}
        return [
            Reservation(TweetId(tweet_id), bytes.fromhex(input_hash), tweet_id == wanted.tweet_id)
            for wanted in keys
            for tweet_id, input_hash in (by_key[wanted.viewer_id, wanted.key],)
        ]

    return write


@lru_cache(USERS_PER_STATEMENT)
def _insert_missing(users: int) -> str:
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * users)
    return f"INSERT OR IGNORE INTO users SELECT *, NULL, NULL FROM (VALUES {rows})"


def _row(user: User) -> tuple[object, ...]:
    return (
        user.id,
        user.handle,
        user.handle.lower(),
        user.display_name,
        user.bio,
        user.profile_version,
        user.created_at_ms,
    )


def _json(values: Sequence[object]) -> str:
    return orjson.dumps(list(values)).decode()


_users: type[UserStore] = SQLiteUserStore
_keys: type[IdempotencyKeys] = SQLiteIdempotencyKeys
