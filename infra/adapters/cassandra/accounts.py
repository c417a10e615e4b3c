"""UserStore and IdempotencyKeys on Cassandra and ScyllaDB: what must be taken once, by lightweight transactions.

Who takes a handle has the account: the row of the handle holds all that the account is made of, and the row by id is
made from it. A crash between the two leaves a whole account behind: whoever comes upon the handle next, be it to log in
or to take it as well, makes the row by id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.waiting import together
from loaders.errors import Unavailable
from loaders.ports import IdempotencyKeys, UserStore
from loaders.records import Reservation, TweetId, User, UserId

HANDLE_COLUMNS = (
    "handle_key",
    "user_id",
    "handle",
    "display_name",
    "bio",
    "created_at_ms",
    "avatar_url",
    "password_hash",
)
TAKE = f"INSERT INTO handles ({', '.join(HANDLE_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
HOLDER = f"SELECT {', '.join(HANDLE_COLUMNS)} FROM handles WHERE handle_key {{}}"
MAKE = (
    "INSERT INTO users (id, handle, display_name, bio, created_at_ms, avatar_url, password_hash, profile_version)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 1) IF NOT EXISTS"
)


class _Row(NamedTuple):
    """An account as it is stored: `avatar` is the name of a file, which goes before the URL."""

    id: UserId
    handle: str
    display_name: str
    bio: str
    profile_version: int
    created_at_ms: int
    avatar_url: str | None
    avatar: str | None


USERS = f"SELECT {', '.join(_Row._fields)} FROM users WHERE id {{}}"
USER = USERS.format("= ?")
PASSWORD = "SELECT password_hash FROM users WHERE id = ?"
CHANGE = (
    "UPDATE users SET display_name = ?, bio = ?, avatar = ?, profile_version = ? WHERE id = ? IF profile_version = ?"
)
ADOPT = (
    "INSERT INTO users"
    " (id, handle, display_name, bio, created_at_ms, avatar_url, password_hash, profile_version, avatar)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
)
CHANGES_TRIED = 50
AT_ONCE = 100
"""Accounts that an import makes at the same time."""
RESERVE = (
    "INSERT INTO idempotency_keys (viewer_id, key, tweet_id, input_hash, reserved_at_ms) VALUES (?, ?, ?, ?, ?)"
    " IF NOT EXISTS USING TTL ?"
)
RESERVE_ANEW = (
    "UPDATE idempotency_keys USING TTL ? SET tweet_id = ?, input_hash = ?, reserved_at_ms = ?"
    " WHERE viewer_id = ? AND key = ? IF tweet_id = ? AND reserved_at_ms = ?"
)
RESERVED = "SELECT tweet_id, input_hash, reserved_at_ms FROM idempotency_keys WHERE viewer_id = ? AND key = ?"
RESERVES_TRIED = 10
KEPT_LONGER_S = 60
"""Rows of keys outlive the keys, so that the time in a row decides, and not when the database takes notice."""

_Account = tuple[Any, ...]
"""A row of a handle: its key, the account's id, handle, display name, bio, time, avatar and password hash."""


