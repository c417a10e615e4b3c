"""Accounts as an operator needs them: found by handle or drawn by lot, and tokens in their names."""

import random
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from infra.adapters.sqlite.database import translated
from infra.auth import JwtTokens, signing_key
from infra.settings import Settings
from loaders.errors import NotFound
from loaders.records import UserId

HOUR_S = 3_600

Account = tuple[UserId, str]
"""An id and a handle."""


async def find_account(settings: Settings, handle: str) -> Account:
    """Answer the account with a handle, wherever accounts are kept; raises `NotFound`."""
    if settings.is_embedded:
        return account_of(settings, handle)
    from infra.cluster.operators import Operator  # noqa: PLC0415 - its drivers take a second to import

    async with Operator.open(settings) as operator:
        return await operator.account_of(handle)


def account_of(settings: Settings, handle: str) -> Account:
    """Return the account with a handle, in any case; raises `NotFound`."""
    found = _rows(
        _file(settings), "SELECT id, handle FROM users WHERE handle_key = ?", handle.removeprefix("@").lower()
    )
    if not found:
        raise NotFound(f"There is no account {handle!r} in {settings.data_dir}.")
    return found[0]


def draw(settings: Settings, count: int, seed: int | None) -> Sequence[Account]:
    """Return up to `count` accounts, oldest first, one drawn of each of so many stretches of the same length."""
    ids = [row[0] for row in _rows(_file(settings), "SELECT id, '' FROM users ORDER BY id")]
    count, lot = min(count, len(ids)), random.Random(seed)
    places = [lot.randrange(len(ids) * n // count, len(ids) * (n + 1) // count) for n in range(count)]
    found = [_rows(_file(settings), "SELECT id, handle FROM users WHERE id = ?", ids[place]) for place in places]
    return [row for rows in found for row in rows]


def tokens(settings: Settings) -> JwtTokens:
    """Return what issues tokens that the server of this data folder accepts."""
    return JwtTokens(signing_key(settings), time.time, settings.token_lifetime_hours * HOUR_S)


def _file(settings: Settings) -> Path:
    return settings.database(settings.users_url, "accounts")


def _rows(path: Path, sql: str, *parameters: object) -> list[Account]:
    if not path.exists():
        return []
    with translated(), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()
