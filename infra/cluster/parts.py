"""A cluster's adapters, connected: Kafka, Cassandra or ScyllaDB, Redis or Redis Cluster."""

import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.adapters.breaker import Breaker
from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.cassandra.account_changes import CassandraAccountChanges
from infra.adapters.cassandra.accounts import CassandraIdempotencyKeys, CassandraUserStore
from infra.adapters.cassandra.audit import CassandraAuditSource
from infra.adapters.cassandra.epochs import epoch_of
from infra.adapters.cassandra.graph import CassandraGraphStore, CassandraPolicyStore
from infra.adapters.cassandra.leases import WorkerLease
from infra.adapters.cassandra.migrations import check_migrated
from infra.adapters.cassandra.notifications import CassandraNotificationStore
from infra.adapters.cassandra.projection import CassandraProgress, CassandraProjection
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.tweets import CassandraTweetStore
from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.dead_letters import KafkaDeadLetters
from infra.adapters.kafka.log import KafkaEventLog
from infra.adapters.kafka.trends import KafkaTrends
from infra.adapters.no_search import NoSearchIndex
from infra.adapters.no_trends import NoTrendStore
from infra.adapters.opensearch.urls import is_opensearch
from infra.adapters.redis.connection import RedisConnection
from infra.adapters.redis.timelines import RedisTimelineStore
from infra.clocks import Clocks
from infra.cluster.dependencies import MEDIA, Ping
from infra.cluster.media import ClusterMedia, open_media
from infra.cluster.policies import Policies, of_worker
from infra.cluster.trends import trends_of
from infra.engine import Parts
from infra.media.urls import url_maker
from infra.settings import Settings
from infra.settings_given import PORTS, SettingsError
from infra.tallies import Pool
from loaders.errors import Unavailable
from loaders.records import UserId
from realtime.partitions import Layout

if TYPE_CHECKING:
    from infra.cluster.searching import Searching

HOUR_MS = 3_600_000
DAY_S = 86_400
STORES = ("users_url", "tweets_url", "graph_url", "keys_url")

NEXT_ACCOUNT = "SELECT id, handle FROM users WHERE token(id) >= ? LIMIT 1"


@dataclass(frozen=True, slots=True)
class Connected:
    """The adapters behind their ports, and what is particular to a cluster.

    `pings` ask each server for a sign; `breakers` are those that calls to a server pass. A cluster without OpenSearch
    has no `searching`.
    """

    parts: Parts
    log: KafkaEventLog
    timelines: RedisTimelineStore
    projection: CassandraProjection
    dead_letters: KafkaDeadLetters
    pings: Mapping[str, Ping]
    breakers: Mapping[str, Breaker]
    session: CassandraSession
    redis: RedisConnection
    broadcast: BroadcasterBroadcast
    progress: CassandraProgress
    accounts: CassandraUserStore
    media: ClusterMedia
    searching: "Searching | None" = None
    trends: KafkaTrends | None = None

    def pools(self) -> Mapping[str, Pool]:
        """Return how full the pools of the servers' clients are."""
        nodes, session = self.redis.nodes, self.session
        return {
            "cassandra": Pool(session.in_flight, session.in_flight_max),
            "redis": Pool(nodes.under_way, nodes.connections_max),
        }

    async def accounts_from(self, points: Sequence[int]) -> Sequence[tuple[UserId, str]]:
        """Answer the ids and handles of the accounts next to some points of the ring, each once."""
        found = await self.session.many(NEXT_ACCOUNT, [(point,) for point in points])
        return list({row[0]: (UserId(row[0]), row[1]) for rows in found for row in rows}.values())


def layout_of(settings: Settings) -> Layout:
    """Return how the cluster's log is divided."""
    return Layout(settings.log_partitions, settings.like_partitions)


def store_url(settings: Settings) -> str:
    """Return the one URL of all stores: they share epochs, migrations and connections."""
    urls = {getattr(settings, name) for name in STORES}
    if len(urls) > 1:
        names = ", ".join(f"ROOST_{name.upper()}" for name in PORTS if name in STORES)
        raise SettingsError((f"{names}: the stores of a cluster are one keyspace: give all the same URL",))
    return str(urls.pop())