class CassandraUserStore:
    """Accounts of one keyspace, unique across regions.

    `url_of` makes the URL of an avatar's name. `note` is told, if given, which accounts came or changed.
    """

    def __init__(
        self,
        session: CassandraSession,
        url_of: Callable[[str], str] = "/{}".format,
        note: Callable[[Sequence[UserId]], Awaitable[None]] | None = None,
    ) -> None:
        self._session = session
        self._url_of = url_of
        self._note = note or _tell_nobody

    async def create(self, user: User, password_hash: str | None) -> bool:
        """See `UserStore`. After `Unavailable` the account may exist, with this password."""
        holder = await self._take(user, password_hash)
        await self._make(holder)
        await self._note([UserId(holder[1])])
        return bool(holder[1] == user.id)

    async def create_missing(self, users: Sequence[User]) -> Mapping[str, UserId]:
        """See `UserStore`."""
        wanted: dict[str, User] = {}
        for user in users:
            wanted.setdefault(user.handle.lower(), user)
        found = await self._holders(list(wanted))
        missing = [user for key, user in wanted.items() if key not in found]
        for start in range(0, len(missing), AT_ONCE):
            taken = await together(*(self._take(user, None) for user in missing[start : start + AT_ONCE]))
            found.update((holder[0], holder) for holder in taken)
        await self._complete(list(found.values()))
        await self._note([UserId(found[user.handle.lower()][1]) for user in missing])
        return {key: UserId(holder[1]) for key, holder in found.items()}

    async def adopt(self, accounts: Sequence[tuple[User, str | None, str | None]]) -> None:
        """Take accounts over as they were elsewhere; again changes nothing.

        Each comes with its profile version, its password's hash and the file of its avatar.

        Raises `Unavailable` if another account has a handle: then this store held accounts of its own.
        """

        async def one(user: User, password_hash: str | None, avatar: str | None) -> None:
            holder = await self._take(user, password_hash)
            if holder[1] != user.id:
                raise Unavailable(f"The handle {user.handle} belongs to another account of the cluster.")
            made = (user.id, user.handle, user.display_name, user.bio, user.created_at_ms, user.avatar_url)
            kept = (password_hash, user.profile_version, avatar)
            await self._session.conditional(ADOPT, *made, *kept, is_global=True)

        for start in range(0, len(accounts), AT_ONCE):
            some = accounts[start : start + AT_ONCE]
            await together(*(one(*account) for account in some))
            await self._note([user.id for user, *_ in some])

    async def get_many(self, ids: Sequence[UserId]) -> Sequence[User | None]:
        """See `UserStore`."""
        answers = await self._session.reads(by_ids(USERS, list(dict.fromkeys(ids))))
        found = {row[0]: self._user(_Row._make(row)) for rows in answers for row in rows}
        return [found.get(user_id) for user_id in ids]

    async def by_handles(self, handles: Sequence[str]) -> Mapping[str, User]:
        """See `UserStore`."""
        holders = await self._holders(list(dict.fromkeys(handle.lower() for handle in handles)))
        users = await self._complete(list(holders.values()))
        return dict(zip(holders, users, strict=True))

    async def password_hash(self, user_id: UserId) -> str | None:
        """See `UserStore`."""
        rows = await self._session.rows(PASSWORD, user_id)
        return rows[0][0] if rows else None

    async def update_profile(
        self,
        user_id: UserId,
        display_name: str | None,
        bio: str | None,
        expected_version: int | None,
        avatar: str | None = None,
    ) -> User | None:
        """See `UserStore`. After `Unavailable` the change may have been made."""
        for _ in range(CHANGES_TRIED):
            row = await self._settled(user_id)
            if row is None or expected_version not in {None, row.profile_version}:
                return None
            changed = row._replace(
                display_name=row.display_name if display_name is None else display_name,
                bio=row.bio if bio is None else bio,
                profile_version=row.profile_version + 1,
                avatar=row.avatar if avatar is None else avatar,
            )
            if await self._change(changed):
                await self._note([user_id])
                return self._user(changed)
        raise Unavailable("Too many changes of this profile at once", retry_after_s=1.0)

    def _user(self, row: _Row) -> User:
        return User(*row[:-2], row.avatar_url if row.avatar is None else self._url_of(row.avatar))

    async def _change(self, changed: _Row) -> bool:
        shown = (changed.display_name, changed.bio, changed.avatar)
        values = (*shown, changed.profile_version, changed.id, changed.profile_version - 1)
        try:
            return (await self._session.conditional(CHANGE, *values, is_global=True)).is_applied
        except Unavailable:
            if await self._settled(changed.id) == changed:
                return True
            raise

    async def _settled(self, user_id: UserId) -> _Row | None:
        rows = await self._session.serial_rows(USER, user_id, is_global=True)
        return _Row._make(rows[0]) if rows else None

    async def _take(self, user: User, password_hash: str | None) -> _Account:
        """Take a handle, unless it is taken; return the account that has it."""
        key = user.handle.lower()
        made = (user.id, user.handle, user.display_name, user.bio, user.created_at_ms, user.avatar_url, password_hash)
        account = (key, *made)
        try:
            outcome = await self._session.conditional(TAKE, *account, is_global=True)
        except Unavailable:
            # Nobody knows yet whether it was taken (P1): the next read settles it, or finds nothing.
            rows = await self._session.serial_rows(HOLDER.format("= ?"), key, is_global=True)
            if not rows:
                raise
            return rows[0]
        return account if outcome.is_applied else tuple(outcome.row[column] for column in HANDLE_COLUMNS)

    async def _make(self, account: _Account) -> None:
        """Make the row by id, unless it is there."""
        await self._session.conditional(MAKE, *account[1:], is_global=True)

    async def _holders(self, keys: Sequence[str]) -> dict[str, _Account]:
        answers = await self._session.reads(by_ids(HOLDER, keys))
        return {row[0]: row for rows in answers for row in rows}

    async def _complete(self, accounts: Sequence[_Account]) -> list[User]:
        """Return the accounts as they are now; those without a row by id get one."""
        users = list(await self.get_many([UserId(account[1]) for account in accounts]))
        lacking = [account for account, user in zip(accounts, users, strict=True) if user is None]
        for start in range(0, len(lacking), AT_ONCE):
            await together(*(self._make(account) for account in lacking[start : start + AT_ONCE]))
        return [user or _new(account) for account, user in zip(accounts, users, strict=True)]


