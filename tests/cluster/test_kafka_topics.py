"""What `roost migrate` and `roost doctor` do with a Kafka, what retention leaves, and where poison goes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import ResourceType  # type: ignore[attr-defined]

from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.dead_letters import KafkaDeadLetters
from infra.adapters.kafka.doctor import examine
from infra.adapters.kafka.log import KafkaEventLog
from infra.clocks import Clocks
from infra.settings_given import SettingsError
from loaders.places import author_partition
from loaders.records import TweetId, UserId
from realtime.events import Event, TweetPosted
from realtime.partitions import Layout
from realtime.ports import Logged
from tests.contracts.adapters import Clock
from tests.contracts.kafka_adapters import HOUR_MS, LAYOUT, PATIENT, kafka_log, kafka_topics
from tests.servers import kafka_url

__all__ = ["kafka_url"]

ADMIN_S = 60.0
AUTHOR = next(UserId(each) for each in range(1, 100) if author_partition(UserId(each), LAYOUT.partitions) == 0)


def tweet(number: int) -> Event:
    return TweetPosted(TweetId(number), AUTHOR, "hello", 0)


@pytest.fixture
async def url(kafka_url: str) -> AsyncIterator[str]:
    async with kafka_topics(kafka_url) as made:
        yield made


@pytest.fixture
def address(url: str) -> KafkaAddress:
    return KafkaAddress.parse(url)


@pytest.fixture
def topics(address: KafkaAddress) -> Topics:
    return Topics(address.prefix, LAYOUT)


@pytest.fixture
async def admin(address: KafkaAddress) -> AsyncIterator[KafkaAdmin]:
    async with KafkaAdmin.open(address, ADMIN_S) as opened:
        yield opened


async def wrong(address: KafkaAddress, topics: Topics, clock_ms: int = 0) -> list[str]:
    """Return the names of what the doctor finds wrong, with the clock so many milliseconds off."""
    findings = await examine(address, topics, HOUR_MS, lambda: Clocks().now_ms() + clock_ms)
    assert all(each.ok or each.advice for each in findings)
    return [each.name for each in findings if not each.ok]


async def delete(admin: KafkaAdmin, *names: str) -> None:
    for deleted in admin.client.delete_topics(list(names)).values():
        await asyncio.wrap_future(deleted)
    while await admin.describe(names):  # noqa: ASYNC110 - what is waited for happens in Kafka
        await asyncio.sleep(0.05)


async def test_topics_are_made_once_with_settings_that_lose_nothing(admin: KafkaAdmin, topics: Topics) -> None:
    assert await admin.make(topics, HOUR_MS) == []

    settings = await admin.settings(ResourceType.TOPIC, topics.events)
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings["min.insync.replicas"] == "1"
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["retention.ms"] == str(HOUR_MS)
    assert (await admin.settings(ResourceType.TOPIC, topics.dead_letters))["retention.ms"] == "-1"


async def test_topics_are_brought_up_to_date_where_their_settings_have_changed(
    admin: KafkaAdmin, topics: Topics
) -> None:
    said = await admin.make(topics, 2 * HOUR_MS)

    assert said == [
        f"topic {name}: retention.ms is now {2 * HOUR_MS}, was {HOUR_MS}" for name in (topics.events, topics.likes)
    ]
    assert await admin.make(topics, 2 * HOUR_MS) == []


async def test_a_log_that_is_divided_otherwise_is_neither_made_nor_opened(admin: KafkaAdmin, url: str) -> None:
    other = Layout(LAYOUT.partitions + 1, LAYOUT.like_partitions)

    with pytest.raises(SettingsError, match="has 4 partitions, 5 were asked for"):
        await admin.make(Topics(KafkaAddress.parse(url).prefix, other), HOUR_MS)
    with pytest.raises(SettingsError, match="has 4 partitions, 5 were asked for"):
        async with KafkaEventLog.open(url, other, epoch=1, limits=PATIENT):
            pass


async def test_a_log_that_was_never_made_is_not_opened(kafka_url: str) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        async with KafkaEventLog.open(f"{kafka_url}/nowhere", LAYOUT, epoch=1, limits=PATIENT):
            pass


async def test_topics_made_anew_have_another_identity(admin: KafkaAdmin, topics: Topics) -> None:
    before = await admin.topic_identity(topics)
    assert await admin.topic_identity(topics) == before

    await delete(admin, topics.events)
    with pytest.raises(SettingsError, match="does not exist"):
        await admin.topic_identity(topics)
    await admin.make(topics, HOUR_MS)

    assert await admin.topic_identity(topics) != before


async def test_the_doctor_finds_nothing_wrong_with_what_migrate_has_made(address: KafkaAddress, topics: Topics) -> None:
    assert await wrong(address, topics) == []


async def test_the_doctor_finds_what_is_missing_or_set_otherwise(
    admin: KafkaAdmin, address: KafkaAddress, topics: Topics
) -> None:
    await admin.make(topics, 2 * HOUR_MS)
    await delete(admin, topics.dead_letters)

    assert await wrong(address, topics) == [
        f"topic {topics.events}: retention.ms is {HOUR_MS}",
        f"topic {topics.likes}: retention.ms is {HOUR_MS}",
        f"topic {topics.dead_letters} exists",
    ]
    await admin.make(topics, HOUR_MS)


async def test_the_doctor_compares_clocks(address: KafkaAddress, topics: Topics) -> None:
    assert await wrong(address, topics, clock_ms=60_000) == ["Kafka's clock agrees with this machine's"]
    assert await wrong(address, topics, clock_ms=-60_000) == ["Kafka's clock agrees with this machine's"]


async def test_what_retention_has_taken_is_passed_over_and_offsets_go_on(
    admin: KafkaAdmin, url: str, topics: Topics
) -> None:
    async with kafka_log(url) as log:
        await log.append([tweet(number) for number in range(1, 11)])
        (deleted,) = admin.client.delete_records([TopicPartition(topics.events, 0, 4)]).values()
        await asyncio.wrap_future(deleted)

        assert await log.bounds(0) == (5, 10)
        assert [each.offset for each in await log.read(0, 3)] == [5, 6, 7]
        assert [each.offset for each in await log.read(8, 10)] == [9, 10]
        assert [each.offset for each in await log.posted([AUTHOR], await log.end(), 20)] == [*range(10, 4, -1)]

        (deleted,) = admin.client.delete_records([TopicPartition(topics.events, 0, 10)]).values()
        await asyncio.wrap_future(deleted)
        assert await log.bounds(0) == (11, 10)
        assert list(await log.read(0, 3)) == []
        assert list(await log.append([tweet(11)])) == [11]


async def test_poison_is_buried_with_all_that_helps_to_find_out_why(url: str, topics: Topics) -> None:
    async with kafka_log(url) as log:
        letters = KafkaDeadLetters(topics, log.deliveries, log.ranges, Clock(77))
        assert await letters.count() == 0

        await letters.bury("store", Logged(3, 12, b"\xff no event", 5), "ValueError: \ud800" + "x" * 5_000)

        assert await letters.count() == 1
        (record,) = await log.ranges.read(TopicPartition(topics.dead_letters, 0, 0), 10)
        found = record.headers()
        assert isinstance(found, list)
        headers = {name: str(value, "utf-8") for name, value in found if isinstance(value, bytes)}
        error = headers.pop("error")
        assert record.value() == b"\xff no event"
        assert headers == {"group": "store", "partition": "3", "offset": "12", "time_ms": "77"}
        assert error.startswith("ValueError: ?xxx") and len(error) == 1_000
