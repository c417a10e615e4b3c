"""What runs behind the gateway: stores, log, workers and hub of one data folder, opened and closed as one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.audit import SQLiteAuditSource
from infra.adapters.sqlite.graph import SQLiteGraphStore, SQLitePolicyStore
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.adapters.sqlite.projection import SQLiteProgress, SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from infra.auth import Argon2Passwords, JwtTokens, token_key
from infra.clocks import Clocks
from infra.settings import Settings, SettingsError
from infra.throttle import MemoryThrottle
from loaders.bundle import LoaderStores
from loaders.home import HomeStores
from loaders.ids import IdGenerator
from loaders.page import PageLimits
from loaders.ports import IdempotencyKeys, UserStore
from loaders.rebuild import Rebuilds
from realtime.appending import Appending
from realtime.audit import AuditStores
from realtime.deliver import Deliver
from realtime.events import event_id
from realtime.fanout import PushPolicy
from realtime.home_stream import LiveServices
from realtime.hub import Hub
from realtime.ports import Broadcast, EventLog, Progress, Projection
from realtime.positions import Positions
from realtime.posting import Posting
from realtime.relating import Relating
from realtime.streams import TopicServices
from realtime.worker import FANOUT, STORE, Worker, heartbeat, store_handler
from resolvers.context import Services

CHECKPOINT_EVERY_S = 5.0
TRIM_EVERY_S = 60.0
BEGIN_ANEW_S = 1.0
STOP_AGAIN_S = 1.0
"""A cancellation that a library loses is sent again."""
HOUR_MS = 3_600_000
DAY_S = 86_400


@dataclass(slots=True)
class Engine:
    """The running parts. `start` runs workers, hub and upkeep as tasks until the engine is closed."""

    services: Services
    settings: Settings
    clocks: Clocks
    log: EventLog
    store: SQLiteStore
    projection: Projection
    progress: SQLiteProgress
    positions: Positions
    timelines: MemoryTimelineStore
    deliver: Deliver
    hub: Hub
    workers: tuple[Worker, ...]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything that runs by itself."""
        for worker in self.workers:
            self._run(worker.group, worker.run)
        self._run("hub", self.hub.run)
        self._run("upkeep", self._upkeep)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every group has handled what the log holds now; False after the timeout."""
        _, end = await self.log.bounds()
        return await self.positions.wait(FANOUT, end, timeout_s)

    async def stop(self) -> None:
        """Cancel what `start` started, and wait for its end."""
        while self.tasks:
            for task in self.tasks:
                task.cancel()
            _, running = await asyncio.wait(self.tasks, timeout=STOP_AGAIN_S)
            self.tasks = list(running)

    def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.tasks.append(asyncio.ensure_future(self._kept_running(name, work)))

    async def _kept_running(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a part for good: what ends by an error is reported, not ready meanwhile, and begun anew."""
        while True:
            try:
                self.faults.pop(name, None)
                await work()
            except Exception as error:
                self.faults[name] = f"{type(error).__name__}: {error}"
                report(name, self.faults[name])
            await asyncio.sleep(BEGIN_ANEW_S)

    async def _upkeep(self) -> None:
        """Keep files from growing: move committed pages into the store's file, and trim the log."""
        since_trim_s = 0.0
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            await asyncio.to_thread(self.store.checkpoint)
            self.store.shorten()
            since_trim_s += CHECKPOINT_EVERY_S
            if since_trim_s >= TRIM_EVERY_S:
                since_trim_s = 0.0
                await self.trim()

    async def trim(self) -> int:
        """Forget what is older than the retention and handled; answer how many events went.

        The store is synced first: beyond the log's retention its own file is the only truth.
        """
        handled = min(await self.projection.position(), await self.progress.position())
        before_ms = self.clocks.now_ms() - self.settings.log_retention_hours * HOUR_MS
        await asyncio.to_thread(self.store.checkpoint)
        return await self.log.trim(before_ms, handled)


def report(part: str, fault: str) -> None:
    """Log that a part does not get on."""
    structlog.get_logger("roost").error("part_failed", part=part, fault=fault)


@asynccontextmanager
async def open_engine(settings: Settings, clocks: Clocks | None = None) -> AsyncIterator[Engine]:
    """Open a data folder and start its workers; they have caught up with the log as far as `positions` say."""
    async with open_parts(settings, clocks or Clocks()) as engine:
        engine.start()
        try:
            yield engine
        finally:
            await engine.stop()


@asynccontextmanager
async def open_parts(settings: Settings, clocks: Clocks, broadcast: Broadcast | None = None) -> AsyncIterator[Engine]:
    """Open a data folder without starting anything; a broadcast that is given takes the place of the settings'."""
    async with AsyncExitStack() as stack:
        if broadcast is None:
            broadcast = await stack.enter_async_context(BroadcasterBroadcast.open(settings.broadcast_url))
        yield await _compose(settings, clocks, broadcast, stack)


