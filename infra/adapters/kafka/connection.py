"""Where a Kafka is, what its topics are called, and what every client of it is told."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from loaders.errors import Unavailable
from realtime.partitions import Layout

PREFIX = "roost"
RETRY_AFTER_S = 1.0
PROBE_KEPT_MS = 3_600_000
TRENDS_KEPT_MS = 8 * 86_400_000
"""A day more than the longest baseline: what was counted can be counted again."""
RECORD_BYTES_MAX = 4 * 1024 * 1024
"""Of one event. The largest are those of an import, of some 200 rows each."""
LOGGER = logging.getLogger("roost.kafka")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """The brokers and the prefix of all topics and groups. `options` are further ones of librdkafka: TLS, SASL."""

    servers: str
    prefix: str = PREFIX
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, url: str, options: Mapping[str, str] | None = None) -> "KafkaAddress":
        """Read a URL such as kafka://host:9092,host:9092/prefix; ValueError if it is none."""
        scheme, _, rest = url.partition("://")
        servers, _, prefix = rest.partition("/")
        if scheme != "kafka" or not servers:
            raise ValueError("A Kafka's URL is like kafka://host:9092,host:9092/prefix")
        return cls(servers, prefix or PREFIX, options or {})

    def client(self, **own: object) -> dict[str, Any]:
        """Return the configuration of one client: what all share, and its own, with underscores for the dots."""
        shared: dict[str, Any] = {
            "bootstrap.servers": self.servers,
            "client.id": self.prefix,
            "socket.nagle.disable": True,
            "socket.keepalive.enable": True,
            # A broker that comes back is found again at once, not after the usual ten seconds.
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "log.connection.close": False,
            "logger": LOGGER,
        }
        return shared | {name.replace("_", "."): value for name, value in own.items()} | dict(self.options)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one log, and which of their partitions are which of the log's.

    The log numbers its partitions through: first those of `events`, whose offsets make a place, then those of `likes`.
    """

    prefix: str
    layout: Layout

    @property
    def events(self) -> str:
        """The topic of all that streams resume from."""
        return f"{self.prefix}.events"

    @property
    def likes(self) -> str:
        """The topic of likes."""
        return f"{self.prefix}.likes"

    @property
    def dead_letters(self) -> str:
        """The topic of the events that no handler could handle."""
        return f"{self.prefix}.dead-letters"

    @property
    def trend_terms(self) -> str:
        """The topic of terms that tweets use, divided as `events` is: what trends are counted from."""
        return f"{self.prefix}.trend-terms"

    @property
    def trend_counts(self) -> str:
        """The topic of the terms of each window, counted: a record a minute."""
        return f"{self.prefix}.trend-counts"

    @property
    def probe(self) -> str:
        """The topic in which the doctor tries whether records can be written and read."""
        return f"{self.prefix}.probe"

    @property
    def logs(self) -> Mapping[str, int]:
        """The topics that make the log, with the number of their partitions."""
        likes = {self.likes: self.layout.like_partitions} if self.layout.like_partitions else {}
        return {self.events: self.layout.partitions} | likes

    def kept(self, retention_ms: int) -> Mapping[str, tuple[int, int]]:
        """Return every topic with its number of partitions, and for how many milliseconds it keeps its records.

        -1 is for ever: dead letters stay until someone has looked at them.
        """
        logs = {topic: (count, retention_ms) for topic, count in self.logs.items()}
        trends = {self.trend_terms: self.layout.partitions, self.trend_counts: 1}
        others = {self.dead_letters: (1, -1), self.probe: (1, PROBE_KEPT_MS)}
        return logs | {topic: (count, TRENDS_KEPT_MS) for topic, count in trends.items()} | others

    def at(self, partition: int, offset: int) -> TopicPartition:
        """Return where Kafka has a partition of the log, with one of Kafka's own offsets."""
        if partition < self.layout.partitions:
            return TopicPartition(self.events, partition, offset)
        return TopicPartition(self.likes, partition - self.layout.partitions, offset)

    def number(self, topic: str, partition: int) -> int:
        """Return the log's number of a partition of Kafka's."""
        return partition if topic == self.events else partition + self.layout.partitions

    def numbers(self, partitions: Sequence[TopicPartition]) -> list[int]:
        """Return the log's numbers of partitions of Kafka's."""
        return [self.number(each.topic, each.partition) for each in partitions]


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Kafka cannot do now into `Unavailable`: a retry may help."""
    try:
        yield
    except (KafkaException, BufferError) as error:
        raise unavailable(error) from error


def unavailable(error: KafkaException | KafkaError | BufferError | str) -> Unavailable:
    """Return the failure to raise for one of Kafka's."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    text = cause.str() if isinstance(cause, KafkaError) else str(cause)
    return Unavailable(f"The event log does not answer: {text}", retry_after_s=RETRY_AFTER_S)
