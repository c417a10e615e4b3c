"""The thread of a group's member: consumes, pauses what is full, commits what is done, takes part in rebalances."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.log import logged
from realtime.ports import Logged

Result = TypeVar("Result")
POLL_S = 0.1
QUEUE_KIB = 8_192
CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What a member may take: seconds, and what it holds of each partition before it pauses that.

    Kafka gives a member's partitions to others when it was not heard of for `session_s`. `starts_s` is how long an
    assignment waits for the store to say from where, `release_s` how long a revocation waits for the batch in hand.
    A member that hears nothing for `stalled_s` while the log goes on is begun anew.
    Memory is bounded by (`held_events` and one batch, or `held_bytes` and one batch) of every partition.
    """

    session_s: float = 10.0
    heartbeat_s: float = 1.0
    batch_events: int = 256
    held_events: int = 2_048
    held_bytes: int = 1_048_576
    commit_every_s: float = 1.0
    starts_s: float = 2.0
    release_s: float = 5.0
    stalled_s: float = 6.0


class Handling(Protocol):
    """What happens to partitions on the event loop, as the thread tells of it."""

    async def take(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Begin with partitions, and answer from which offsets on, as far as that is known in time."""

    async def release(self, partitions: Sequence[int], is_lost: bool) -> None:
        """End with partitions: after the batches in hand, or at once where others have them already."""

    def feeds(self) -> Mapping[int, PartitionFeed]:
        """Return what is held of every partition; asked by the thread, and therefore a copy."""

    def done(self, partition: int) -> int:
        """Return the offset up to which a partition is handled; asked by the thread."""


class GroupConsumer:
    """Runs one consumer of a group in the calling thread, from `run` until `stop`.

    All of it happens in that thread: Kafka's client allows no two at once. What befalls partitions is handed to the
    event loop and waited for, for a bounded time.
    """

    def __init__(
        self,
        address: KafkaAddress,
        topics: Topics,
        group: str,
        names: Sequence[str],
        handling: Handling,
        limits: GroupLimits,
        loop: asyncio.AbstractEventLoop,
        report: Callable[[str], None],
    ) -> None:
        self._topics = topics
        self._names = list(names)
        self._handling = handling
        self._limits = limits
        self._loop = loop
        self._report = report
        self._is_ending = threading.Event()
        self._paused: set[int] = set()
        self._committed: dict[int, int] = {}
        self._config = address.client(
            group_id=f"{address.prefix}.{group}",
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=int(1000 * limits.session_s),
            heartbeat_interval_ms=int(1000 * limits.heartbeat_s),
            # Where nothing was committed yet, or that has expired: the worker's own place then leaves out the rest.
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            fetch_wait_max_ms=100,
            queued_max_messages_kbytes=QUEUE_KIB,
        )
        self._config["on_commit"] = self._told

    def stop(self) -> None:
        """Let `run` end: partitions are released, what is done is committed, and the group is left."""
        self._is_ending.set()

    def run(self) -> None:
        """Consume until stopped. Raises `KafkaException` when Kafka will have nothing more of this member."""
        consumer = Consumer(self._config)
        consumer.subscribe(self._names, on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
        committed_s = self._loop.time()
        try:
            while not self._is_ending.is_set():
                first = consumer.poll(POLL_S)
                if first is not None:
                    self._take([first, *consumer.consume(self._limits.batch_events - 1, 0)])
                self._hold_back(consumer)
                now_s = self._loop.time()
                if now_s - committed_s >= self._limits.commit_every_s:
                    committed_s = now_s
                    self._commit(consumer, list(self._handling.feeds()), is_last=False)
        finally:
            consumer.close()

    def _take(self, messages: Sequence[Message]) -> None:
        batches: dict[int, list[Logged]] = defaultdict(list)
        for message in messages:
            error = message.error()
            if error is None:
                event = logged(self._topics, message)
                batches[event.partition].append(event)
            elif error.fatal():
                raise KafkaException(error)
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                self._report(error.str())
        feeds = self._handling.feeds()
        for partition, batch in batches.items():
            if partition in feeds:
                feeds[partition].put(batch)

    def _hold_back(self, consumer: Consumer) -> None:
        """Pause partitions of which enough is held, and resume those of which half of that is handled."""
        feeds = self._handling.feeds()
        self._paused &= feeds.keys()
        full, low = set(), set()
        for partition, feed in feeds.items():
            events, size = feed.held
            share = max(events / self._limits.held_events, size / self._limits.held_bytes)
            if share >= 1 and partition not in self._paused:
                full.add(partition)
            elif share <= 1 / 2 and partition in self._paused:
                low.add(partition)
        if full:
            consumer.pause([self._topics.at(each, 0) for each in full])
        if low:
            consumer.resume([self._topics.at(each, 0) for each in low])
        self._paused = (self._paused | full) - low

    def _commit(self, consumer: Consumer, partitions: Sequence[int], is_last: bool) -> None:
        """Tell Kafka how far the work is. The truth is with the projections: what fails here is told again later."""
        done = {each: self._handling.done(each) for each in partitions}
        fresh = {each: offset for each, offset in done.items() if offset > self._committed.get(each, 0)}
        if not fresh:
            return
        # Of these topics an offset of the log is the one with which Kafka would go on.
        offsets = [self._topics.at(each, offset) for each, offset in fresh.items()]
        try:
            if is_last:
                consumer.commit(offsets=offsets, asynchronous=False)
            else:
                consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException:
            return
        self._committed.update(fresh)

    def _told(self, error: KafkaError | None, _offsets: object) -> None:
        if error is not None:
            self._committed.clear()

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = self._topics.numbers(partitions)
        known = self._await(self._handling.take(numbers), self._limits.starts_s) or {}
        for number, partition in zip(numbers, partitions, strict=True):
            self._committed.pop(number, None)
            if number in known:
                partition.offset = known[number]
        consumer.incremental_assign(partitions)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = self._topics.numbers(partitions)
        self._await(self._handling.release(numbers, False), self._limits.release_s)
        self._commit(consumer, numbers, is_last=True)
        consumer.incremental_unassign(partitions)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._await(self._handling.release(self._topics.numbers(partitions), True), self._limits.release_s)
        consumer.incremental_unassign(partitions)

    def _await(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result | None:
        """Wait for the event loop; None where it takes longer than that, and a little more for its own affairs."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds + CLOSE_S)
        except NotInTime:
            return None
