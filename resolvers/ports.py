"""The ports of signing in: what the resolvers ask of passwords, tokens and the throttle. Adapters live in `infra`."""

from dataclasses import dataclass
from typing import Protocol

from loaders.records import UserId


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token: whom it speaks for, its text as the client sends it, and the Unix time at which it ends."""

    user_id: UserId
    text: str
    expires_at_ms: int


class Passwords(Protocol):
    """Slow, salted hashes of passwords. Neither call blocks the event loop; the work done at once is bounded."""

    async def hash(self, password: str) -> str:
        """Answer a new hash, salt and parameters included; raises `Unavailable` when too many calls wait already."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Answer whether the password made the hash; raises `Unavailable` when too many calls wait already.

        None stands for an unknown account and for one without a password: the answer is then False, after the same
        time as a wrong password takes.
        """

    def close(self) -> None:
        """Let go of what hashing needs."""


class Tokens(Protocol):
    """Signed bearer tokens that end by themselves. Nothing is stored, and so none can be taken back."""

    def issue(self, user_id: UserId) -> Token:
        """Answer a new token, which ends one lifetime from now."""

    def read(self, text: str) -> Token:
        """Answer what a token says; raises `Unauthenticated`, with one message for all that can be wrong with it."""


class Throttle(Protocol):
    """A brake on guessing. Each try is one `check`, then one `failed` or one `succeeded`.

    However many tries come at once, no more fail within the window than the limits allow: from its check on, a try
    counts as failed until it is told otherwise. An account is named by its handle, in any case.
    """

    async def check(self, account: str, address: str) -> None:
        """Let one try begin; raises `RateLimited`, with `retry_after_s`, at the limit of the account or the address."""

    async def failed(self, account: str, address: str) -> None:
        """Count one failure of the account and of the address; a try under way is this one."""

    async def succeeded(self, account: str, address: str) -> None:
        """Forget the account's failures, and take this try off the address; the address's failures stay."""
