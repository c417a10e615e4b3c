"""EventLog on Kafka: a topic for what streams resume from, another for likes, both acknowledged by all replicas."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from confluent_kafka import Message

from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.deliveries import Deliveries, DeliveryLimits, Record
from infra.adapters.kafka.newest import newest_posted
from infra.adapters.kafka.ranges import RangeLimits, Ranges
from infra.asked import headers_of, origin, origin_in
from infra.settings_given import SettingsError
from loaders.places import Place
from realtime.events import Event, encode
from realtime.partitions import Layout, log_partition
from realtime.ports import EventLog, Logged

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class KafkaLimits:
    """All that the log is bounded by; `posted_events_max` are read at most to find an author's newest tweets."""

    deliveries: DeliveryLimits = field(default_factory=DeliveryLimits)
    ranges: RangeLimits = field(default_factory=RangeLimits)
    posted_events_max: int = 20_000


class KafkaEventLog:
    """The log of one prefix. Offsets are Kafka's and one more, so that they grow from 1.

    Its clock is the brokers' (LogAppendTime), and what is old is forgotten by the topics' retention. `deliveries` and
    `ranges` are there for what else speaks to the same Kafka.
    """

    def __init__(
        self, topics: Topics, epoch: int, deliveries: Deliveries, ranges: Ranges, posted_events_max: int
    ) -> None:
        self.topics = topics
        self.deliveries = deliveries
        self.ranges = ranges
        self._epoch = epoch
        self._posted_events_max = posted_events_max
        self._ends: dict[int, int] = {}
        self._grown = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        layout: Layout,
        epoch: int,
        limits: KafkaLimits | None = None,
        options: Mapping[str, str] | None = None,
    ) -> "AsyncIterator[KafkaEventLog]":
        """Open the log of a URL such as kafka://host:9092,host:9092/prefix, whose topics exist.

        Raises `Unavailable` if no broker answers, `SettingsError` if the topics are missing or divided otherwise: then
        events would go to other partitions than those in which they are looked for. `options` are librdkafka's.
        """
        limits = limits or KafkaLimits()
        address = KafkaAddress.parse(url, options)
        topics = Topics(address.prefix, layout)
        async with Ranges.open(address, limits.ranges) as ranges, Deliveries.open(address, limits.deliveries) as sent:
            await _check(topics, ranges)
            log = cls(topics, epoch, sent, ranges, limits.posted_events_max)
            try:
                yield log
            finally:
                await log._close()

    @property
    def epoch(self) -> int:
        """See `EventLog`."""
        return self._epoch

    @property
    def layout(self) -> Layout:
        """See `EventLog`."""
        return self.topics.layout

    async def append(self, events: Sequence[Event]) -> Sequence[int]:
        """See `EventLog`. What was refused may still come to be in the log, if Kafka took it and could not say so."""
        partitions = [log_partition(event, self.layout) for event in events]
        headers = headers_of(origin())
        found = await self.deliveries.deliver(
            [
                Record(self.topics.at(partition, 0), encode(event), headers)
                for partition, event in zip(partitions, events, strict=True)
            ]
        )
        offsets = [offset + 1 for offset in found]
        for partition, offset in zip(partitions, offsets, strict=True):
            self._reaches(partition, offset)
        return offsets

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """See `EventLog`."""
        at = self.topics.at(partition, after)
        messages = await self.ranges.read(at, limit, self._ends.get(partition))
        return [logged(self.topics, message) for message in messages]

    async def bounds(self, partition: int = 0) -> tuple[int, int]:
        """See `EventLog`."""
        bounds = await self.ranges.bounds(self.topics.at(partition, 0))
        return bounds.first + 1, bounds.end

    async def end(self) -> Place:
        """See `EventLog`."""
        return tuple(await self.ranges.ends([(self.topics.events, self.layout.partitions)]))

    async def ends(self) -> Sequence[int]:
        """Answer the last offset given in every partition, also in those that do not count for places."""
        return await self.ranges.ends(list(self.topics.logs.items()))

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """See `EventLog`. Members of a group hear of events as they come; this asks again and again, all as one."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        while self._ends.get(partition, 0) <= after:
            left_s = deadline_s - loop.time()
            if left_s <= 0:
                return False
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            try:
                async with asyncio.timeout(left_s):
                    await asyncio.shield(self._looking)
            except TimeoutError:
                return False
            if self._ends.get(partition, 0) <= after:
                await self._paused(min(POLL_S, max(0.0, deadline_s - loop.time())))
        return True

    async def posted(self, author_ids: Sequence[int], upto: Place, limit: int) -> Sequence[Logged]:
        """See `EventLog`. It reads backwards, and no more than the budget: what is older stays unmentioned."""
        return await newest_posted(self, author_ids, upto, limit, self._posted_events_max)

    async def _paused(self, seconds: float) -> None:
        self._grown.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._grown.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        for partition, end in enumerate(await self.ends()):
            self._reaches(partition, end)

    def _reaches(self, partition: int, offset: int) -> None:
        if offset > self._ends.get(partition, 0):
            self._ends[partition] = offset
            self._grown.set()

    async def _close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)


def logged(topics: Topics, message: Message) -> Logged:
    """Return a record of Kafka's as an event of the log."""
    partition = topics.number(message.topic() or "", message.partition() or 0)
    came_from = origin_in(message.headers())
    return Logged(partition, (message.offset() or 0) + 1, message.value() or b"", message.timestamp()[1], came_from)


async def _check(topics: Topics, ranges: Ranges) -> None:
    problems = []
    for topic, wanted in topics.logs.items():
        count = await ranges.partitions(topic)
        if count != wanted:
            found = f"has {count} partitions" if count else "does not exist"
            problems.append(f"ROOST_LOG_URL: topic {topic} {found}, {wanted} were asked for; see `roost migrate`")
    if problems:
        raise SettingsError(problems)


_: type[EventLog] = KafkaEventLog
