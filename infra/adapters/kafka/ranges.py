"""Ranges of Kafka's partitions, read apart from all consumer groups by a few readers that everyone shares."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard, GuardLimits
from infra.adapters.kafka.connection import RETRY_AFTER_S, KafkaAddress, unavailable
from loaders.errors import Unavailable

Result = TypeVar("Result")
FETCH_BYTES = 256 * 1024
QUEUE_KIB = 1_024
TRIES = 3
"""How often a range is looked up anew whose begin was forgotten while it was read."""
ASK_AGAIN_S = 0.05
GONE = frozenset((KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION))


@dataclass(frozen=True, slots=True)
class RangeLimits:
    """What reading may take: `deadline_s` for one read, so many readers, and so many reads as the guard lets pass.

    What Kafka could not answer is asked again at most `retries_max` times, within the deadline and the guard's budget,
    after a pause drawn between 0 and `backoff_s`, which doubles each time.
    """

    deadline_s: float = 5.0
    readers: int = 3
    retries_max: int = 2
    backoff_s: float = 0.05
    guard: GuardLimits = field(default_factory=lambda: GuardLimits(calls_max=512))


class Bounds(NamedTuple):
    """A partition's first offset and the one after its last, as Kafka counts them."""

    first: int
    end: int


class Ranges:
    """Reads parts of partitions by their offsets.

    Each reader is a consumer of no group, that is pointed at a range, reads it, and lets go of it again.
    """

    def __init__(
        self, make: Callable[[], Consumer], limits: RangeLimits, chance: Callable[[], float] = random.random
    ) -> None:
        self._make = make
        self._limits = limits
        self._chance = chance
        self.guard = Guard("the event log's readers", limits.guard, time.monotonic, chance)
        self._free = [make() for _ in range(limits.readers)]
        self._threads = ThreadPoolExecutor(limits.readers, "kafka ranges")

    @classmethod
    @asynccontextmanager
    async def open(cls, address: KafkaAddress, limits: RangeLimits) -> "AsyncIterator[Ranges]":
        """Make the readers; they connect when they are first used."""
        config = address.client(
            group_id=f"{address.prefix}.ranges",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            auto_offset_reset="error",
            fetch_wait_max_ms=10,
            fetch_message_max_bytes=FETCH_BYTES,
            queued_max_messages_kbytes=QUEUE_KIB,
        )
        ranges = cls(lambda: Consumer(config), limits)
        try:
            yield ranges
        finally:
            await asyncio.to_thread(ranges._close)

    async def read(self, at: TopicPartition, limit: int, end: int | None = None) -> Sequence[Message]:
        """Answer up to `limit` records from `at.offset` on, or from the first one still held.

        `end` is an offset that the partition is known to reach up to; it spares Kafka the question.
        """
        return await self._run(lambda reader, until_s: _read(reader, at, limit, end, until_s))

    async def bounds(self, at: TopicPartition) -> Bounds:
        """Answer what a partition holds."""
        return await self._run(lambda reader, until_s: _bounds(reader, at, until_s))

    async def ends(self, topics: Sequence[tuple[str, int]]) -> Sequence[int]:
        """Answer the offset after the last one of every partition, given each topic's name and number of partitions."""
        wanted = [TopicPartition(topic, each, OFFSET_END) for topic, count in topics for each in range(count)]
        return await self._run(lambda reader, until_s: _ends(reader, wanted, until_s))

    async def partitions(self, topic: str) -> int:
        """Answer how many partitions a topic has; 0 where there is none."""

        def count(reader: Consumer, until_s: float) -> int:
            found = reader.list_topics(topic, timeout=_left(until_s)).topics.get(topic)
            return 0 if found is None or found.error is not None else len(found.partitions)

        return await self._run(count)

    async def _run(self, ask: Callable[[Consumer, float], Result]) -> Result:
        """Ask with a reader, in a thread: a broker that hangs holds up neither the event loop nor the caller."""
        with self.guard:
            loop = asyncio.get_running_loop()
            at_s, is_own = bound(loop.time(), self._limits.deadline_s)
            until_s = time.monotonic() + at_s - loop.time()
            try:
                async with asyncio.timeout_at(at_s):
                    return await self._answered(ask, until_s)
            except TimeoutError:
                if not is_own:
                    raise Crowded("No more time to read the event log", RETRY_AFTER_S) from None
                raise unavailable(f"nothing to read within {self._limits.deadline_s:g} s") from None

    async def _answered(self, ask: Callable[[Consumer, float], Result], until_s: float) -> Result:
        retries = 0
        while True:
            answer = asyncio.get_running_loop().run_in_executor(self._threads, self._asked, ask, until_s)
            answer.add_done_callback(_heard)
            try:
                return await answer
            except KafkaException as error:
                if retries >= self._limits.retries_max or not self.guard.may_retry():
                    raise unavailable(error) from error
            await asyncio.sleep(self._chance() * self._limits.backoff_s * 2**retries)
            retries += 1

    def _asked(self, ask: Callable[[Consumer, float], Result], until_s: float) -> Result:
        """Ask in a thread."""
        reader = self._free.pop()
        try:
            return ask(reader, until_s)
        except Unavailable:
            # A client that was cut off may look for the partitions' leaders minutes later: a new one does at once.
            reader.close()
            reader = self._make()
            raise
        finally:
            self._free.append(reader)

    def _close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        for reader in self._free:
            reader.close()


def _heard(answer: "asyncio.Future[Result]") -> None:
    if not answer.cancelled():
        answer.exception()  # whoever asked may have given up meanwhile


def _read(reader: Consumer, at: TopicPartition, limit: int, end: int | None, until_s: float) -> list[Message]:
    first = at.offset
    for _ in range(TRIES):
        if end is None or end < first + limit:
            held = _bounds(reader, at, until_s)
            first, end = max(first, held.first), held.end
        count = min(limit, end - first)
        if count <= 0:
            return []
        messages = _fetch(reader, TopicPartition(at.topic, at.partition, first), count, until_s)
        if messages is not None:
            return messages
        end = None
    raise unavailable("it forgets faster than it is read")


def _fetch(reader: Consumer, at: TopicPartition, count: int, until_s: float) -> list[Message] | None:
    """Return records of which it is known that they were there; None where the first of them no longer is."""
    reader.assign([at])
    messages: list[Message] = []
    try:
        while len(messages) < count:
            # Asked for many at once, the client would wait for all of them even after it has met with an error.
            first = reader.poll(_left(until_s))
            if first is None:
                continue
            for message in (first, *reader.consume(count - len(messages) - 1, 0)):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    return None
                elif error.code() in GONE:
                    raise KafkaException(error)
        return messages
    finally:
        reader.unassign()


def _bounds(reader: Consumer, at: TopicPartition, until_s: float) -> Bounds:
    return Bounds(*_once_known(lambda: reader.get_watermark_offsets(at, timeout=_left(until_s)), until_s))


def _ends(reader: Consumer, wanted: list[TopicPartition], until_s: float) -> list[int]:
    def ask() -> list[int]:
        found = reader.offsets_for_times(wanted, timeout=_left(until_s))
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return [each.offset for each in found]

    return _once_known(ask, until_s)


def _once_known(ask: Callable[[], Result], until_s: float) -> Result:
    """Ask; a client whose broker was away knows no partitions, and is asked again until it has heard of them anew."""
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() != KafkaError._UNKNOWN_PARTITION:
                raise
            time.sleep(min(ASK_AGAIN_S, _left(until_s)))


def _left(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise unavailable("time ran out")
    return left_s
