"""The broadcast over Redis comes back by itself, and neither waits for a server nor for a reader (rule L2)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broadcaster import Broadcast as Broadcaster

from infra.adapters.broadcast import CHANNEL, BroadcasterBroadcast
from infra.adapters.redis.broadcast import BroadcastLimits, RedisBackend
from infra.adapters.redis.connection import RedisConnection
from infra.stack.programs import Missing
from infra.stack.redis import redis_server
from infra.stack.redis_cluster import redis_cluster_server
from infra.stack.server import Server
from realtime.ports import Reference
from tests.cluster.redis_lists import QUICK, WAIT_S
from tests.cluster.redis_moves import Move
from tests.servers import redis_here

LIMITS = BroadcastLimits(look_s=0.2, silent_s=0.8, publish_s=0.5, backoff_max_s=0.5)


@asynccontextmanager
async def started(make: Callable[[Path], Server], folder: Path) -> AsyncIterator[Server]:
    try:
        made = redis_here(make)(folder)
    except Missing as missing:
        pytest.skip(str(missing))
    async with made as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A Redis that a test may do anything to."""
    async with started(redis_server, tmp_path) as server:
        yield server


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Server]:
    """A Redis Cluster that a test may do anything to."""
    async with started(redis_cluster_server, tmp_path) as server:
        yield server


@asynccontextmanager
async def opened(url: str, messages_max: int = 1_000) -> AsyncIterator[tuple[BroadcasterBroadcast, RedisConnection]]:
    async with RedisConnection.open(url, QUICK) as connection:
        backend = RedisBackend(connection, LIMITS)
        async with Broadcaster(backend=backend) as broadcaster:  # type: ignore[arg-type]
            yield BroadcasterBroadcast(broadcaster, backend, messages_max=messages_max), connection


def reference(offset: int) -> Reference:
    return Reference(0, offset - 1, offset, "posted", (offset,))


async def hears_again(broadcast: BroadcasterBroadcast, batches: AsyncIterator[Sequence[Reference]]) -> None:
    """Publish until something new is heard, as heartbeats do."""

    async def publish() -> None:
        while True:
            await broadcast.publish([reference(1_000)])
            await asyncio.sleep(0.05)

    async with asyncio.timeout(WAIT_S):
        publishing = asyncio.create_task(publish())
        try:
            while list(await anext(batches)) != [reference(1_000)]:
                continue
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.02)


async def test_a_redis_that_is_started_again_is_listened_to_again(server: Server) -> None:
    async with opened(server.url) as (broadcast, _), broadcast.subscribe() as batches:
        assert broadcast.alive
        server.kill()
        await until(lambda: not broadcast.alive)
        await broadcast.publish([reference(1)])
        assert broadcast.lost == 1

        await server.start()

        await hears_again(broadcast, batches)
        assert broadcast.alive


async def test_a_redis_that_hangs_is_noticed_and_keeps_no_publisher_waiting(server: Server) -> None:
    async with opened(server.url) as (broadcast, _), broadcast.subscribe() as batches:
        server.freeze()
        began_s = asyncio.get_running_loop().time()
        for offset in range(1, 21):
            await broadcast.publish([reference(offset)])
        took_s = asyncio.get_running_loop().time() - began_s
        await until(lambda: not broadcast.alive)
        server.thaw()

        # After the first has waited, the others are not tried for a while.
        assert took_s < 20 * LIMITS.publish_s / 2
        assert broadcast.lost > 10
        await hears_again(broadcast, batches)
        await until(lambda: broadcast.alive)


async def test_who_subscribes_before_redis_is_there_hears_once_it_is(server: Server) -> None:
    server.kill()
    async with opened(server.url) as (broadcast, _), broadcast.subscribe() as batches:
        assert not broadcast.alive
        await server.start()

        await hears_again(broadcast, batches)


async def test_what_a_subscriber_has_no_room_for_is_dropped_and_counted(server: Server) -> None:
    async with (
        opened(server.url, messages_max=10) as (broadcast, _),
        broadcast.subscribe() as slow,
        broadcast.subscribe() as quick,
    ):
        for offset in range(1, 101):
            await broadcast.publish([reference(offset)])
            assert await anext(quick) == [reference(offset)]
        await until(lambda: broadcast.lost == 90)

        assert [await anext(slow) for _ in range(10)] == [[reference(offset)] for offset in range(1, 11)]


async def test_many_who_subscribe_at_once_all_hear(server: Server) -> None:
    async with opened(server.url) as (broadcast, _):
        ready = asyncio.Barrier(11)

        async def hear() -> Sequence[Reference]:
            async with broadcast.subscribe() as batches:
                await ready.wait()
                return await anext(batches)

        hearing = [asyncio.create_task(hear()) for _ in range(10)]
        await ready.wait()
        await broadcast.publish([reference(1)])

        assert await asyncio.gather(*hearing) == [[reference(1)]] * 10


async def test_a_listener_follows_its_channel_to_another_master(cluster: Server) -> None:
    async with opened(cluster.url) as (broadcast, connection), broadcast.subscribe() as batches:
        await hears_again(broadcast, batches)
        before = connection.nodes.owner(CHANNEL)
        move = await Move.begin(connection, CHANNEL)
        await move.end([])

        await hears_again(broadcast, batches)
        await until(lambda: broadcast.alive)
        assert connection.nodes.owner(CHANNEL) != before


async def test_a_listener_outlives_the_master_of_its_channel(cluster: Server) -> None:
    async with opened(cluster.url) as (broadcast, connection), broadcast.subscribe() as batches:
        await hears_again(broadcast, batches)
        victim = connection.nodes.owner(CHANNEL)
        assert victim is not None
        cluster.kill(next(node.name for node in cluster.nodes if node.port == victim.port))
        await until(lambda: not broadcast.alive)

        await hears_again(broadcast, batches)
        await until(lambda: broadcast.alive)
        assert connection.nodes.owner(CHANNEL) != victim
