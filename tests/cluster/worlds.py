"""The small world on the real servers: a gateway and a member of each consumer group, in one process."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.adapters.cassandra.leases import WorkerLease
from infra.adapters.kafka.log import KafkaEventLog
from infra.clocks import Clocks
from infra.cluster.gateway import ClusterGateway, running_gateway
from infra.cluster.parts import Connected, assembled, holder_name
from infra.cluster.work import groups_of, run_members
from infra.cluster.working import Working
from infra.settings import Settings
from realtime.partitions import Layout
from tests.answers import WAIT_S
from tests.contracts.cassandra_adapters import PLACE
from tests.contracts.kafka_adapters import PATIENT, kafka_topics
from tests.world import World

LAYOUT = Layout(3, 1)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a world lives: the topics of its own, the caches, and the folder that stands for its stores."""

    log_url: str
    redis_url: str
    folder: Path

    def settings(self, changes: Mapping[str, object]) -> Settings:
        """Return the settings of a gateway or a worker."""
        stores = dict.fromkeys(("users_url", "tweets_url", "graph_url", "keys_url"), "cassandra://127.0.0.1/unused")
        urls = {"log_url": self.log_url, "timelines_url": self.redis_url, "broadcast_url": self.redis_url, **stores}
        parts = {"log_partitions": LAYOUT.partitions, "like_partitions": LAYOUT.like_partitions}
        return Settings.for_tests(self.folder, token_key="k" * 32, **urls, **parts, **changes)


class ClusterWorld(World):
    """A `World` whose acts go through Kafka, Cassandra and Redis."""

    def __init__(self, site: Site, **changes: object) -> None:
        super().__init__(site.folder, **changes)
        self._site = site
        self._gateway: ClusterGateway

    async def open(self, **changes: object) -> None:
        """Join the groups, and open a gateway."""
        self._changes |= changes
        self.settings = settings = self._site.settings(self._changes)
        clocks = Clocks(lambda: self.now_s, lambda: self.now_s)
        session = PLACE.session(self._site.folder)
        log = await self._stack.enter_async_context(
            KafkaEventLog.open(self._site.log_url, LAYOUT, PLACE.epoch, PATIENT)
        )
        lease = await self._stack.enter_async_context(
            WorkerLease.open(session, holder_name(), clocks.now_ms, clocks.monotonic_s, min)
        )
        connected = await self._stack.enter_async_context(assembled(settings, clocks, session, log, lease))
        working = Working(connected, clocks)
        run_members(working, groups_of(settings), settings)
        self._stack.push_async_callback(working.tasks.stop)
        running = running_gateway(settings, clocks, self.as_gateway(connected))
        self._gateway = await self._stack.enter_async_context(running)
        self.services, self.hub = self._gateway.services, self._gateway.hub
        self.log, self.timelines = log, connected.parts.timelines

    def as_gateway(self, connected: Connected) -> Connected:
        """Return what the gateway is connected to."""
        return connected

    async def drained(self) -> None:
        """Wait until this gateway's streams have heard all that the log holds, likes too."""
        assert await self._gateway.drained(WAIT_S)


@asynccontextmanager
async def open_cluster_world(site: Site, **changes: object) -> AsyncIterator[ClusterWorld]:
    """Open a world with settings of its own."""
    world = ClusterWorld(site, **changes)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


@asynccontextmanager
async def new_site(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Site]:
    """Make topics for a world, and clean the stores; the servers are started if they do not run yet."""
    request.getfixturevalue("cassandra_url")
    # It runs a loop of its own, which no thread may do that runs one already.
    await asyncio.to_thread(PLACE.use, request)
    PLACE.rows("TRUNCATE worker_leases")  # time may have run ahead in the world before
    redis_url = os.environ.get("TEST_REDIS", "redis_url")
    async with kafka_topics(request.getfixturevalue("kafka_url"), LAYOUT) as log_url:
        yield Site(log_url, request.getfixturevalue(redis_url), folder)