def holder_name() -> str:
    """Return a name that no other process has, or ever had."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


@asynccontextmanager
async def open_connected(
    settings: Settings, clocks: Clocks, gives_ids: bool, policies: Policies | None = None
) -> AsyncIterator[Connected]:
    """Connect to everything that the settings name, by the policies of a worker unless others are given.

    Raises an error that says so where the cluster was not migrated, `Unavailable` where it does not answer. Whoever
    `gives_ids` leases a worker number for as long as this is open.
    """
    address, layout = KafkaAddress.parse(settings.log_url), layout_of(settings)
    topics, policies = Topics(address.prefix, layout), policies or of_worker(settings)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(CassandraSession.open(store_url(settings), policies.stores))
        await check_migrated(session)
        async with KafkaAdmin.open(address) as admin:
            epoch = await epoch_of(session, await admin.topic_identity(topics))
        log = await stack.enter_async_context(KafkaEventLog.open(settings.log_url, layout, epoch, policies.log))
        new_id: Callable[[], int] = _no_ids
        if gives_ids:
            new_id = await stack.enter_async_context(
                WorkerLease.open(session, holder_name(), clocks.now_ms, clocks.monotonic_s, random.choice)
            )
        yield await stack.enter_async_context(assembled(settings, clocks, session, log, new_id, policies))


@asynccontextmanager
async def assembled(
    settings: Settings,
    clocks: Clocks,
    session: CassandraSession,
    log: KafkaEventLog,
    new_id: Callable[[], int],
    policies: Policies | None = None,
) -> AsyncIterator[Connected]:
    """Put the adapters over connections to the stores and the log, and connect to the caches.

    What the caches hold is named after the log's prefix, so that several clusters may share them.
    """
    epoch, layout, prefix = log.epoch, log.layout, log.topics.prefix
    policies = policies or of_worker(settings)
    note = CassandraAccountChanges(session, clocks.now_ms).note if is_opensearch(settings.search_url) else None
    users = CassandraUserStore(session, url_maker(settings, clocks.now_s), note)
    graph = CassandraGraphStore(session, epoch, layout)
    async with (
        RedisConnection.open(settings.timelines_url, policies.caches) as redis,
        open_media(settings, policies.media) as media,
        BroadcasterBroadcast.open(settings.broadcast_url, f"{prefix}.{epoch}") as broadcast,
        _searching(settings, policies, session, users, graph, epoch, clocks.now_ms) as searching,
    ):
        projection = CassandraProjection(
            session, epoch, layout, clocks.now_ms, rows_under_way_max=settings.store_rows_under_way_max
        )
        progress = CassandraProgress(session, epoch)
        timelines = _timelines(settings, redis, prefix)
        trends = trends_of(settings, log, clocks.now_ms)
        parts = Parts(
            log=log,
            users=users,
            keys=CassandraIdempotencyKeys(session, clocks.now_ms, settings.key_lifetime_hours * HOUR_MS),
            tweets=CassandraTweetStore(session, epoch, layout),
            graph=graph,
            policy=await CassandraPolicyStore.open(session, epoch),
            timelines=timelines,
            projection=projection,
            progress=progress,
            audit=CassandraAuditSource(session),
            notices=CassandraNotificationStore(
                session, epoch, settings.notifications_kept, settings.notified_likes_max
            ),
            broadcast=broadcast,
            search=NoSearchIndex() if searching is None else searching.index,
            media=media.store,
            workshop=media.workshop,
            trends=NoTrendStore() if trends is None else trends.store,
            new_id=new_id,
        )
        dead_letters = KafkaDeadLetters(log.topics, log.deliveries, log.ranges, clocks.now_ms)
        pings, breakers = _watched(log, projection, session, redis, media, searching)
        servers = (session, redis, broadcast, progress, users, media, searching, trends)
        yield Connected(parts, log, timelines, projection, dead_letters, pings, breakers, *servers)


@asynccontextmanager
async def _searching(
    settings: Settings,
    policies: Policies,
    session: CassandraSession,
    users: CassandraUserStore,
    graph: CassandraGraphStore,
    epoch: int,
    clock_ms: Callable[[], int],
) -> "AsyncIterator[Searching | None]":
    if not is_opensearch(settings.search_url):
        yield None
        return
    # The client takes long to load, and only who searches needs it.
    from infra.cluster.searching import open_searching  # noqa: PLC0415

    async with open_searching(settings, policies, session, users, graph, epoch, clock_ms) as searching:
        yield searching


def _timelines(settings: Settings, redis: RedisConnection, prefix: str) -> RedisTimelineStore:
    return RedisTimelineStore(
        redis,
        settings.timeline_length,
        settings.timeline_idle_days * DAY_S,
        read_timeout_s=settings.timelines_timeout_ms / 1_000,
        prefix=f"{prefix}.tl",
    )


def _watched(
    log: KafkaEventLog,
    projection: CassandraProjection,
    session: CassandraSession,
    redis: RedisConnection,
    media: ClusterMedia,
    searching: "Searching | None",
) -> tuple[Mapping[str, Ping], Mapping[str, Breaker]]:
    """Return what asks each server for a sign, and the breakers before them."""
    pings: dict[str, Ping] = {"log": log.end, "stores": projection.position, "timelines": redis.ping}
    breakers = {
        "log": log.deliveries.guard.breaker,
        "log_reads": log.ranges.guard.breaker,
        "stores": session.guard.breaker,
        "timelines": redis.guard.breaker,
    }
    if media.bucket is not None:
        pings[MEDIA], breakers[MEDIA] = media.bucket.connection.ping, media.bucket.guard.breaker
    if searching is not None:
        pings["search_index"] = searching.connection.ping
        breakers["search_index"] = searching.connection.guard.breaker
    return pings, breakers


def _no_ids() -> int:
    raise Unavailable("This process has leased no worker number, and gives no ids")
