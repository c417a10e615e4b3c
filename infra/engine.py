"""What runs behind a gateway, whatever stands behind the ports: the services, the hub, and the tasks that keep on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client.metrics_core import Metric

from infra.auth import Argon2Passwords, JwtTokens, signing_key
from infra.clocks import Clocks
from infra.media.service import uploading_of
from infra.media.urls import url_maker
from infra.settings import Settings
from infra.tallies import Pool
from infra.throttle import MemoryThrottle
from loaders.budget import Budget
from loaders.bundle import LoaderStores
from loaders.home import HomeStores
from loaders.known import Known
from loaders.media_ports import MediaStore, MediaWorkshop
from loaders.notices import NoticeStores, NotificationStore
from loaders.page import PageLimits
from loaders.ports import (
    GraphStore,
    IdempotencyKeys,
    PolicyStore,
    SearchIndex,
    TimelineStore,
    TrendStore,
    TweetStore,
    UserStore,
)
from loaders.ranking import HOUR_MS
from loaders.rebuild import Rebuilds
from loaders.search import SearchStores
from loaders.search_query import QueryLimits
from realtime.appending import Appending
from realtime.audit import AuditStores
from realtime.backlog import Backlog
from realtime.deliver import Deliver
from realtime.fanout import PushPolicy
from realtime.home_stream import LiveServices
from realtime.hub import Hub
from realtime.notice_stream import NoticeServices
from realtime.notify import Notify
from realtime.ports import AuditSource, Broadcast, EventLog, Progress, Projection
from realtime.positions import Positions
from realtime.posting import Posting
from realtime.relating import Relating
from realtime.remembered import Remembered
from realtime.streams import TopicServices
from resolvers.context import Services

BEGIN_ANEW_S = 1.0
STOP_AGAIN_S = 1.0
"""A cancellation that a library loses is sent again."""


class Running(Protocol):
    """What an application serves: an embedded engine, or a cluster's gateway."""

    @property
    def services(self) -> Services:
        """All that resolvers use."""

    @property
    def hub(self) -> Hub:
        """Whom the live streams hear."""

    async def states(self) -> dict[str, dict[str, object]]:
        """Return what readiness is judged by: each part, whether it is ready, and if not, why."""

    def measures(self) -> Iterator[Metric]:
        """Return what the parts count, for whoever collects it."""

    def pools(self) -> Mapping[str, Pool]:
        """Return how full the pools are that not every kind of engine has."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What stands behind the ports: a data folder's adapters, or a cluster's."""

    log: EventLog
    users: UserStore
    keys: IdempotencyKeys
    tweets: TweetStore
    graph: GraphStore
    policy: PolicyStore
    timelines: TimelineStore
    projection: Projection
    progress: Progress
    audit: AuditSource
    notices: NotificationStore
    broadcast: Broadcast
    search: SearchIndex
    media: MediaStore
    workshop: MediaWorkshop
    trends: TrendStore
    new_id: Callable[[], int]


