"""The stack's real servers: they serve, and hold what they acknowledged through a kill -9."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cassandra.cluster import Cluster, Session  # type: ignore[import-untyped]
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.adapters.s3_media import S3MediaStore
from infra.stack.cassandra import cassandra_server
from infra.stack.kafka import kafka_server
from infra.stack.programs import Missing, install_redis
from infra.stack.redis import ask, redis_server
from infra.stack.redis_cluster import MASTERS, redis_cluster_server
from infra.stack.s3 import s3_server
from infra.stack.server import Server
from tests.contracts.s3_adapters import bucket_at

LOOK_AGAIN_S = 0.05
FAIL_OVER_S = 30.0
ANSWER_S = 60.0
RECORDS = 500
ROWS = 200


def had(make: Callable[[Path], Server], folder: Path) -> Server:
    """Return a server of its own for one test; skip where it cannot be had."""
    try:
        install_redis(dict(os.environ))
        return make(folder)
    except Missing as missing:
        pytest.skip(str(missing))


async def comes_true(fact: Callable[[], Awaitable[bool]], bound_s: float) -> None:
    async with asyncio.timeout(bound_s):
        while True:
            if await fact():
                return
            await asyncio.sleep(LOOK_AGAIN_S)


async def test_a_redis_that_is_killed_comes_back_empty_at_its_url(tmp_path: Path) -> None:
    async with had(redis_server, tmp_path) as server:
        (node,) = server.nodes
        url, pid = server.url, node.process.pid
        assert await ask(node.host, node.port, "SET", "key", "value") == "OK"
        assert "maxmemory_policy:volatile-ttl" in await ask(node.host, node.port, "INFO", "memory")

        server.kill()
        assert not await server.answers()

        await server.restart()
        assert (await server.answers(), server.url) == (True, url)
        assert await ask(node.host, node.port, "EXISTS", "key") == "0"
        assert node.process.pid != pid


async def test_a_frozen_redis_holds_its_connections_and_does_not_answer(tmp_path: Path) -> None:
    async with had(redis_server, tmp_path) as server:
        (node,) = server.nodes
        server.freeze()

        _, writer = await asyncio.open_connection(node.host, node.port)
        writer.close()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(node.host, node.port, "PING"), 0.3)

        server.thaw()
        assert await server.answers()


async def test_a_replica_takes_over_from_a_master_that_is_killed(tmp_path: Path) -> None:
    async with had(redis_cluster_server, tmp_path) as server:
        first, second = server.nodes[:2]
        assert first.port in await masters(second.port)

        server.kill(first.name)

        async def has_taken_over() -> bool:
            is_served = "cluster_state:ok" in await ask(second.host, second.port, "CLUSTER", "INFO")
            now = await masters(second.port)
            return is_served and first.port not in now and len(now) == MASTERS

        await comes_true(has_taken_over, FAIL_OVER_S)
        await server.restart(first.name)
        assert await server.answers()


async def masters(port: int) -> set[int]:
    """The ports of the masters that a node believes to live."""
    lines = (await ask("127.0.0.1", port, "CLUSTER", "NODES")).splitlines()
    fields = [line.split() for line in lines]
    return {
        int(each[1].split("@")[0].rpartition(":")[2])
        for each in fields
        if "master" in each[2] and "fail" not in each[2]
    }


async def test_s3_comes_back_at_its_url_after_a_kill_and_holds_what_it_took(tmp_path: Path) -> None:
    async with had(s3_server, tmp_path) as server:
        url = server.url
        await bucket_at(url)
        async with S3MediaStore.open(url) as store:
            assert await store.put("media/1/about", b"held")
            server.kill()
            assert not await server.answers()
            await server.restart()

            assert await store.content("media/1/about") == b"held"

    assert s3_server(tmp_path).url == url
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0


async def test_kafka_holds_what_it_acknowledged_through_a_kill(tmp_path: Path) -> None:
    async with had(kafka_server, tmp_path) as server:
        address = server.url.removeprefix("kafka://")
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("held", 1)])["held"].result(ANSWER_S)
        acknowledged = produce(address, "held")

        server.kill()
        await server.restart()

        assert len(acknowledged) == RECORDS
        assert consume(address, "held", RECORDS) == acknowledged


def produce(address: str, topic: str) -> list[bytes]:
    acknowledged: list[bytes] = []

    def told(error: KafkaError | None, message: Message) -> None:
        value = message.value()
        if error is None and value is not None:
            acknowledged.append(value)

    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "acks": "all"})
    for number in range(RECORDS):
        producer.produce(topic, str(number).encode(), on_delivery=told)
    producer.flush(ANSWER_S)
    return acknowledged


def consume(address: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        values = [message.value() for message in consumer.consume(count, ANSWER_S) if message.error() is None]
        return [value for value in values if value is not None]
    finally:
        consumer.close()


async def test_cassandra_holds_what_it_acknowledged_through_a_kill(tmp_path: Path) -> None:
    async with had(cassandra_server, tmp_path) as server:
        with connected(server) as session:
            session.execute("CREATE KEYSPACE roost WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
            session.execute("CREATE TABLE roost.held (id int PRIMARY KEY)")
            insert = session.prepare("INSERT INTO roost.held (id) VALUES (?)")
            for answer in [session.execute_async(insert, (number,)) for number in range(ROWS)]:
                answer.result()
            server.kill()

        await server.restart()

        with connected(server) as session:
            assert {row.id for row in session.execute("SELECT id FROM roost.held")} == set(range(ROWS))
            settings = session.execute("SELECT name, value FROM system_views.settings")
            found = {row.name: row.value for row in settings}
            assert (found["commitlog_sync"], found["paxos_variant"]) == ("group", "v2")


@contextmanager
def connected(server: Server) -> Iterator[Session]:
    (node,) = server.nodes
    cluster = Cluster([node.host], port=node.port)
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()
