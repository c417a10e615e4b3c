"""Accounts by handle; those that an import names for the first time come into being."""

from collections.abc import Callable, Iterable, Mapping

from loaders.ports import UserStore
from loaders.records import User, UserId

HANDLES_PER_COMMIT = 2_000
REMEMBERED_MAX = 500_000


class People:
    """Ids of accounts by lower-case handle, remembered within a bound."""

    def __init__(self, users: UserStore, new_id: Callable[[], int], clock_ms: Callable[[], int]) -> None:
        self.made = 0
        self._users = users
        self._new_id = new_id
        self._clock_ms = clock_ms
        self._ids: dict[str, UserId] = {}

    async def ids(self, handles: Iterable[str]) -> Mapping[str, UserId]:
        """Answer the id of every handle by its lower-case form; who is missing is made, the handle as the name."""
        if len(self._ids) > REMEMBERED_MAX:
            self._ids = {}
        missing: dict[str, str] = {}
        for handle in dict.fromkeys(handles):
            if (key := handle.lower()) not in self._ids:
                missing.setdefault(key, handle)
        await self.make([self._user(handle) for handle in missing.values()])
        return self._ids

    async def make(self, users: list[User]) -> None:
        """Store those accounts whose handles are free."""
        for start in range(0, len(users), HANDLES_PER_COMMIT):
            part = users[start : start + HANDLES_PER_COMMIT]
            found = await self._users.create_missing(part)
            self._ids.update(found)
            self.made += sum(found[user.handle.lower()] == user.id for user in part)

    def _user(self, handle: str) -> User:
        return User(UserId(self._new_id()), handle, handle, "", 1, self._clock_ms())
