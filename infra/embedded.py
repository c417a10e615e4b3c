"""The embedded default: everything of one data folder in one process, opened and closed as one."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.accounts import open_accounts
from infra.adapters.sqlite.audit import SQLiteAuditSource
from infra.adapters.sqlite.graph import SQLiteGraphStore, SQLitePolicyStore
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.adapters.sqlite.notifications import SQLiteNotificationStore
from infra.adapters.sqlite.projection import SQLiteProgress, SQLiteProjection
from infra.adapters.sqlite.search_filling import SearchFilling
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from infra.clocks import Clocks
from infra.embedded_files import accounts_file, newest_unapplied, open_store, store_file
from infra.embedded_groups import groups_of
from infra.embedded_search import open_search
from infra.embedded_trends import open_trends
from infra.engine import Parts, Tasks, make_deliver, make_services
from infra.faults import state_of
from infra.groups import worker_of
from infra.media.service import open_media
from infra.media.urls import url_maker
from infra.settings import Settings
from infra.tallies import Pool, buried_tallies, deliver_tallies, trend_tallies
from loaders.errors import Unavailable
from loaders.ids import IdGenerator
from realtime.deliver import Deliver
from realtime.hub import Hub
from realtime.ports import Broadcast, Projection
from realtime.positions import Positions
from realtime.trending import Trending
from realtime.worker import FANOUT, NOTIFY, SEARCH, STORE, TRENDS, Heartbeats, Worker
from resolvers.context import Services

if TYPE_CHECKING:
    from infra.traces.gateway import GatewayTracing

CHECKPOINT_EVERY_S = 5.0
TRIM_EVERY_S = 60.0
SEARCH_ANEW_LOOK_S = 1.0
LAG_EVENTS_MAX = 50_000
HOUR_MS = 3_600_000
DAY_S = 86_400
UNWRITABLE = "posts are refused; pages and open streams go on"


@dataclass(slots=True)
class Engine:
    """The running parts. `start` runs workers, hub and upkeep as tasks until the engine is closed."""

    services: Services
    parts: Parts
    settings: Settings
    clocks: Clocks
    log: SQLiteEventLog
    store: SQLiteStore
    projection: Projection
    progress: SQLiteProgress
    notices: SQLiteNotificationStore
    positions: Positions
    timelines: MemoryTimelineStore
    deliver: Deliver
    search: SearchFilling
    trending: Trending
    hub: Hub
    workers: tuple[Worker, ...]
    tasks: Tasks = field(default_factory=Tasks)

    @property
    def faults(self) -> dict[str, str]:
        """What does not get on, and why."""
        return self.tasks.faults

    def start(self) -> None:
        """Start everything that runs by itself."""
        for worker in self.workers:
            self.tasks.run(worker.group, worker.run)
        self.tasks.run("hub", self.hub.run)
        self.tasks.run("upkeep", self._upkeep)
        self.tasks.run("search-anew", self._make_search_anew)

    async def stop(self) -> None:
        """Cancel what `start` started, and wait for its end."""
        await self.tasks.stop()

    async def drained(self, timeout_s: float) -> bool:
        """Wait until every group has handled what the log holds now; False after the timeout."""
        (end,) = await self.log.end()
        waits = [self.positions.wait(worker.group, end, timeout_s) for worker in self.workers]
        return all(await asyncio.gather(*waits))

    async def trim(self) -> int:
        """Forget what is older than the retention and handled; answer how many events went.

        The store is synced first: beyond the log's retention its own file is the only truth.
        """
        await self.notices.settle()
        groups = (self.projection, self.progress, self.notices)
        handled = min([await group.position() for group in groups])
        before_ms = self.clocks.now_ms() - self.settings.log_retention_hours * HOUR_MS
        await asyncio.to_thread(self.store.checkpoint)
        return await self.log.trim(before_ms, handled)

    async def states(self) -> dict[str, dict[str, object]]:
        """Return what readiness is judged by: each part, whether it is ready, and if not, why."""
        states: dict[str, dict[str, object]] = {}
        try:
            (end,) = await self.log.end()
            fault = self.log.fault
            states["log"] = {**(state_of(None) if fault is None else fault.degrades(UNWRITABLE)), "end": end}
            await self.projection.position()
            states["stores"] = {"ready": True, "dead_letters": sum(self.progress.buried().values())}
        except Unavailable as error:
            states.setdefault("log", {"ready": False, "reason": str(error)})
            states.setdefault("stores", {"ready": False, "reason": str(error)})
            end = self.positions.reached(STORE)
        for worker in self.workers:
            lag = max(0, end - self.positions.reached(worker.group))
            states[worker.group] = state_of(
                worker.fault or self.faults.get(worker.group), lag_events=lag, lag_s=await self._lag_s(worker, lag)
            )
            if lag > LAG_EVENTS_MAX and worker.group != TRENDS:
                states[worker.group] |= {"ready": False, "reason": "too far behind the log"}
        states[SEARCH]["complete"] = self.services.search.index.is_complete
        behind = max(0, self.positions.reached(FANOUT) - self.hub.place()[0])
        states["hub"] = state_of(self.faults.get("hub"), lag_events=behind)
        states["upkeep"] = state_of(self.faults.get("upkeep"))
        return states

    def measures(self) -> Iterator[Metric]:
        """Return what the parts count, for whoever collects it."""
        reached = GaugeMetricFamily("roost_group_position", "Log offset up to which a group has come", labels=["group"])
        for worker in self.workers:
            reached.add_metric([worker.group], self.positions.reached(worker.group))
        yield reached
        heard = GaugeMetricFamily("roost_hub_position", "Log offset up to which streams heard", labels=["partition"])
        heard.add_metric(["0"], self.hub.place()[0])
        yield heard
        yield GaugeMetricFamily("roost_timelines_cached", "Home timelines in the cache", len(self.timelines))
        yield from deliver_tallies(self.deliver)
        yield from buried_tallies(self.progress.buried())
        yield from trend_tallies(self.trending.counter)

    def pools(self) -> Mapping[str, Pool]:
        """Return how full the pools are that not every kind of engine has: there are none."""
        return {}

    async def _lag_s(self, worker: Worker, lag: int) -> float:
        """Return how long the oldest event that a group has not handled lies in the log."""
        try:
            oldest = await self.log.read(self.positions.reached(worker.group), 1) if lag else ()
        except Unavailable:
            return 0.0  # the log's own state says so
        return max([0.0, *((self.clocks.now_ms() - each.appended_at_ms) / 1_000 for each in oldest)])

    async def _make_search_anew(self) -> None:
        """Look each second whether the search index is to be made anew, and do it."""
        while True:
            if self.search.is_asked_anew:
                await self.search.make_anew(self.settings.search_batch_size)
            await asyncio.sleep(SEARCH_ANEW_LOOK_S)

    async def _upkeep(self) -> None:
        """Keep files from growing: move committed pages into the store's file, and trim the log."""
        since_trim_s = 0.0
        while True:
            await asyncio.sleep(CHECKPOINT_EVERY_S)
            await self.log.try_again()
            await asyncio.to_thread(self.store.checkpoint)
            self.store.shorten()
            since_trim_s += CHECKPOINT_EVERY_S
            if since_trim_s >= TRIM_EVERY_S:
                since_trim_s = 0.0
                await self.trim()
                await self.services.uploading.sweep()


