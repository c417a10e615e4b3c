"""Where an import works: a data folder that it owns, or one that a running server owns."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.clocks import Clocks
from infra.data_folder import DataFolder, FolderTaken, is_free
from infra.embedded import HOUR_MS, Engine, open_engine
from infra.importer.feed import ROWS_PER_EVENT, Feed
from infra.importer.known import Known, Places, SQLiteKnown
from infra.importer.people import People
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.ids import IdGenerator
from loaders.ports import UserStore
from realtime.events import ImportFinished
from realtime.ports import EventLog

if TYPE_CHECKING:
    from infra.cluster.parts import Connected

IMPORT_WORKER = 1
"""The server makes its ids as worker 0, perhaps at the same time."""
IMPORT_LOCK = "import.lock"
SERVER = "serve"
AHEAD_OWNED = 400
"""Events: large batches, which write each page of the store's file fewer times."""
AHEAD_SERVED = 16
"""Events: the server applies so many at once while its readers wait."""
AHEAD_CLUSTER = 400
"""Events of all partitions: each gets few at a time."""
POLL_CLUSTER_S = 0.1
BATCH_ROWS_MIN = 4_000
"""Accounts are made, and rows looked up, for so many at a time."""


@dataclass(frozen=True, slots=True)
class Site:
    """What writing an import needs."""

    folder: Path
    users: UserStore
    people: People
    known: Known
    feed: Feed
    new_id: Callable[[], int]
    clocks: Clocks
    began_at: Places

    @property
    def batch_rows(self) -> int:
        """How many rows are read, looked up and appended in one go."""
        return max(self.feed.events_at_once * ROWS_PER_EVENT, BATCH_ROWS_MIN)

    async def finish(self) -> int:
        """End the import, and answer how many of its events could not be applied.

        The log says so once all is applied: with several partitions, what ends it could pass what it is to end.
        """
        await self.feed.drained()
        await self.feed.append([ImportFinished()])
        await self.feed.drained()
        return await self.known.buried(self.began_at)


@asynccontextmanager
async def open_site(settings: Settings, clocks: Clocks, what: str, may_be_served: bool = True) -> AsyncIterator[Site]:
    """Open what the settings name for one import at a time; raises `FolderTaken` if another is at work on the folder.

    With the server stopped this process owns the folder and applies events itself. With the server running, if that
    `may_be_served`, it appends to the log from outside, and the server applies. All in the log is applied on entering.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(DataFolder(settings.data_dir, what, IMPORT_LOCK))
        if not settings.is_embedded:
            yield await _on_cluster(settings, clocks, stack)
            return
        try:
            stack.enter_context(DataFolder(settings.data_dir, what))
        except FolderTaken as taken:
            if not may_be_served or taken.holder is None or taken.holder.what != SERVER:
                raise
            users, log, check = await _served(settings, clocks, stack)
            ahead_max = AHEAD_SERVED
        else:
            users, log, check = _owned(await stack.enter_async_context(open_engine(settings, clocks)))
            ahead_max = AHEAD_OWNED
        known = stack.enter_context(SQLiteKnown.open(settings.database(settings.tweets_url, "store")))
        new_id = IdGenerator(clocks.now_ms, IMPORT_WORKER)
        feed = Feed(log, known, ahead_max, check)
        people = People(users, new_id, clocks.now_ms)
        yield Site(settings.data_dir, users, people, known, feed, new_id, clocks, await feed.drained())


async def _on_cluster(settings: Settings, clocks: Clocks, stack: AsyncExitStack) -> Site:
    """Append to a cluster's log, whose workers apply. One import at a time: the folder's lock is that of this host."""
    from infra.cluster.known import CassandraKnown  # noqa: PLC0415 - its drivers take a second to import
    from infra.cluster.parts import open_connected  # noqa: PLC0415

    connected = await stack.enter_async_context(open_connected(settings, clocks, gives_ids=True))
    return await site_on(connected, CassandraKnown(connected), clocks, settings.data_dir)


async def site_on(connected: "Connected", known: Known, clocks: Clocks, folder: Path) -> Site:
    """Return where an import on a connected cluster works; all in the log is applied by then."""
    parts = connected.parts
    feed = Feed(parts.log, known, AHEAD_CLUSTER, lambda: None, poll_s=POLL_CLUSTER_S)
    people = People(parts.users, parts.new_id, clocks.now_ms)
    return Site(folder, parts.users, people, known, feed, parts.new_id, clocks, await feed.drained())


def _owned(engine: Engine) -> tuple[UserStore, EventLog, Callable[[], None]]:
    def check() -> None:
        if engine.faults:
            raise Unavailable(f"What was imported cannot be applied: {engine.faults}")

    return engine.services.users, engine.log, check


async def _served(
    settings: Settings, clocks: Clocks, stack: AsyncExitStack
) -> tuple[UserStore, EventLog, Callable[[], None]]:
    log = await stack.enter_async_context(
        SQLiteEventLog.open(settings.database(settings.log_url, "log"), clocks.now_ms, settings.group_commit_max)
    )
    users, _ = await stack.enter_async_context(
        open_accounts(
            settings.database(settings.users_url, "accounts"), clocks.now_ms, settings.key_lifetime_hours * HOUR_MS
        )
    )

    def check() -> None:
        if is_free(settings.data_dir):
            raise Unavailable("The server has stopped: run the same command again, and it goes on from here")

    return users, log, check
