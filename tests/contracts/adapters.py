"""The adapters of every port, by name: each contract runs once for each of them, and names none."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.audit import SQLiteAuditSource
from infra.adapters.sqlite.graph import SQLiteGraphStore, SQLitePolicyStore
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.adapters.sqlite.notifications import SQLiteNotificationStore
from infra.adapters.sqlite.projection import SQLiteProgress, SQLiteProjection
from infra.adapters.sqlite.search_filling import SearchFiles, SearchFilling
from infra.adapters.sqlite.search_index import SQLiteSearchIndex
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.ports import IdempotencyKeys, UserStore
from loaders.records import UserId
from realtime.events import Event
from realtime.ports import Broadcast, EventLog
from tests.contracts import cassandra_adapters, kafka_adapters, opensearch_adapters, redis_adapters
from tests.contracts.logs import OpenLog, OpenPlace
from tests.contracts.searches import OpenIndex, Searched
from tests.contracts.stores import LIKES_MAX, NOTICES_KEPT, OpenKeys, OpenStores, OpenUsers, Stores
from tests.contracts.timelines import OpenedTimelines, OpenTimelines

WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


class Clock:
    """A clock that goes on only when told, in whatever unit its test reads it."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@asynccontextmanager
async def sqlite_log(url: str, folder: Path, clock_ms: Callable[[], int]) -> AsyncIterator[OpenLog]:
    """Make a folder for a log."""
    assert not url

    def opened() -> AbstractAsyncContextManager[EventLog]:
        folder.mkdir(exist_ok=True)
        return SQLiteEventLog.open(folder / "log.db", clock_ms)

    yield opened


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
            SQLiteNotificationStore(store, NOTICES_KEPT, LIKES_MAX),
            dead_letters,
        )


@asynccontextmanager
async def sqlite_search(folder: Path) -> AsyncIterator[Searched]:
    """Open the index of a folder, with the log and the stores that it follows."""
    index = SQLiteSearchIndex(folder / "search.db", 100, 10.0, lambda: True)
    files = SearchFiles(folder / "search.db", folder / "store.db", folder / "accounts.db")
    async with (
        SQLiteEventLog.open(folder / "log.db", Clock()) as log,
        sqlite_users(folder) as users,
        sqlite_stores(folder) as stores,
        SearchFilling.open(files, log, index, 0) as filling,
    ):

        async def tell(events: Sequence[Event]) -> None:
            after = await log.bounds()
            await log.append(events)
            batch = await log.read(after[1], len(events))
            await stores.projection.apply(batch)
            await filling.apply(batch)

        async def again() -> None:
            await filling.apply(await log.read(0, 100_000))

        yield Searched(index, users, tell, again, filling.look_for_accounts)
        await index.end()


@asynccontextmanager
async def opensearch_search(folder: Path) -> AsyncIterator[Searched]:
    """Open an empty index, with the log and the stores of a folder, which it follows."""
    async with (
        SQLiteEventLog.open(folder / "log.db", Clock()) as log,
        sqlite_users(folder) as users,
        sqlite_stores(folder) as stores,
        opensearch_adapters.PLACE.emptied(users, stores.graph) as place,
    ):

        async def tell(events: Sequence[Event]) -> None:
            after = await log.bounds()
            await log.append(events)
            batch = await log.read(after[1], len(events))
            await stores.projection.apply(batch)
            await place.apply(batch)

        async def again() -> None:
            await place.apply(await log.read(0, 100_000))

        async def look() -> None:
            with closing(sqlite3.connect(folder / "accounts.db")) as connection:
                rows = connection.execute("SELECT user_id FROM account_changes").fetchall()
            await place.look([UserId(row[0]) for row in rows])

        yield Searched(place.index, users, tell, again, look)


@asynccontextmanager
async def memory_timelines(url: str, length: int, timelines_max: int, idle_s: float) -> AsyncIterator[OpenedTimelines]:
    """Open a cache in memory."""
    assert not url
    clock = Clock()

    async def let_pass(seconds: int) -> None:
        clock.now += seconds

    yield OpenedTimelines(MemoryTimelineStore(clock, length, timelines_max, idle_s), let_pass, counts_lists=True)


def memory_broadcast(url: str = "") -> AbstractAsyncContextManager[Broadcast]:
    """Open a broadcast within this process."""
    assert not url
    return BroadcasterBroadcast.open("memory://")


def sqlite_commits(folder: Path) -> int:
    """Count the commits in a log's write-ahead file: the frames that say how large the file is after them."""
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    wal = (folder / "log.db-wal").read_bytes()
    starts = range(WAL_HEADER_BYTES, len(wal), FRAME_HEADER_BYTES + page_bytes)
    return sum(int.from_bytes(wal[start + 4 : start + 8], "big") > 0 for start in starts)


LOGS: dict[str, OpenPlace] = {"sqlite": sqlite_log} | kafka_adapters.LOGS
USERS: dict[str, OpenUsers] = {"sqlite": sqlite_users} | cassandra_adapters.USERS
KEYS: dict[str, OpenKeys] = {"sqlite": sqlite_keys} | cassandra_adapters.KEYS
STORES: dict[str, OpenStores] = {"sqlite": sqlite_stores} | cassandra_adapters.STORES
SEARCHES: dict[str, OpenIndex] = {"sqlite": sqlite_search, "opensearch": opensearch_search}
TIMELINES: dict[str, OpenTimelines] = {"memory": memory_timelines} | redis_adapters.TIMELINES
BROADCASTS: dict[str, redis_adapters.OpenBroadcast] = {"memory": memory_broadcast} | redis_adapters.BROADCASTS
