"""A whole cluster as its operator has it: topics and a keyspace of its own, made by `roost migrate`, and workers."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.clocks import Clocks
from infra.cluster.gateway import ClusterGateway, running_gateway
from infra.cluster.migrate import migrate
from infra.cluster.parts import Connected, open_connected
from infra.cluster.work import groups_of, run_members
from infra.cluster.working import Working
from infra.settings import Settings
from tests.answers import WAIT_S
from tests.contracts.cassandra_adapters import keyspace_url
from tests.world import World

STORES = ("users_url", "tweets_url", "graph_url", "keys_url")
TOKEN_KEY = "a key of thirty-two letters, or more"


async def new_cluster(request: pytest.FixtureRequest, folder: Path, **changes: object) -> Settings:
    """Make a cluster on the session's servers, which start if need be, and return the settings of its processes."""
    name = f"test_{time.time_ns() // 1_000_000}"
    cassandra = keyspace_url(request.getfixturevalue("cassandra_url"), name)
    redis = str(request.getfixturevalue(os.environ.get("TEST_REDIS", "redis_url")))
    urls = {
        **dict.fromkeys(STORES, cassandra),
        "log_url": f"{request.getfixturevalue('kafka_url')}/{name}",
        "timelines_url": redis,
        "broadcast_url": redis,
    }
    partitions = {"log_partitions": 3, "like_partitions": 1}
    settings = Settings.for_tests(
        folder, **{"token_key": TOKEN_KEY, "write_wait_ms": 10_000, **urls, **partitions, **changes}
    )
    await migrate(settings)
    return settings


@asynccontextmanager
async def workers(settings: Settings) -> AsyncIterator[Connected]:
    """Run a member of each consumer group of a cluster."""
    clocks = Clocks()
    async with open_connected(settings, clocks, gives_ids=True) as connected:
        working = Working(connected, clocks)
        run_members(working, groups_of(settings), settings)
        try:
            yield connected
        finally:
            await working.tasks.stop()


class ServedWorld(World):
    """A `World` on a gateway of a cluster whose workers run."""

    def __init__(self, folder: Path, gateway: ClusterGateway) -> None:
        super().__init__(folder)
        self._gateway = gateway
        self.services, self.hub = gateway.services, gateway.hub
        self.log, self.timelines = gateway.connected.log, gateway.connected.parts.timelines

    async def drained(self) -> None:
        """Wait until this gateway's streams have heard all that the log holds."""
        assert await self._gateway.drained(WAIT_S)

    async def know(self, *handles: str) -> None:
        """Take notice of accounts that are there."""
        found = await self.services.users.by_handles(handles)
        self._ids |= {handle: found[handle.lower()].id for handle in handles}


@asynccontextmanager
async def served(settings: Settings, connected: Connected) -> AsyncIterator[ServedWorld]:
    """Run a gateway."""
    async with running_gateway(settings, Clocks(), connected) as gateway:
        world = ServedWorld(settings.data_dir, gateway)
        try:
            yield world
        finally:
            await world.close()
