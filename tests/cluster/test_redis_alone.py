"""What happens to a Redis happens to a cache: it is flushed, frozen, killed, started again, and timelines come back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.adapters.redis.checks import check
from infra.adapters.redis.connection import Call, RedisConnection, RedisLimits
from infra.adapters.redis.timelines import RedisTimelineStore
from infra.stack.programs import Missing
from infra.stack.redis import redis_server
from infra.stack.server import Server
from loaders.errors import Unavailable
from loaders.records import TweetId
from tests.cluster.redis_lists import build, held, ids, in_time, is_held, opened, viewers
from tests.servers import redis_here

ADA, BOB = viewers(2)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A Redis that a test may do anything to."""
    try:
        made = redis_here(redis_server)(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    async with made as started:
        yield started


async def test_a_flushed_redis_has_no_lists_and_takes_new_ones(server: Server) -> None:
    async with opened(server.url) as (connection, store):
        await build(store, ADA, 1)
        token = await store.begin_build(BOB)
        await connection.one(Call("", ("FLUSHALL",)))

        assert await held(store, ADA) is None
        assert not await store.finish_build(BOB, token, [], TweetId(0), {})
        assert await store.push_many([(ids(2)[0], [ADA, BOB])]) == 0
        await build(store, ADA, 3)
        assert await store.push_many([(ids(4)[0], [ADA, BOB])]) == 1

        assert await held(store, ADA) == [4, 3]


async def test_lists_of_a_server_that_stays_outlive_every_look_at_it(server: Server) -> None:
    async with opened(server.url) as (_, store):
        assert await store.check() == 1  # nobody knows yet what this server has lost
        await build(store, ADA, 1)
        assert await store.check() == 0

    async with opened(server.url) as (_, store):
        assert await store.check() == 0
        assert await held(store, ADA) == [1]


async def test_a_redis_that_comes_back_with_an_old_snapshot_is_found_to_lack_what_it_acknowledged(
    server: Server,
) -> None:
    """The lists are there, and so is what was pushed before the snapshot: what came after it is missing (F4)."""
    async with opened(server.url) as (connection, store):
        await store.check()
        await build(store, ADA, 1)
        await connection.one(Call("", ("SAVE",)))
        assert await store.push_many([(ids(2)[0], [ADA])]) == 1

        server.kill()
        await server.restart()
        await in_time(lambda: is_held(store, ADA, [1]))

        assert await store.check() == 1
        assert await held(store, ADA) is None


async def test_scripts_that_are_forgotten_are_brought_again(server: Server) -> None:
    async with opened(server.url) as (connection, store):
        for number in range(1, 4):
            await connection.run([Call("", ("SCRIPT", "FLUSH")), Call("", ("FUNCTION", "FLUSH"))])
            token = await store.begin_build(ADA)
            await connection.one(Call("", ("SCRIPT", "FLUSH")))
            assert await store.finish_build(ADA, token, ids(number), TweetId(0), {})
            await connection.one(Call("", ("SCRIPT", "FLUSH")))
            assert await store.push_many([(ids(number + 1)[0], [ADA])]) == 1
            await connection.one(Call("", ("SCRIPT", "FLUSH")))
            assert await held(store, ADA) == [number + 1, number]


async def test_a_frozen_redis_is_unavailable_in_time_and_answers_the_right_question_afterwards(server: Server) -> None:
    async with opened(server.url, RedisLimits(timeout_s=0.5)) as (_, store):
        for viewer in (ADA, BOB):
            await build(store, viewer, 1)
        server.freeze()
        began_s = asyncio.get_running_loop().time()
        questions = (
            held(store, ADA),
            store.reach(ADA),
            store.begin_build(viewers(3)[2]),
            store.push_many([(ids(2)[0], [ADA])]),
            store.drop([viewers(4)[3]]),
            store.drop(None),
        )
        answers = await asyncio.gather(*questions, return_exceptions=True)
        took_s = asyncio.get_running_loop().time() - began_s
        server.thaw()

        assert [type(answer) for answer in answers] == [Unavailable] * len(questions)
        assert took_s < 5
        await in_time(lambda: is_held(store, BOB, [1]))
        # What was cut off may have arrived, or not.
        assert await held(store, ADA) in ([1], [2, 1])


async def test_a_killed_redis_is_unavailable_and_one_that_starts_again_has_no_lists(server: Server) -> None:
    async with opened(server.url) as (_, store):
        await build(store, ADA, 1)
        server.kill()

        with pytest.raises(Unavailable):
            await held(store, ADA)
        with pytest.raises(Unavailable):
            await store.push_many([(ids(2)[0], [ADA])])
        with pytest.raises(Unavailable):
            await store.drop(None)
        await server.start()

        assert await held(store, ADA) is None
        await build(store, ADA, 1)
        assert await store.push_many([(ids(2)[0], [ADA])]) == 1


async def test_a_full_redis_refuses_and_says_so(server: Server) -> None:
    async with opened(server.url) as (connection, store):
        await build(store, ADA, 1)
        await connection.one(Call("", ("CONFIG", "SET", "maxmemory", 1, "maxmemory-policy", "noeviction")))

        with pytest.raises(Unavailable, match="maxmemory"):
            await store.push_many([(ids(2)[0], [ADA])])

        assert await held(store, ADA) == [1]


async def test_connections_are_bounded_however_many_read_at_once(server: Server) -> None:
    async with opened(server.url, RedisLimits(connections_max=3, timeout_s=20)) as (connection, store):
        await build(store, ADA, 1)

        assert await asyncio.gather(*(held(store, ADA) for _ in range(100))) == [[1]] * 100

        clients = (await connection.one(Call("", ("CLIENT", "LIST", "TYPE", "normal")))).decode().splitlines()
        assert len(clients) <= 3


async def test_a_list_of_800_takes_at_most_eleven_bytes_an_entry_with_all_it_knows(server: Server) -> None:
    async with opened(server.url) as (connection, _):
        store = RedisTimelineStore(connection)
        token = await store.begin_build(ADA)
        settled = {partition: 3_000_000_000 + partition for partition in range(64)}
        assert await store.finish_build(ADA, token, ids(*range(1, 810)), TweetId(0), settled)

        (key,) = await connection.ask(connection.nodes.masters()[0], "KEYS", "*")
        used = await connection.one(Call("", ("MEMORY", "USAGE", key, "SAMPLES", 0)))

        assert await connection.one(Call("", ("LLEN", key))) == 802
        assert used / 800 <= 11


async def test_reading_a_young_list_writes_nothing(server: Server) -> None:
    async with opened(server.url) as (connection, store):
        await build(store, ADA, 1, 2)
        changes = await changes_of(connection)
        for _ in range(5):
            await held(store, ADA)
            await store.reach(ADA)

        assert await changes_of(connection) == changes


async def test_the_checks_tell_what_is_not_well(server: Server) -> None:
    async with opened(server.url) as (connection, _):
        well = ("maxmemory", "100mb", "maxmemory-policy", "volatile-ttl", "save", "", "appendonly", "no")
        await connection.one(Call("", ("CONFIG", "SET", *well)))
        assert [(fact.ok, fact.advice) for fact in await check(connection)] == [(True, "")] * 5

        unwell = ("maxmemory", 0, "maxmemory-policy", "noeviction", "save", "60 1")
        await connection.one(Call("", ("CONFIG", "SET", *unwell)))
        found = [fact for fact in await check(connection) if not fact.ok]
        assert [fact.name.split(maxsplit=2)[2] for fact in found] == [
            "memory limit",
            "eviction policy noeviction",
            "keeps nothing on disk",
        ]
        assert all(fact.advice for fact in found)

        server.kill()
        (fact,) = await check(connection)
        assert (fact.name, fact.ok) == ("redis reach", False)


async def changes_of(connection: RedisConnection) -> str:
    told: str = (await connection.one(Call("", ("INFO", "persistence")))).decode()
    return next(line for line in told.splitlines() if line.startswith("rdb_changes_since_last_save"))
