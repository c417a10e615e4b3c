"""Records on their way to Kafka: idempotent, acknowledged by all replicas in sync, any number at a time."""

import asyncio
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard, GuardLimits
from infra.adapters.kafka.connection import RECORD_BYTES_MAX, RETRY_AFTER_S, KafkaAddress, unavailable

POLL_S = 0.2
"""How long the thread that hears of deliveries may take to notice that it is to end."""
QUEUE_KIB = 65_536


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What producing may take: seconds, and records that are not acknowledged yet.

    A record is given up `deadline_s` after it was handed over; who asked may have less time (see `deadline`). Where
    nothing was acknowledged for `stall_s`, although something waits, further records are refused at once, so that
    callers do not queue up at a broker that hangs. After some that were not acknowledged in a row, the guard refuses
    calls until one is.

    librdkafka itself sends a record again within its deadline, never twice into the log, after a pause from `backoff_s`
    to `backoff_max_s`. That needs no budget: however many wait, it has five requests on their way to a broker, and
    sends those again.
    """

    deadline_s: float = 5.0
    stall_s: float = 2.0
    pending_max: int = 10_000
    linger_ms: int = 2
    backoff_s: float = 0.05
    backoff_max_s: float = 0.5
    guard: GuardLimits = field(default_factory=lambda: GuardLimits(calls_max=10_000))


class Record(NamedTuple):
    """What is produced, and where to."""

    at: TopicPartition
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


_Delivered = tuple["_Pump", "asyncio.Future[int]", KafkaError | None, int]


class Deliveries:
    """A producer for coroutines: its own thread hears of deliveries, and hands them to the event loop in batches.

    A producer that Kafka has refused for good is replaced by a new one; what it still held is `Unavailable`.
    """

    def __init__(
        self, make: Callable[[], Producer], limits: DeliveryLimits, chance: Callable[[], float] = random.random
    ) -> None:
        self._make = make
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self.guard = Guard("the event log", limits.guard, self._loop.time, chance)
        self._delivered: deque[_Delivered] = deque()
        self._is_drain_due = False
        self._pending = 0
        self._progress_s = 0.0
        self._pump = _Pump(make())

    @classmethod
    @asynccontextmanager
    async def open(cls, address: KafkaAddress, limits: DeliveryLimits) -> "AsyncIterator[Deliveries]":
        """Start a producer, and at the end let it deliver for at most the deadline what it still holds."""
        deadline_ms = int(1000 * limits.deadline_s)
        config = address.client(
            enable_idempotence=True,
            acks="all",
            linger_ms=limits.linger_ms,
            compression_type="lz4",
            message_timeout_ms=deadline_ms,
            socket_timeout_ms=deadline_ms,
            message_max_bytes=RECORD_BYTES_MAX,
            queue_buffering_max_messages=2 * limits.pending_max,
            queue_buffering_max_kbytes=QUEUE_KIB,
            retry_backoff_ms=int(1000 * limits.backoff_s),
            retry_backoff_max_ms=int(1000 * limits.backoff_max_s),
        )
        deliveries = cls(lambda: Producer(config), limits)
        try:
            yield deliveries
        finally:
            await deliveries.close()

    async def close(self) -> None:
        """Deliver what is still held, for at most the deadline, and end."""
        await self._pump.close(self._limits.deadline_s)

    async def deliver(self, records: Sequence[Record]) -> Sequence[int]:
        """Answer Kafka's offsets once all are acknowledged; else raise `Unavailable`.

        Records for one partition keep their order, and none of another call within this process comes between them.
        """
        if not records:
            return []
        with self.guard:
            at_s, is_own = bound(self._loop.time(), self._limits.deadline_s)
            futures = self._hand_over(records)
            try:
                async with asyncio.timeout_at(at_s):
                    return [await futures[0]] if len(futures) == 1 else await asyncio.gather(*futures)
            except TimeoutError:
                if not is_own:
                    raise Crowded("No more time to wait for the event log", RETRY_AFTER_S) from None
                raise unavailable(f"no acknowledgement within {self._limits.deadline_s:g} s") from None

    def _hand_over(self, records: Sequence[Record]) -> "list[asyncio.Future[int]]":
        now_s = self._loop.time()
        if self._pending == 0:
            self._progress_s = now_s
        elif now_s - self._progress_s > self._limits.stall_s:
            raise unavailable("it acknowledges nothing")
        if self._pending + len(records) > self._limits.pending_max:
            raise Crowded("Too many events wait for the event log", retry_after_s=RETRY_AFTER_S)
        pump, futures = self._pump, list[asyncio.Future[int]]()
        for record in records:
            future = self._loop.create_future()
            try:
                pump.producer.produce(
                    record.at.topic,
                    record.value,
                    partition=record.at.partition,
                    headers=list(record.headers) or None,
                    on_delivery=partial(self._heard, pump, future),
                )
            except (KafkaException, BufferError) as error:
                for each in futures:
                    each.cancel()  # nobody waits for them
                raise self._refused(pump, error) from error
            self._pending += 1
            futures.append(future)
        return futures

    def _refused(self, pump: "_Pump", error: KafkaException | BufferError) -> Exception:
        cause = error.args[0] if isinstance(error, KafkaException) else None
        if cause is not None and cause.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            return ValueError(f"an event has more than {RECORD_BYTES_MAX} bytes")
        if cause is not None and _is_final(cause):
            self._renew(pump)
        return unavailable(error)

    def _heard(self, pump: "_Pump", future: "asyncio.Future[int]", error: KafkaError | None, message: Message) -> None:
        """Hear of a delivery, on the producer's thread."""
        self._delivered.append((pump, future, error, message.offset() or 0))
        if not self._is_drain_due:
            self._is_drain_due = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        # Put back first: what is heard of from here on asks for another turn, which may find nothing left.
        self._is_drain_due = False
        while self._delivered:
            pump, future, error, offset = self._delivered.popleft()
            self._pending -= 1
            if error is None:
                self._progress_s = self._loop.time()
            elif _is_final(error):
                self._renew(pump)
            if future.done():
                continue
            if error is None:
                future.set_result(offset)
            else:
                future.set_exception(unavailable(error))

    def _renew(self, refused: "_Pump") -> None:
        if refused is self._pump:
            refused.retire()
            self._pump = _Pump(self._make())


class _Pump:
    """One producer, and the thread in which it tells of deliveries."""

    def __init__(self, producer: Producer) -> None:
        self.producer = producer
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka deliveries", daemon=True)
        self._thread.start()

    def retire(self) -> None:
        """Give up what it holds, whose callers hear of that, and end it in its own time."""
        self._is_ending.set()

    async def close(self, timeout_s: float) -> None:
        """Deliver what it holds, for at most so many seconds, and end it."""
        await asyncio.to_thread(self.producer.flush, timeout_s)
        self.retire()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._is_ending.is_set():
            self.producer.poll(POLL_S)
        self.producer.purge()
        self.producer.flush(POLL_S)


def _is_final(error: KafkaError) -> bool:
    """Tell whether the producer is of no use any more."""
    return error.fatal() or error.code() == KafkaError._FATAL
