"""Where an import works: a data folder that it owns, or one that a running server owns."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.clocks import Clocks
from infra.data_folder import DataFolder, FolderTaken, is_free
from infra.engine import HOUR_MS, Engine, open_engine
from infra.importer.feed import ROWS_PER_EVENT, Feed
from infra.importer.known import Known
from infra.importer.people import People
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.ids import IdGenerator
from loaders.ports import UserStore
from realtime.events import ImportFinished
from realtime.ports import EventLog

IMPORT_WORKER = 1
"""The server makes its ids as worker 0, perhaps at the same time."""
IMPORT_LOCK = "import.lock"
SERVER = "serve"
AHEAD_OWNED = 400
"""Events: large batches, which write each page of the store's file fewer times."""
AHEAD_SERVED = 8
"""Events: the server applies so many at once while its readers wait."""
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
    began_at: int

    @property
    def batch_rows(self) -> int:
        """How many rows are read, looked up and appended in one go."""
        return max(self.feed.events_at_once * ROWS_PER_EVENT, BATCH_ROWS_MIN)

    async def finish(self) -> int:
        """End the import: say so in the log, wait until all is applied, and answer how many events could not be."""
        await self.feed.append([ImportFinished()])
        await self.feed.drained()
        return self.known.buried(self.began_at)


@asynccontextmanager
async def open_site(settings: Settings, clocks: Clocks, what: str, may_be_served: bool = True) -> AsyncIterator[Site]:
    """Open a data folder for one import at a time; raises `FolderTaken` if any other command is at work on it.

    With the server stopped this process owns the folder and applies events itself. With the server running, if that
    `may_be_served`, it appends to the log from outside, and the server applies. All in the log is applied on entering.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(DataFolder(settings.data_dir, what, IMPORT_LOCK))
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
        known = stack.enter_context(Known.open(settings.database(settings.tweets_url, "store")))
        new_id = IdGenerator(clocks.now_ms, IMPORT_WORKER)
        feed = Feed(log, known, ahead_max, check)
        people = People(users, new_id, clocks.now_ms)
        yield Site(settings.data_dir, users, people, known, feed, new_id, clocks, await feed.drained())


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
