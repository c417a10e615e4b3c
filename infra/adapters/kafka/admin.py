"""The topics of a log, made and brought up to date; and what tells this log from one made anew under the same names."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection

# The package names its own classes in a way that counts as private to a strict checker.
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
    TopicDescription,
)

from infra.adapters.kafka.connection import RECORD_BYTES_MAX, KafkaAddress, Topics, translated, unavailable
from infra.settings_given import SettingsError

Result = TypeVar("Result")
REPLICATION_MAX = 3
TIMEOUT_S = 15.0
LOOK_AGAIN_S = 0.05


class KafkaAdmin:
    """Makes and asks about topics. Everything ends within `timeout_s`, or is `Unavailable`."""

    def __init__(self, client: AdminClient, timeout_s: float) -> None:
        self.client = client
        self.timeout_s = timeout_s

    @classmethod
    @asynccontextmanager
    async def open(cls, address: KafkaAddress, timeout_s: float = TIMEOUT_S) -> "AsyncIterator[KafkaAdmin]":
        """Open a client of the brokers."""
        yield cls(AdminClient(address.client(socket_timeout_ms=int(1000 * timeout_s))), timeout_s)

    async def make(self, topics: Topics, retention_ms: int) -> Sequence[str]:
        """Make what is missing of a log's topics, set what is set otherwise, and answer what was done, as sentences.

        Done again it does nothing. Partitions are never added, for that would move keys to other partitions: topics
        with another number of them raise `SettingsError`. Replicas of existing topics are the operator's to move.
        """
        wanted = topics.kept(retention_ms)
        replication = min(REPLICATION_MAX, await self.brokers())
        found = await self.describe(list(wanted))
        problems = [
            f"ROOST_LOG_URL: topic {topic} has {len(found[topic].partitions)} partitions, {count} were asked for"
            for topic, (count, _) in wanted.items()
            if topic in found and len(found[topic].partitions) != count
        ]
        if problems:
            raise SettingsError(problems)
        said: list[str] = []
        for topic, (count, kept_ms) in wanted.items():
            if topic in found:
                replicas = len(found[topic].partitions[0].replicas)
                said += await self._set(topic, topic_settings(replicas, kept_ms))
                continue
            settings = topic_settings(replication, kept_ms)
            if await self._create(NewTopic(topic, count, replication, config=dict(settings))):
                said.append(f"made topic {topic}: partitions {count}, replicas {replication}")
        await self._until_led(wanted)
        return said

    async def topic_identity(self, topics: Topics, patience_s: float = 0.0) -> str:
        """Answer a name that holds for these topics as long as they live, and for no others ever.

        Any broker may be asked. One that has not heard yet of topics that were just made is given some patience.
        """
        deadline_s = asyncio.get_running_loop().time() + patience_s
        found = await self.describe(list(topics.logs))
        while found.keys() != topics.logs.keys() and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(LOOK_AGAIN_S)
            found = await self.describe(list(topics.logs))
        if missing := topics.logs.keys() - found.keys():
            raise SettingsError(
                [f"ROOST_LOG_URL: topic {each} does not exist: run `roost migrate` first" for each in sorted(missing)]
            )
        return ",".join(str(found[topic].topic_id) for topic in topics.logs)

    async def brokers(self) -> int:
        """Answer how many brokers are alive."""
        described = await self.result(self.client.describe_cluster(request_timeout=self.timeout_s))
        return len(described.nodes)

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        """Answer those of these topics that exist."""
        futures = self.client.describe_topics(TopicCollection(list(topics)), request_timeout=self.timeout_s)
        found = {}
        for topic, future in futures.items():
            try:
                found[topic] = await self.result(future, expected=KafkaError.UNKNOWN_TOPIC_OR_PART)
            except LookupError:
                continue
        return found

    async def settings(self, kind: ResourceType, name: str) -> Mapping[str, str]:
        """Answer the settings in force of a topic, or of a broker by its id."""
        resource = ConfigResource(kind, name)
        (future,) = self.client.describe_configs([resource], request_timeout=self.timeout_s).values()
        return {entry.name: entry.value or "" for entry in (await self.result(future)).values()}

    async def result(self, future: "Future[Result]", expected: int | None = None) -> Result:
        """Answer what a request came to; `LookupError` for the one failure that is expected, else `Unavailable`."""
        try:
            async with asyncio.timeout(self.timeout_s + 1):
                with translated():
                    try:
                        return await asyncio.wrap_future(future)
                    except KafkaException as error:
                        if error.args[0].code() == expected:
                            raise LookupError from error
                        raise
        except TimeoutError:
            raise unavailable(f"no answer within {self.timeout_s:g} s") from None

    async def _create(self, topic: NewTopic) -> bool:
        (future,) = self.client.create_topics([topic], request_timeout=self.timeout_s).values()
        try:
            await self.result(future, expected=KafkaError.TOPIC_ALREADY_EXISTS)
        except LookupError:
            return False  # another process was faster
        return True

    async def _set(self, topic: str, wanted: Mapping[str, str]) -> Sequence[str]:
        in_force = await self.settings(ResourceType.TOPIC, topic)
        changes = {name: value for name, value in wanted.items() if in_force.get(name) != value}
        if not changes:
            return []
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in changes.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        (future,) = self.client.incremental_alter_configs([resource], request_timeout=self.timeout_s).values()
        await self.result(future)
        return [f"topic {topic}: {name} is now {value}, was {in_force.get(name)}" for name, value in changes.items()]

    async def _until_led(self, topics: Collection[str]) -> None:
        """Wait until every partition has a leader: brokers hear of new topics one after the other."""
        deadline_s = asyncio.get_running_loop().time() + self.timeout_s
        while True:
            found = await self.describe(list(topics))
            if len(found) == len(topics) and all(
                partition.leader is not None for each in found.values() for partition in each.partitions
            ):
                return
            if asyncio.get_running_loop().time() > deadline_s:
                raise unavailable("its new topics have no leaders yet")
            await asyncio.sleep(LOOK_AGAIN_S)


def topic_settings(replication: int, retention_ms: int) -> Mapping[str, str]:
    """Return what every topic of a log is set to: what was acknowledged outlives a broker, and no clock but Kafka's."""
    return {
        "min.insync.replicas": str(max(1, replication - 1)),
        "unclean.leader.election.enable": "false",
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(RECORD_BYTES_MAX + 1024),
    }