@dataclass(slots=True)
class Tasks:
    """Parts that run by themselves. `faults` tells which of them do not get on, and why."""

    faults: dict[str, str] = field(default_factory=dict)
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a part for good: what ends by an error is reported, not ready meanwhile, and begun anew."""
        self._running.append(asyncio.ensure_future(self._kept_running(name, work)))

    async def stop(self) -> None:
        """Cancel all, and wait for their end."""
        while self._running:
            for task in self._running:
                task.cancel()
            _, running = await asyncio.wait(self._running, timeout=STOP_AGAIN_S)
            self._running = list(running)

    async def _kept_running(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                self.faults.pop(name, None)
                await work()
            except Exception as error:
                self.faults[name] = f"{type(error).__name__}: {error}"
                report(name, self.faults[name])
            await asyncio.sleep(BEGIN_ANEW_S)


def report(part: str, fault: str) -> None:
    """Log that a part does not get on."""
    structlog.get_logger("roost").error("part_failed", part=part, fault=fault)


def make_services(
    settings: Settings,
    clocks: Clocks,
    parts: Parts,
    positions: Positions,
    hub: Hub,
    backlog: Backlog | None = None,
    remembered: Remembered | None = None,
    known: Known | None = None,
) -> Services:
    """Return all that resolvers use."""
    home, uploading = _home(settings, parts, hub, known), uploading_of(settings, clocks, parts)
    appending = Appending(parts.log, positions, settings.write_wait_ms / 1000, backlog)
    return Services(
        users=parts.users,
        loader_stores=LoaderStores(parts.users, parts.tweets, parts.graph, known, url_maker(settings, clocks.now_s)),
        home=home,
        audit=AuditStores(home, parts.audit, parts.log, parts.projection),
        posting=Posting(appending, parts.tweets, parts.graph, parts.keys, uploading, parts.new_id),
        uploading=uploading,
        relating=Relating(appending, parts.users, parts.graph, parts.new_id),
        live=LiveServices(
            home, hub, parts.log, settings.mailbox_size, settings.replay_max_events, remembered=remembered
        ),
        notices=_notices(settings, parts, hub),
        search=_search(settings, parts),
        trends=parts.trends,
        topics=TopicServices(hub, parts.tweets, parts.graph, settings.mailbox_size),
        log=parts.log,
        progress=parts.progress,
        passwords=Argon2Passwords(settings),
        tokens=make_tokens(settings, clocks),
        throttle=_throttle(settings, clocks.monotonic_s),
        new_id=parts.new_id,
        clock_ms=clocks.now_ms,
        page_limits=PageLimits(settings.page_size_default, settings.page_size_max),
        audit_size_max=settings.audit_size_max,
    )


def make_deliver(settings: Settings, clocks: Clocks, parts: Parts) -> Deliver:
    """Return the handler of the group `fanout`."""
    return Deliver(
        parts.tweets,
        parts.graph,
        parts.policy,
        parts.timelines,
        parts.broadcast,
        parts.progress,
        PushPolicy(settings.push_limit, settings.push_limit_lower_ratio, settings.push_entries_per_minute),
        clocks.now_ms,
        timeline_length=settings.timeline_length,
        partitions=parts.log.layout.partitions,
        report=report,
    )


def make_notify(parts: Parts) -> Notify:
    """Return the handler of the group `notify`."""
    partitions = sum(parts.log.layout)
    return Notify(parts.notices, parts.tweets, parts.users, parts.graph, parts.broadcast, partitions)


def make_tokens(settings: Settings, clocks: Clocks) -> JwtTokens:
    """Return what issues and reads bearer tokens, with the key of the settings, or else the data folder's."""
    key = signing_key(settings)
    return JwtTokens(key, clocks.now_s, settings.token_lifetime_hours * 3_600, settings.token_cache_size)


def _home(settings: Settings, parts: Parts, hub: Hub, known: Known | None) -> HomeStores:
    tweets, graph, policy, timelines = parts.tweets, parts.graph, parts.policy, parts.timelines
    rebuilds = Rebuilds(tweets, graph, policy, timelines, settings.rebuilds_max, settings.timeline_length)
    pulls = Budget("timelines are read without a cache", settings.pulls_max)
    epoch, rounds_max = parts.log.epoch, settings.scan_rounds_max
    return HomeStores(tweets, graph, policy, timelines, rebuilds, hub.place, epoch, rounds_max, pulls, known)


def _notices(settings: Settings, parts: Parts, hub: Hub) -> NoticeServices:
    partitions, kept, alone = sum(parts.log.layout), settings.notifications_kept, settings.likes_alone_max
    stores = NoticeStores(parts.notices, parts.tweets, parts.graph, partitions, kept, alone)
    return NoticeServices(stores, hub, parts.log, settings.mailbox_size, settings.notifications_look_s)


def _search(settings: Settings, parts: Parts) -> SearchStores:
    return SearchStores(
        parts.search,
        parts.tweets,
        parts.users,
        parts.graph,
        QueryLimits(settings.search_length_max, settings.search_terms_max),
        settings.scan_rounds_max,
        settings.search_ranked_max,
        settings.search_half_life_hours * HOUR_MS,
    )


def _throttle(settings: Settings, clock: Callable[[], float]) -> MemoryThrottle:
    return MemoryThrottle(
        clock,
        settings.login_failures_per_account,
        settings.login_failures_per_address,
        settings.login_window_s,
        settings.login_keys_max,
    )
