"""A Redis Cluster loses a master, or moves its slots: lists are found again, pushes go on, and a drop stays exact."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from infra.adapters.redis.connection import Call, RedisConnection, RedisLimits
from infra.adapters.redis.timelines import RedisTimelineStore
from infra.adapters.redis.urls import Address
from infra.stack.programs import Missing
from infra.stack.redis_cluster import redis_cluster_server
from infra.stack.server import Server
from loaders.errors import Unavailable
from loaders.records import TweetId, UserId
from tests.cluster.redis_lists import build, held, ids, in_time, opened, viewers
from tests.cluster.redis_moves import Move
from tests.servers import redis_here

PATIENT = RedisLimits(timeout_s=5.0)
VIEWERS = viewers(60)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A Redis Cluster that a test may do anything to."""
    try:
        made = redis_here(redis_cluster_server)(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    async with made as started:
        yield started


@pytest.mark.parametrize("end", ["kill", "freeze"])
async def test_when_a_master_is_lost_its_replica_goes_on_with_its_lists(server: Server, end: str) -> None:
    async with opened(server.url) as (connection, store):
        for viewer in VIEWERS:
            await build(store, viewer, 1)
        victim = connection.nodes.owner(key_of(store, VIEWERS[0]))
        assert victim is not None
        lost = [viewer for viewer in VIEWERS if connection.nodes.owner(key_of(store, viewer)) == victim]
        assert 0 < len(lost) < len(VIEWERS)
        await in_time(lambda: is_replicated(connection, victim))
        name = next(node.name for node in server.nodes if node.port == victim.port)
        getattr(server, end)(name)

        with pytest.raises(Unavailable):
            await store.push_many([(ids(2)[0], VIEWERS)])
        # Until the replica takes over, the lists of the others are at hand.
        other = next(viewer for viewer in VIEWERS if viewer not in lost)
        assert await held(store, other) in ([1], [2, 1])
        await in_time(lambda: is_pushed(store, 3, VIEWERS))

        assert [await held(store, viewer) for viewer in lost] in ([[3, 1]] * len(lost), [[3, 2, 1]] * len(lost))
        assert connection.nodes.owner(key_of(store, VIEWERS[0])) != victim
        server.thaw()


async def test_while_a_slot_moves_its_lists_are_read_pushed_to_and_built(server: Server) -> None:
    async with opened(server.url, PATIENT) as (connection, store):
        viewers_of_slot = of_one_tag(store, viewers(3_000))[:12]
        for viewer in viewers_of_slot:
            await build(store, viewer, 1)
        unbuilt = [await store.begin_build(viewer) for viewer in viewers_of_slot[:2]]
        move = await Move.begin(connection, key_of(store, viewers_of_slot[0]))
        # One that is being built and five others lie on the new node, as many on the old one.
        await move.carry([key_of(store, viewer) for viewer in viewers_of_slot[1::2]])

        assert await store.push_many([(ids(number)[0], viewers_of_slot) for number in (2, 3)]) == 24
        absent = of_one_tag(store, viewers(3_000))[12]
        assert await store.push_many([(ids(4)[0], [viewers_of_slot[5], absent])]) == 1
        for viewer, token in zip(viewers_of_slot[:2], unbuilt, strict=True):
            assert await store.finish_build(viewer, token, ids(1), TweetId(0), {0: 7})
        await build(store, absent, 8)
        await store.drop(viewers_of_slot[10:])
        lists = [await held(store, viewer) for viewer in (*viewers_of_slot, absent)]

        assert lists == [[3, 2, 1]] * 5 + [[4, 3, 2, 1]] + [[3, 2, 1]] * 4 + [None, None, [8]]

        with pytest.raises(Unavailable, match="reshard"):
            await store.drop(None)
        await build(store, viewers_of_slot[0], 1)
        await build(store, viewers_of_slot[1], 1)
        await move.end([key_of(store, viewer) for viewer in viewers_of_slot[::2]])
        assert await store.push_many([(ids(5)[0], viewers_of_slot)]) == 2
        await store.drop(None)
        assert [await held(store, viewer) for viewer in viewers_of_slot] == [None] * 12


async def test_nothing_is_lost_when_slots_move_again_and_again_under_pushes(server: Server) -> None:
    async with opened(server.url, PATIENT) as (connection, store):
        some = of_one_tag(store, viewers(3_000))[:10]
        for viewer in some:
            await build(store, viewer)
        keys = [key_of(store, viewer) for viewer in some]
        done = asyncio.Event()

        async def push() -> int:
            number = 0
            while not done.is_set() or number < 60:
                number += 1
                await store.push_many([(ids(number)[0], some)])
            return number

        pushing = asyncio.create_task(push())
        for _ in range(4):
            move = await Move.begin(connection, keys[0])
            await move.carry(keys[:5])
            await move.end(keys[5:])
        done.set()
        count = await pushing

        newest = list(range(count, 0, -1))
        for viewer in some:
            numbers = await held(store, viewer)
            assert numbers is not None
            assert numbers == newest[: len(numbers)]
            assert len(numbers) >= min(count, 100)


async def test_a_drop_of_all_forgets_the_lists_of_every_node(server: Server) -> None:
    async with opened(server.url, PATIENT) as (connection, store):
        for viewer in VIEWERS:
            await build(store, viewer, 1)
        assert len({connection.nodes.owner(key_of(store, viewer)) for viewer in VIEWERS}) == 3
        await connection.one(Call("other", ("SET", "other", "kept")))

        await store.drop(None)

        assert {await store.reach(viewer) for viewer in VIEWERS} == {None}
        assert await connection.one(Call("other", ("GET", "other"))) == b"kept"


def key_of(store: RedisTimelineStore, viewer_id: UserId) -> str:
    return store._key(viewer_id)


def of_one_tag(store: RedisTimelineStore, some: Sequence[UserId]) -> list[UserId]:
    tag = key_of(store, some[0]).partition("}")[0]
    return [viewer for viewer in some if key_of(store, viewer).startswith(tag + "}")]


async def is_pushed(store: RedisTimelineStore, number: int, to: Sequence[UserId]) -> bool:
    # Tried before, it may have reached some.
    return await store.push_many([(ids(number)[0], to)]) >= 0


async def is_replicated(connection: RedisConnection, master: Address) -> bool:
    # Asked over a connection of its own, WAIT would wait for nothing.
    told = (await connection.ask(master, "INFO", "replication")).decode()
    facts = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    return f"offset={facts['master_repl_offset']}" in facts.get("slave0", "")
