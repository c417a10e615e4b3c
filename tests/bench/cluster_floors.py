"""Floors of the cluster's figures: the same servers, asked by bare clients that do the least that could be done."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition
from redis.asyncio import Redis

from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.redis.connection import RedisConnection
from infra.adapters.redis.timelines import Pushes, RedisTimelineStore, runs_of
from infra.stack.server import Server
from realtime.partitions import Layout
from tests.bench.kafka_posts import bare_producer

LAYOUT = Layout(64, 16)
HOUR_MS = 3_600_000
CHANNEL = "floor"
WAIT_S = 10.0
ADMIN_S = 60.0


async def floor_topics(kafka: Server) -> Topics:
    """Make topics of the floors' own, divided as a cluster's."""
    address = KafkaAddress.parse(f"{kafka.url}/floor")
    topics = Topics(address.prefix, LAYOUT)
    async with KafkaAdmin.open(address, timeout_s=ADMIN_S) as admin:
        await admin.make(topics, HOUR_MS)
    return topics


async def bare_pushes(connection: RedisConnection, store: RedisTimelineStore, pushes: Pushes) -> float:
    """Return entries a second of the calls of these pushes, made before and sent one by one over redis-py."""
    commands = [call.command(by_text=False) for run in runs_of(pushes) for call in store.push_calls(run)]
    client = connection.nodes.client(connection.nodes.masters()[0])
    began_s = time.perf_counter()
    for command in commands:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]
    return sum(len(viewers) for _, viewers in pushes) / (time.perf_counter() - began_s)


class Relay:
    """A record through Kafka and then a message through Redis, by bare clients: the way that a post must go."""

    def __init__(self, topics: Topics, producer: Producer, consumer: Consumer, redis: Redis) -> None:
        self._topics = topics
        self._producer = producer
        self._consumer = consumer
        self._redis = redis

    @classmethod
    @asynccontextmanager
    async def open(cls, kafka: Server, redis_url: str, topics: Topics) -> "AsyncIterator[Relay]":
        """Connect, and read from where the topic ends."""
        group = {"group_id": "floor", "enable_auto_commit": False, "fetch_wait_max_ms": 500}
        consumer = Consumer(KafkaAddress.parse(kafka.url).client(**group))
        consumer.assign([TopicPartition(topics.events, 0, OFFSET_END)])
        redis = Redis.from_url(redis_url)
        try:
            yield cls(topics, bare_producer(kafka), consumer, redis)
        finally:
            consumer.close()
            await redis.aclose()

    async def latencies_s(self, value: bytes, count: int) -> Sequence[float]:
        """Return how long each of so many took, one after the other, acknowledged, read, published and heard."""
        found: list[float] = []
        async with self._redis.pubsub() as heard:
            await heard.subscribe(CHANNEL)
            # The first ones find connections and the end of the topic.
            while await asyncio.to_thread(self._passed, value) is None:
                continue
            for _ in range(count):
                began_s = time.perf_counter()
                passed = await asyncio.to_thread(self._passed, value)
                if passed is None:
                    raise RuntimeError("a record was not read back")
                await self._redis.publish(CHANNEL, passed)
                while (message := await heard.get_message(timeout=WAIT_S)) is not None:
                    if message["type"] == "message":
                        break
                found.append(time.perf_counter() - began_s)
        return found

    def _passed(self, value: bytes) -> bytes | None:
        """Append a record, and read it back."""
        self._producer.produce(self._topics.events, value, partition=0)
        self._producer.flush()
        message = self._consumer.poll(WAIT_S)
        return None if message is None or message.error() else message.value()