class CassandraIdempotencyKeys:
    """Idempotency keys of one keyspace, each decided within the viewer's home region."""

    def __init__(self, session: CassandraSession, clock_ms: Callable[[], int], key_lifetime_ms: int) -> None:
        self._session = session
        self._clock_ms = clock_ms
        self._lifetime_ms = key_lifetime_ms
        self._kept_s = -(-key_lifetime_ms // 1_000) + KEPT_LONGER_S

    async def reserve(self, viewer_id: UserId, key: str, tweet_id: TweetId, input_hash: bytes) -> Reservation:
        """See `IdempotencyKeys`. After `Unavailable` the key may be held by this tweet: whoever comes next hears."""
        now_ms = self._clock_ms()
        reserve = (viewer_id, key, tweet_id, input_hash, now_ms, self._kept_s)
        held = await self._held_after(RESERVE, reserve, viewer_id, key)
        for _ in range(RESERVES_TRIED):
            if held is None:
                return Reservation(tweet_id, input_hash, is_new=True)
            held_id, held_hash, reserved_at_ms = held
            if held_id == tweet_id or now_ms - reserved_at_ms <= self._lifetime_ms:
                return Reservation(TweetId(held_id), held_hash, is_new=held_id == tweet_id)
            anew = (self._kept_s, tweet_id, input_hash, now_ms, viewer_id, key, held_id, reserved_at_ms)
            held = await self._held_after(RESERVE_ANEW, anew, viewer_id, key)
        raise Unavailable("This key is being reserved by too many at once", retry_after_s=1.0)

    async def _held_after(
        self, text: str, values: Sequence[object], viewer_id: UserId, key: str
    ) -> tuple[int, bytes, int] | None:
        """Try to reserve; return what holds the key instead, None if this has it. A lost answer is read back (P1)."""
        try:
            outcome = await self._session.conditional(text, *values)
        except Unavailable:
            rows = await self._session.serial_rows(RESERVED, viewer_id, key)
            if not rows:
                raise
            return _reserved(rows[0])
        if outcome.is_applied:
            return None
        if "input_hash" in outcome.row:
            return _reserved([outcome.row[column] for column in ("tweet_id", "input_hash", "reserved_at_ms")])
        rows = await self._session.serial_rows(RESERVED, viewer_id, key)
        if not rows:
            raise Unavailable("This key expires at this moment", retry_after_s=1.0)
        return _reserved(rows[0])


def _reserved(row: Sequence[Any]) -> tuple[int, bytes, int]:
    tweet_id, input_hash, reserved_at_ms = row
    return tweet_id, input_hash, reserved_at_ms


async def _tell_nobody(_ids: Sequence[UserId]) -> None:
    return None


def _new(account: _Account) -> User:
    _, user_id, handle, display_name, bio, created_at_ms, avatar_url, _ = account
    return User(UserId(user_id), handle, display_name, bio, 1, created_at_ms, avatar_url)


_users: type[UserStore] = CassandraUserStore
_keys: type[IdempotencyKeys] = CassandraIdempotencyKeys