@asynccontextmanager
async def open_engine(
    settings: Settings, clocks: Clocks | None = None, tracing: "GatewayTracing | None" = None
) -> AsyncIterator[Engine]:
    """Open a data folder and start its workers; they have caught up with the log as far as `positions` say."""
    async with open_parts(settings, clocks or Clocks(), tracing=tracing) as engine:
        engine.start()
        try:
            yield engine
        finally:
            await engine.stop()


@asynccontextmanager
async def open_parts(
    settings: Settings,
    clocks: Clocks,
    broadcast: Broadcast | None = None,
    tracing: "GatewayTracing | None" = None,
) -> AsyncIterator[Engine]:
    """Open a data folder without starting anything; a broadcast that is given takes the place of the settings'."""
    async with AsyncExitStack() as stack:
        if broadcast is None:
            broadcast = await stack.enter_async_context(BroadcasterBroadcast.open(settings.broadcast_url))
        yield await _compose(settings, clocks, broadcast, stack, tracing)


async def _compose(
    settings: Settings,
    clocks: Clocks,
    broadcast: Broadcast,
    stack: AsyncExitStack,
    tracing: "GatewayTracing | None",
) -> Engine:
    if tracing is not None:
        broadcast = tracing.broadcast(broadcast)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = await stack.enter_async_context(
        SQLiteEventLog.open(settings.database(settings.log_url, "log"), clocks.now_ms, settings.group_commit_max)
    )
    url_of = url_maker(settings, clocks.now_s)
    users, keys = await stack.enter_async_context(
        open_accounts(accounts_file(settings), clocks.now_ms, settings.key_lifetime_hours * HOUR_MS, url_of=url_of)
    )
    store = await stack.enter_async_context(open_store(settings))
    projection, progress, positions = SQLiteProjection(store), SQLiteProgress(store), Positions()
    positions.advance(STORE, await projection.position())
    positions.advance(FANOUT, await progress.position())
    notices = SQLiteNotificationStore(store, settings.notifications_kept, settings.notified_likes_max)
    positions.advance(NOTIFY, await notices.position())
    files = (store_file(settings), accounts_file(settings))
    media, workshop = await asyncio.to_thread(open_media, settings)
    search_index, search = await stack.enter_async_context(open_search(settings, log, positions, files))
    trends, trending = await open_trends(settings, log, positions, clocks.now_ms)
    newest = max(store.newest_id(), users.newest_id(), await newest_unapplied(log, positions.reached(STORE)))
    timelines = _cache(settings, clocks)
    parts = Parts(
        log=log,
        users=users,
        keys=keys,
        tweets=SQLiteTweetStore(store),
        graph=SQLiteGraphStore(store),
        policy=SQLitePolicyStore(store),
        timelines=timelines,
        projection=projection,
        progress=progress,
        audit=SQLiteAuditSource(store_file(settings)),
        notices=notices,
        broadcast=broadcast,
        search=search_index,
        media=media,
        workshop=workshop,
        trends=trends,
        new_id=IdGenerator(clocks.now_ms, newest=newest),
    )
    hub = Hub(log, parts.tweets, parts.policy, broadcast, heard=None if tracing is None else tracing.deliveries.heard)
    hub.start_at((positions.reached(FANOUT),))
    services = make_services(settings, clocks, parts, positions, hub)
    stack.callback(services.passwords.close)
    deliver = make_deliver(settings, clocks, parts)
    heartbeats = Heartbeats(broadcast, asyncio.get_running_loop().time)
    groups = groups_of(settings, parts, deliver, notices, search, trending, heartbeats)
    traces = None if tracing is None else tracing.tracing
    workers = tuple(worker_of(group, settings, parts, positions, traces) for group in groups)
    stores = (log, store, projection, progress, notices, positions)
    return Engine(services, parts, settings, clocks, *stores, timelines, deliver, search, trending, hub, workers)


def _cache(settings: Settings, clocks: Clocks) -> MemoryTimelineStore:
    idle_s = settings.timeline_idle_days * DAY_S
    return MemoryTimelineStore(clocks.monotonic_s, settings.timeline_length, settings.timelines_max, idle_s)
