"""Signing in: passwords by argon2id, bearer tokens by signed JWT, and the key file that signs them."""

import asyncio
import base64
import os
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol, TypeVar

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError

from infra.settings import Settings
from infra.settings_given import SettingsError
from loaders.errors import Unauthenticated, Unavailable
from loaders.ids import ID_MAX
from loaders.records import UserId
from resolvers.ports import Token

KEY_FILE = "token.key"
KEY_BYTES = 32
ALGORITHM = "HS256"
TOKEN_LENGTH_MAX = 512
INVALID_TOKEN = "The token is not valid, or has expired"
MALFORMED_HEADER = "The authorization must be 'Bearer' and a token"

HEX = "hex:"

_Answer = TypeVar("_Answer")
_HEX_KEY = re.compile(rf"{HEX}(?:[0-9a-fA-F]{{2}}){{{KEY_BYTES},}}")
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
# Expiry is judged by the injected clock, and anew for each reading; the library would use the real time, once.
_DECODING: jwt.types.Options = {
    "require": ["sub", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class RandomBytes(Protocol):
    """A source of unpredictable bytes, such as `os.urandom`."""

    def __call__(self, size: int, /) -> bytes:
        """Answer `size` bytes."""


class Argon2Passwords:
    """Implements `resolvers.ports.Passwords` by argon2id in a small pool of threads, which hash without the GIL.

    Equal times for unknown accounts and wrong passwords hold for hashes made with the parameters in force. Passwords
    are put into NFC first, as RFC 8265 asks, since keyboards differ in how they send an accent. `close` ends the
    threads. `waiting` counts passwords being hashed or waiting for it, of which there are `waiting_max` at most.
    """

    def __init__(self, settings: Settings, random_bytes: RandomBytes = os.urandom) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
        )
        self.waiting_max = settings.argon2_waiting_max
        self.waiting = 0
        self._threads = ThreadPoolExecutor(settings.argon2_threads, thread_name_prefix="argon2")
        self._decoy = _decoy_hash(self._hasher, random_bytes)

    async def hash(self, password: str) -> str:
        """Hash; see `Passwords.hash`."""
        return await self._run(partial(self._hasher.hash, _encoded(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Verify; see `Passwords.verify`. A stored hash that is none raises ValueError."""
        stored = self._decoy if password_hash is None else password_hash
        return await self._run(partial(self._matches, stored, _encoded(password)))

    def close(self) -> None:
        """End the threads, once the work under way is done; what waits is dropped."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], _Answer]) -> _Answer:
        if self.waiting >= self.waiting_max:
            raise Unavailable("Too many people are signing in at once", retry_after_s=1.0)
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (HashingError, VerificationError) as error:
            raise Unavailable("Passwords cannot be checked now", retry_after_s=1.0) from error
        finally:
            self.waiting -= 1

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except VerifyMismatchError:
            return False


class JwtTokens:
    """Implements `resolvers.ports.Tokens` by JSON Web Tokens (RFC 7519), signed with HS256 and nothing else.

    `clock` answers Unix seconds. Checked signatures are remembered for the `cache_size` tokens read last, since a
    client sends the same token with every request; expiry is judged at each reading, without leeway.
    """

    def __init__(self, key: bytes, clock: Callable[[], float], lifetime_s: int, cache_size: int = 10_000) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"The key must have at least {KEY_BYTES} bytes")
        self._key = key
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._decoded = lru_cache(cache_size)(self._decode)

    def issue(self, user_id: UserId) -> Token:
        """Issue; see `Tokens.issue`. Times are whole seconds, as JWT has them."""
        now_s = int(self._clock())
        ends_s = now_s + self._lifetime_s
        text = jwt.encode({"sub": str(user_id), "iat": now_s, "exp": ends_s}, self._key, algorithm=ALGORITHM)
        return Token(user_id=user_id, text=text, expires_at_ms=ends_s * 1000)

    def read(self, text: str) -> Token:
        """Read; see `Tokens.read`."""
        token = self._decoded(text)
        if self._clock() * 1000 >= token.expires_at_ms:
            raise Unauthenticated(INVALID_TOKEN)
        return token

    def _decode(self, text: str) -> Token:
        # What raises is not remembered, so that rubbish pushes no good token out of the cache. Roost's own tokens are
        # short; in a longer text, brackets in brackets could exhaust the parser's stack before the signature is seen.
        if len(text) > TOKEN_LENGTH_MAX:
            raise Unauthenticated(INVALID_TOKEN)
        try:
            claims = jwt.decode(text, self._key, algorithms=[ALGORITHM], options=_DECODING)
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Unauthenticated(INVALID_TOKEN) from error
        subject, begins_s, ends_s = claims["sub"], claims["iat"], claims["exp"]
        if not (type(begins_s) is int and type(ends_s) is int and begins_s < ends_s and _is_id(subject)):
            raise Unauthenticated(INVALID_TOKEN)
        return Token(user_id=UserId(int(subject)), text=text, expires_at_ms=ends_s * 1000)


def bearer(header: str | None) -> str | None:
    """Return the token of an authorization such as `Bearer x`; None where there is none, or a blank one.

    Raises `Unauthenticated` for any other scheme or shape.
    """
    if header is None or not header.strip():
        return None
    match = _BEARER.fullmatch(header.strip())
    if match is None:
        raise Unauthenticated(MALFORMED_HEADER)
    return match[1]


def signing_key(settings: Settings) -> bytes:
    """Return the key that signs tokens: the setting's, which may be bytes as "hex:" and their digits, or the folder's.

    Raises `SettingsError` as `token_key` does.
    """
    given = settings.token_key
    if not given:
        return token_key(settings.data_dir)
    return bytes.fromhex(given.removeprefix(HEX)) if _HEX_KEY.fullmatch(given) else given.encode()


def token_key(folder: Path, random_bytes: RandomBytes = os.urandom) -> bytes:
    """Return the folder's signing key; the first call makes it, readable by its owner alone.

    Of processes that start at once, one makes the key, and all return it: the file appears complete or not at all.
    Raises `SettingsError` if the file is no key, or cannot be read or made.
    """
    path = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path, random_bytes)
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError((f"{path}: the key that signs tokens cannot be used: {error.strerror}",)) from error
    if len(key) != KEY_BYTES:
        reason = (
            f"holds {len(key)} bytes, and a key has {KEY_BYTES}; without it, a new one is made and all sign in anew"
        )
        raise SettingsError((f"{path}: {reason}",))
    return key


def _make_key(path: Path, random_bytes: RandomBytes) -> None:
    draft = path.with_name(f"{KEY_FILE}.{os.getpid()}.{random_bytes(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(random_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never takes the place of a file that another process has put there meanwhile.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decoy_hash(hasher: PasswordHasher, random_bytes: RandomBytes) -> str:
    # A hash that no password has: random bytes in a hash's form, which to check takes as long as a real one.
    salt, digest = random_bytes(hasher.salt_len), random_bytes(hasher.hash_len)
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${parameters}${_unpadded(salt)}${_unpadded(digest)}"


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii").rstrip("=")


def _encoded(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _is_id(subject: str) -> bool:
    return len(subject) <= len(str(ID_MAX)) and subject.isascii() and subject.isdecimal() and 0 < int(subject) <= ID_MAX
