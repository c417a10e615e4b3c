"""Where events go that a group could not handle: a topic, with headers that say what they were and why."""

from collections import Counter
from collections.abc import Callable

from confluent_kafka import TopicPartition

from infra.adapters.kafka.connection import Topics
from infra.adapters.kafka.deliveries import Deliveries, Record
from infra.adapters.kafka.ranges import Ranges
from infra.group_lines import tell_buried
from realtime.ports import Logged

ERROR_LENGTH_MAX = 1_000


class KafkaDeadLetters:
    """The dead letters of one log. The same event may be there more than once: its place in the headers tells.

    `buried` counts by group what was put there from here.
    """

    def __init__(self, topics: Topics, deliveries: Deliveries, ranges: Ranges, clock_ms: Callable[[], int]) -> None:
        self._at = TopicPartition(topics.dead_letters, 0, 0)
        self._deliveries = deliveries
        self._ranges = ranges
        self._clock_ms = clock_ms
        self.buried = Counter[str]()

    async def bury(self, group: str, logged: Logged, error: str) -> None:
        """Put an event among the dead letters, as durably as it was in the log; else raise `Unavailable`.

        The headers are group, partition, offset, error and time_ms, all as text.
        """
        tell_buried(group, logged, error)
        headers = {
            "group": group,
            "partition": str(logged.partition),
            "offset": str(logged.offset),
            "error": error[:ERROR_LENGTH_MAX],
            "time_ms": str(self._clock_ms()),
        }
        encoded = [(name, value.encode(errors="replace")) for name, value in headers.items()]
        await self._deliveries.deliver([Record(self._at, logged.payload, encoded)])
        self.buried[group] += 1

    async def count(self) -> int:
        """Answer how many there are, as far as the topic's retention reaches."""
        bounds = await self._ranges.bounds(self._at)
        return bounds.end - bounds.first
