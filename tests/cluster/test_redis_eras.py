"""Whoever looks at a Redis that has taken another's place knows it by what lies beside the lists."""

import random

from infra.adapters.redis.connection import Call, RedisConnection
from infra.adapters.redis.timelines import RedisTimelineStore
from tests.cluster.redis_lists import build, held, viewers
from tests.contracts.redis_adapters import PATIENT
from tests.servers import redis_url

__all__ = ["redis_url"]

PREFIX = "eras"
(ADA,) = viewers(1)


async def test_lists_that_another_server_was_pushed_are_dropped_by_whoever_looks_first(redis_url: str) -> None:
    """A replica brings along whose history it follows, and has one of its own once it takes over (F4)."""
    async with RedisConnection.open(redis_url, PATIENT, random.Random(1)) as connection:
        store = RedisTimelineStore(connection, prefix=PREFIX)
        await store.check()
        await build(store, ADA, 1)
        assert (await store.check(), await held(store, ADA)) == (0, [1])
        (key,) = await connection.ask(connection.nodes.masters()[0], "KEYS", f"{PREFIX}:*era")
        await connection.one(Call(key.decode(), ("SET", key, "0" * 40)))

        other = RedisTimelineStore(connection, prefix=PREFIX)

        assert (await other.check(), await held(store, ADA)) == (1, None)
        await build(store, ADA, 2)
        assert (await other.check(), await held(other, ADA)) == (0, [2])
        await store.drop(None)
