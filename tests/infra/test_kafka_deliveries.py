"""Records on their way to Kafka, by a producer that does as it is told: refusals come soon, a dead one is replaced."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.adapters.breaker import State
from infra.adapters.deadline import UNTIL_S
from infra.adapters.guard import Crowded
from infra.adapters.kafka.deliveries import Deliveries, DeliveryLimits, Record
from loaders.errors import Unavailable

LIMITS = DeliveryLimits(deadline_s=0.2, stall_s=0.05, pending_max=3)
RECORD = Record(TopicPartition("roost.events", 0, 0), b"hello")
Told = Callable[[KafkaError | None, Message], None]


class Delivered:
    """What Kafka says of a record that it took."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


class Silent:
    """A producer that says nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Told] = []
        self._ends = threading.Event()

    def produce(self, _topic: str, _value: bytes, on_delivery: Told, **_more: Any) -> None:
        self.waiting.append(on_delivery)

    def poll(self, timeout: float) -> int:
        self._ends.wait(timeout)
        return 0

    def flush(self, _timeout: float) -> int:
        return 0

    def purge(self) -> None:
        self.waiting.clear()

    def say(self, error: KafkaError | None = None) -> None:
        waiting, self.waiting = self.waiting, []
        for offset, tell in enumerate(waiting):
            tell(error, cast(Message, Delivered(offset)))


class Refusing(Silent):
    """A producer that takes nothing."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__()
        self._error = error

    def produce(self, *_given: Any, **_more: Any) -> None:
        raise KafkaException(self._error)


@asynccontextmanager
async def deliveries(*producers: Silent) -> AsyncIterator[Deliveries]:
    """Send by these producers, each when the one before it is of no use any more."""
    left = iter(producers)
    sent = Deliveries(lambda: cast(Producer, next(left)), LIMITS)
    try:
        yield sent
    finally:
        await sent.close()


async def test_an_answer_comes_when_all_of_a_calls_records_are_acknowledged() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        calls = [asyncio.create_task(sent.deliver([RECORD] * count)) for count in (1, 2)]
        await asyncio.sleep(0)

        producer.say()

        assert await asyncio.gather(*calls) == [[0], [1, 2]]


async def test_a_producer_that_says_nothing_is_unavailable_at_the_deadline() -> None:
    async with deliveries(Silent()) as sent:
        with pytest.raises(Unavailable, match="no acknowledgement within") as refused:
            await sent.deliver([RECORD])

        assert refused.value.retry_after_s


async def test_who_has_less_time_than_the_log_gets_waits_no_longer_and_says_nothing_of_it() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        before = UNTIL_S.set(began_s + LIMITS.deadline_s / 10)
        try:
            for _ in range(LIMITS.guard.breaker.failures_max):
                with pytest.raises(Crowded):
                    await sent.deliver([RECORD])
                producer.say()
        finally:
            UNTIL_S.reset(before)

        assert loop.time() - began_s < LIMITS.deadline_s
        assert sent.guard.breaker.state is State.CLOSED


async def test_while_nothing_is_acknowledged_further_records_are_refused_at_once() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        first = asyncio.create_task(sent.deliver([RECORD]))
        await asyncio.sleep(2 * LIMITS.stall_s)

        with pytest.raises(Unavailable, match="acknowledges nothing"):
            await sent.deliver([RECORD])

        producer.say()
        await first
        again = asyncio.create_task(sent.deliver([RECORD]))
        await asyncio.sleep(0)
        producer.say()
        assert await again == [0]


async def test_no_more_than_so_many_records_wait_at_a_time() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        first = asyncio.create_task(sent.deliver([RECORD] * 2))
        await asyncio.sleep(0)

        with pytest.raises(Unavailable, match="Too many"):
            await sent.deliver([RECORD] * 2)

        producer.say()
        assert await first == [0, 1]


async def test_a_record_that_kafka_gives_up_is_unavailable() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        call = asyncio.create_task(sent.deliver([RECORD] * 2))
        await asyncio.sleep(0)

        producer.say(KafkaError(KafkaError._MSG_TIMED_OUT))

        with pytest.raises(Unavailable):
            await call


async def test_a_producer_that_is_refused_for_good_is_replaced_once() -> None:
    dead, fresh = Silent(), Silent()
    async with deliveries(dead, fresh) as sent:
        lost = [asyncio.create_task(sent.deliver([RECORD])) for _ in range(3)]
        await asyncio.sleep(0)

        dead.say(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "out of order", fatal=True))
        answers = await asyncio.gather(*lost, return_exceptions=True)
        call = asyncio.create_task(sent.deliver([RECORD]))
        await asyncio.sleep(0)
        fresh.say()

        assert [type(answer) for answer in answers] == [Unavailable] * 3
        assert await call == [0]
        assert dead.waiting == []


async def test_a_producer_that_takes_nothing_any_more_is_replaced_too() -> None:
    fresh = Silent()
    async with deliveries(Refusing(KafkaError(KafkaError._FATAL, "fenced", fatal=True)), fresh) as sent:
        with pytest.raises(Unavailable):
            await sent.deliver([RECORD])

        call = asyncio.create_task(sent.deliver([RECORD]))
        await asyncio.sleep(0)
        fresh.say()
        assert await call == [0]


async def test_an_event_that_is_too_large_is_no_failure_that_a_retry_would_mend() -> None:
    async with deliveries(Refusing(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))) as sent:
        with pytest.raises(ValueError, match="more than"):
            await sent.deliver([RECORD])


async def test_who_went_away_does_not_keep_others_from_their_answers() -> None:
    producer = Silent()
    async with deliveries(producer) as sent:
        calls = [asyncio.create_task(sent.deliver([RECORD])) for _ in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()

        producer.say()

        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert (answers[0], answers[2]) == ([0], [2])
        assert isinstance(answers[1], asyncio.CancelledError)
