"""The adapters of every port, by name: each contract runs once for each of them, and names none."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.audit import SQLiteAuditSource
from infra.adapters.sqlite.graph import SQLiteGraphStore, SQLitePolicyStore
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.adapters.sqlite.projection import SQLiteProgress, SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.ports import GraphStore, IdempotencyKeys, PolicyStore, TimelineStore, TweetStore, UserStore
from realtime.ports import AuditSource, Broadcast, EventLog, Progress, Projection

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


class Clock:
    """A clock that goes on only when told, in whatever unit its test reads it."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True, slots=True)
class Stores:
    """What the group `store` keeps in one folder, and what reads it. `dead_letters` answers (group, offset, bytes)."""

    projection: Projection
    progress: Progress
    tweets: TweetStore
    graph: GraphStore
    policy: PolicyStore
    audit: AuditSource
    dead_letters: Callable[[], list[tuple[str, int, bytes]]]


class OpenTimelines(Protocol):
    """Opens an empty cache of home timelines."""

    def __call__(
        self, clock_s: Callable[[], float], length: int, timelines_max: int, idle_s: float
    ) -> AbstractAsyncContextManager[TimelineStore]: ...


OpenLog = Callable[[Path, Callable[[], int]], AbstractAsyncContextManager[EventLog]]
OpenUsers = Callable[[Path], AbstractAsyncContextManager[UserStore]]
OpenKeys = Callable[[Path, Callable[[], int], int], AbstractAsyncContextManager[IdempotencyKeys]]
OpenStores = Callable[[Path], AbstractAsyncContextManager[Stores]]
OpenBroadcast = Callable[[], AbstractAsyncContextManager[Broadcast]]


def sqlite_log(folder: Path, clock_ms: Callable[[], int]) -> AbstractAsyncContextManager[EventLog]:
    """Open the log of a folder."""
    folder.mkdir(exist_ok=True)
    return SQLiteEventLog.open(folder / "log.db", clock_ms)


@asynccontextmanager
async def sqlite_users(folder: Path) -> AsyncIterator[UserStore]:
    """Open the accounts of a folder."""
    async with open_accounts(folder / "accounts.db", Clock(), 1_000) as (users, _):
        yield users


@asynccontextmanager
async def sqlite_keys(folder: Path, clock_ms: Callable[[], int], lifetime_ms: int) -> AsyncIterator[IdempotencyKeys]:
    """Open the keys of a folder."""
    async with open_accounts(folder / "accounts.db", clock_ms, lifetime_ms) as (_, keys):
        yield keys


@asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncIterator[Stores]:
    """Open the projections of a folder."""
    async with SQLiteStore.open(folder / "store.db") as store:

        def dead_letters() -> list[tuple[str, int, bytes]]:
            return store.connection.execute(
                "SELECT consumer_group, log_offset, payload FROM dead_letters ORDER BY log_offset, consumer_group"
            ).fetchall()

        yield Stores(
            SQLiteProjection(store),
            SQLiteProgress(store),
            SQLiteTweetStore(store),
            SQLiteGraphStore(store),
            SQLitePolicyStore(store),
            SQLiteAuditSource(folder / "store.db"),
            dead_letters,
        )


@asynccontextmanager
async def memory_timelines(
    clock_s: Callable[[], float], length: int, timelines_max: int, idle_s: float
) -> AsyncIterator[TimelineStore]:
    """Open a cache in memory."""
    yield MemoryTimelineStore(clock_s, length, timelines_max, idle_s)


def memory_broadcast() -> AbstractAsyncContextManager[Broadcast]:
    """Open a broadcast within this process."""
    return BroadcasterBroadcast.open("memory://")


def sqlite_commits(folder: Path) -> int:
    """Count the commits in a log's write-ahead file: the frames that say how large the file is after them."""
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    wal = (folder / "log.db-wal").read_bytes()
    starts = range(WAL_HEADER_BYTES, len(wal), FRAME_HEADER_BYTES + page_bytes)
    return sum(int.from_bytes(wal[start + 4 : start + 8], "big") > 0 for start in starts)


LOGS: dict[str, OpenLog] = {"sqlite": sqlite_log}
LOG_COMMITS: dict[str, Callable[[Path], int]] = {"sqlite": sqlite_commits}
USERS: dict[str, OpenUsers] = {"sqlite": sqlite_users}
KEYS: dict[str, OpenKeys] = {"sqlite": sqlite_keys}
STORES: dict[str, OpenStores] = {"sqlite": sqlite_stores}
TIMELINES: dict[str, OpenTimelines] = {"memory": memory_timelines}
BROADCASTS: dict[str, OpenBroadcast] = {"memory": memory_broadcast}