async def _compose(settings: Settings, clocks: Clocks, broadcast: Broadcast, stack: AsyncExitStack) -> Engine:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = await stack.enter_async_context(
        SQLiteEventLog.open(settings.database(settings.log_url, "log"), clocks.now_ms, settings.group_commit_max)
    )
    users, keys = await stack.enter_async_context(
        open_accounts(_accounts_file(settings), clocks.now_ms, settings.key_lifetime_hours * HOUR_MS)
    )
    store = await stack.enter_async_context(
        SQLiteStore.open(_store_file(settings), settings.tweet_cache_size, settings.relations_cache_size)
    )
    tweets, graph, policy = SQLiteTweetStore(store), SQLiteGraphStore(store), SQLitePolicyStore(store)
    timelines = MemoryTimelineStore(
        clocks.monotonic_s, settings.timeline_length, settings.timelines_max, settings.timeline_idle_days * DAY_S
    )
    projection, progress, positions = SQLiteProjection(store), SQLiteProgress(store), Positions()
    positions.advance(STORE, await projection.position())
    positions.advance(FANOUT, await progress.position())
    hub = Hub(log, tweets, broadcast)
    hub.start_at(positions.reached(FANOUT))
    push_policy = PushPolicy(settings.push_limit, settings.push_limit_lower_ratio)
    length = settings.timeline_length
    deliver = Deliver(tweets, graph, policy, timelines, broadcast, progress, push_policy, clocks.now_ms, length)
    rebuilds = Rebuilds(tweets, graph, policy, timelines, settings.rebuilds_max, length)
    home = HomeStores(tweets, graph, policy, timelines, rebuilds, hub.place, log.epoch, settings.scan_rounds_max)
    audit = AuditStores(home, SQLiteAuditSource(_store_file(settings)), log, projection)
    appending = Appending(log, positions, settings.write_wait_ms / 1000)
    newest = max(store.newest_id(), users.newest_id(), await _newest_unapplied(log, positions.reached(STORE)))
    new_id = IdGenerator(clocks.now_ms, newest=newest)
    services = _services(settings, clocks, new_id, home, audit, hub, progress, appending, users, keys)
    stack.callback(services.passwords.close)
    handle = store_handler(log, projection, settings.store_batch_size)
    beat = heartbeat(broadcast)
    workers = (
        Worker(STORE, log, positions, handle, settings.store_batch_size, bury=progress.bury, report=report),
        Worker(
            FANOUT,
            log,
            positions,
            deliver.handle,
            settings.fanout_batch_size,
            upstream=STORE,
            idle=beat,
            bury=progress.bury,
            report=report,
        ),
    )
    return Engine(
        services, settings, clocks, log, store, projection, progress, positions, timelines, deliver, hub, workers
    )


def _services(
    settings: Settings,
    clocks: Clocks,
    new_id: IdGenerator,
    home: HomeStores,
    audit: AuditStores,
    hub: Hub,
    progress: Progress,
    appending: Appending,
    users: UserStore,
    keys: IdempotencyKeys,
) -> Services:
    log = appending.log
    return Services(
        users=users,
        loader_stores=LoaderStores(users, home.tweets, home.graph),
        home=home,
        audit=audit,
        posting=Posting(appending, home.tweets, home.graph, keys, new_id),
        relating=Relating(appending, users, home.graph, new_id),
        live=LiveServices(home, hub, log, settings.mailbox_size, settings.replay_max_events),
        topics=TopicServices(hub, home.tweets, home.graph, settings.mailbox_size),
        log=log,
        progress=progress,
        passwords=Argon2Passwords(settings),
        tokens=_tokens(settings, clocks.now_s),
        throttle=_throttle(settings, clocks.monotonic_s),
        new_id=new_id,
        clock_ms=clocks.now_ms,
        page_limits=PageLimits(settings.page_size_default, settings.page_size_max),
        audit_size_max=settings.audit_size_max,
    )


async def _newest_unapplied(log: EventLog, applied: int) -> int:
    """Return the greatest id that the log holds and the store does not know yet."""
    newest, after = 0, applied
    while batch := await log.read(after, 500):
        after = batch[-1].offset
        newest = max(newest, *(event_id(logged.payload) for logged in batch))
    return newest


def _tokens(settings: Settings, clock: Callable[[], float]) -> JwtTokens:
    return JwtTokens(
        token_key(settings.data_dir), clock, settings.token_lifetime_hours * 3_600, settings.token_cache_size
    )


def _throttle(settings: Settings, clock: Callable[[], float]) -> MemoryThrottle:
    return MemoryThrottle(
        clock,
        settings.login_failures_per_account,
        settings.login_failures_per_address,
        settings.login_window_s,
        settings.login_keys_max,
    )


def _accounts_file(settings: Settings) -> Path:
    if settings.users_url != settings.keys_url:
        raise SettingsError(("ROOST_KEYS_URL: the embedded store keeps keys beside users: give both the same URL",))
    return settings.database(settings.users_url, "accounts")


def _store_file(settings: Settings) -> Path:
    if settings.tweets_url != settings.graph_url:
        raise SettingsError(("ROOST_GRAPH_URL: the embedded store keeps the graph beside tweets: give both one URL",))
    return settings.database(settings.tweets_url, "store")
