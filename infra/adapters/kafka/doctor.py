"""What may be wrong with a Kafka, found by asking it: each finding with what to do about it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from confluent_kafka import TopicPartition
from confluent_kafka.admin import ResourceType, TopicDescription  # type: ignore[attr-defined]

from infra.adapters.examined import Examined
from infra.adapters.kafka.admin import REPLICATION_MAX, KafkaAdmin, topic_settings
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.deliveries import Deliveries, DeliveryLimits, Record
from infra.adapters.kafka.ranges import RangeLimits, Ranges
from loaders.errors import Unavailable

SKEW_MS_MAX = 1_000
TIMEOUT_S = 10.0
NEWEST_CONSUMER_GROUPS = "group.consumer.heartbeat.interval.ms"
"""A setting that brokers have from 3.7 on."""


async def examine(
    address: KafkaAddress, topics: Topics, retention_ms: int, clock_ms: Callable[[], int]
) -> Sequence[Examined]:
    """Return what was found, one finding for everything looked at; never raises for what Kafka does or fails to do."""
    findings: list[Examined] = []
    try:
        async for finding in _findings(address, topics, retention_ms, clock_ms):
            findings.append(finding)
    except Unavailable as error:
        findings.append(Examined("Kafka answers", False, f"{error}. Check ROOST_LOG_URL and that the brokers run."))
    return findings


async def _findings(
    address: KafkaAddress, topics: Topics, retention_ms: int, clock_ms: Callable[[], int]
) -> AsyncIterator[Examined]:
    async with KafkaAdmin.open(address, TIMEOUT_S) as admin:
        described = await admin.result(admin.client.describe_cluster(request_timeout=TIMEOUT_S))
        yield Examined("Kafka answers", True)
        broker = await admin.settings(ResourceType.BROKER, described.nodes[0].id_string)
        yield Examined(
            "Kafka is 3.7 or later",
            NEWEST_CONSUMER_GROUPS in broker,
            "Upgrade the brokers: earlier ones were never tried.",
        )
        yield Examined(
            "Kafka makes no topics by itself",
            broker.get("auto.create.topics.enable") == "false",
            "Set auto.create.topics.enable=false on the brokers: a wrong name becomes a topic of one replica.",
        )
        wanted = topics.kept(retention_ms)
        found = await admin.describe(list(wanted))
        for name, (count, kept_ms) in wanted.items():
            if name not in found:
                yield Examined(f"topic {name} exists", False, "Run `roost migrate`.")
                continue
            in_force = await admin.settings(ResourceType.TOPIC, name)
            for finding in judge_topic(found[name], in_force, count, len(described.nodes), kept_ms):
                yield finding
    if topics.probe in found:
        for finding in await _probe(address, topics, clock_ms):
            yield finding


def judge_topic(
    topic: TopicDescription, in_force: Mapping[str, str], partitions: int, brokers: int, retention_ms: int
) -> Sequence[Examined]:
    """Return what there is to say of one topic, given its settings in force and what it is to be like."""
    replicas = min((len(each.replicas) for each in topic.partitions), default=0)
    in_sync = min((len(each.isr) for each in topic.partitions), default=0)
    wanted = topic_settings(replicas, retention_ms)
    least = int(wanted["min.insync.replicas"])
    name = f"topic {topic.name}"
    return [
        Examined(
            f"{name}: {partitions} partitions",
            len(topic.partitions) == partitions,
            f"It has {len(topic.partitions)}. Events would be looked for where they are not: give the settings that it"
            " was made with.",
        ),
        Examined(
            f"{name}: {min(REPLICATION_MAX, brokers)} replicas",
            replicas >= min(REPLICATION_MAX, brokers),
            f"It has {replicas}: a broker that is lost takes tweets along. Add replicas by kafka-reassign-partitions.",
        ),
        Examined(
            f"{name}: replicas in sync",
            in_sync >= least,
            f"{in_sync} of {replicas}, {least} are needed to post. Look after the brokers that are behind.",
        ),
        *(
            Examined(
                f"{name}: {setting} is {value}",
                in_force.get(setting) == value,
                f"It is {in_force.get(setting)}. Run `roost migrate`.",
            )
            for setting, value in wanted.items()
        ),
    ]


async def _probe(address: KafkaAddress, topics: Topics, clock_ms: Callable[[], int]) -> Sequence[Examined]:
    """Write a record and read it again; by the time that the broker gave it, clocks are compared."""
    at = TopicPartition(topics.probe, 0, 0)
    limits = DeliveryLimits(deadline_s=TIMEOUT_S)
    async with Deliveries.open(address, limits) as sent, Ranges.open(address, RangeLimits(readers=1)) as ranges:
        try:
            before_ms = clock_ms()
            (offset,) = await sent.deliver([Record(at, b"roost doctor")])
            after_ms = clock_ms()
            (record,) = await ranges.read(TopicPartition(at.topic, 0, offset), 1, offset + 1)
        except Unavailable as error:
            return [Examined("records can be written and read", False, f"{error}. Look at the brokers and their ACLs.")]
    kafka_ms = record.timestamp()[1]
    skew_ms = max(before_ms - kafka_ms, kafka_ms - after_ms, 0)
    advice = f"They differ by {skew_ms} ms: synchronise both, by NTP for example."
    return [
        Examined("records can be written and read", True),
        Examined("Kafka's clock agrees with this machine's", skew_ms <= SKEW_MS_MAX, advice),
    ]
