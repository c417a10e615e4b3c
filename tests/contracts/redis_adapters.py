"""The adapters for Redis and Redis Cluster, as contracts open them."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.redis.connection import Call, RedisConnection, RedisLimits
from infra.adapters.redis.timelines import RedisTimelineStore
from realtime.ports import Broadcast
from tests.contracts.timelines import OpenedTimelines, OpenTimelines

OpenBroadcast = Callable[[str], AbstractAsyncContextManager[Broadcast]]
NUMBERS = count(1)
PATIENT = RedisLimits(timeout_s=20.0)
"""On a busy machine a contract is no test of speed."""


@asynccontextmanager
async def redis_timelines(url: str, length: int, timelines_max: int, idle_s: float) -> AsyncIterator[OpenedTimelines]:
    """Open a cache under a prefix of its own; how many lists there may be is the server's affair."""
    del timelines_max
    prefix = f"test{next(NUMBERS)}"
    async with RedisConnection.open(url, PATIENT, random.Random(1)) as connection:
        store = RedisTimelineStore(connection, length, idle_s, refresh_s=idle_s / 10, push_timeout_s=20, prefix=prefix)

        async def let_pass(seconds: int) -> None:
            # The server's clock is its own: what is left to the keys is made less instead.
            for master in await connection.masters():
                for key in await connection.ask(master, "KEYS", f"{prefix}:*"):
                    name = key.decode()
                    left_ms = await connection.one(Call(name, ("PTTL", name)))
                    assert left_ms > 0
                    await connection.one(Call(name, ("PEXPIRE", name, left_ms - 1_000 * seconds)))

        yield OpenedTimelines(store, let_pass, counts_lists=False)
        await store.drop(None)


TIMELINES: dict[str, OpenTimelines] = {"redis": redis_timelines, "redis-cluster": redis_timelines}
BROADCASTS: dict[str, OpenBroadcast] = {"redis": BroadcasterBroadcast.open, "redis-cluster": BroadcasterBroadcast.open}
SERVERS = {"redis": "redis_url", "redis-cluster": "redis_cluster_url"}
"""The fixtures that start the servers of adapters."""


def url_of(name: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an adapter's server, started if it does not run yet; empty for an adapter without one."""
    return str(request.getfixturevalue(SERVERS[name])) if name in SERVERS else ""
