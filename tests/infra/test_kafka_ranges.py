"""Reads of Kafka's log that fail: asked again a few times, after random pauses, within the time and the budget."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.adapters.breaker import BreakerLimits, State
from infra.adapters.deadline import UNTIL_S
from infra.adapters.guard import Crowded, GuardLimits
from infra.adapters.kafka.ranges import Bounds, RangeLimits, Ranges
from loaders.errors import Unavailable

AT = TopicPartition("roost.events", 0, 0)
GUARD = GuardLimits(retry_share=0.25, retries_spare=3.0, breaker=BreakerLimits(failures_max=100))
LIMITS = RangeLimits(deadline_s=20.0, readers=2, retries_max=2, backoff_s=0.01, guard=GUARD)
HELD = (3, 8)


class Reader:
    """A consumer of a broker that fails so many times, and then answers; with `may_answer` unset it hangs."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def get_watermark_offsets(self, _at: TopicPartition, timeout: float) -> tuple[int, int]:
        self.asked += 1
        if not self.may_answer.wait(timeout):
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        if self.fails:
            self.fails -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return HELD

    def close(self) -> None:
        self.may_answer.set()


@asynccontextmanager
async def reading(reader: Reader, limits: RangeLimits = LIMITS, **more: Any) -> AsyncIterator[Ranges]:
    ranges = Ranges(lambda: cast(Consumer, reader), limits, **more)
    try:
        yield ranges
    finally:
        await asyncio.to_thread(ranges._close)


async def test_what_could_not_be_answered_is_asked_again_and_answered() -> None:
    reader = Reader(fails=LIMITS.retries_max)
    async with reading(reader) as ranges:
        assert await ranges.bounds(AT) == Bounds(*HELD)

    assert reader.asked == LIMITS.retries_max + 1


async def test_it_is_asked_no_more_than_so_many_times() -> None:
    reader = Reader(fails=100)
    async with reading(reader) as ranges:
        with pytest.raises(Unavailable) as refused:
            await ranges.bounds(AT)

    assert refused.value.retry_after_s
    assert reader.asked == LIMITS.retries_max + 1


async def test_where_every_read_fails_retries_are_a_share_of_the_reads() -> None:
    reader, reads = Reader(fails=1_000), 40
    async with reading(reader) as ranges:
        for _ in range(reads):
            with pytest.raises(Unavailable):
                await ranges.bounds(AT)

    assert reads < reader.asked <= reads + GUARD.retries_spare + reads * GUARD.retry_share


async def test_it_is_not_asked_again_once_the_time_is_over() -> None:
    reader = Reader(fails=100)
    long_pauses = RangeLimits(deadline_s=0.2, readers=1, retries_max=2, backoff_s=20.0, guard=GUARD)
    async with reading(reader, long_pauses, chance=lambda: 1.0) as ranges:
        with pytest.raises(Unavailable, match="nothing to read within"):
            await ranges.bounds(AT)

    assert reader.asked == 1


async def test_who_has_less_time_than_a_read_gets_waits_no_longer_and_says_nothing_of_the_log() -> None:
    reader = Reader()
    reader.may_answer.clear()
    own = GuardLimits(breaker=BreakerLimits(failures_max=1))
    async with reading(reader, RangeLimits(deadline_s=20.0, readers=1, guard=own)) as ranges:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        before = UNTIL_S.set(began_s + 0.05)
        try:
            with pytest.raises(Crowded):
                await ranges.bounds(AT)
        finally:
            UNTIL_S.reset(before)

        assert loop.time() - began_s < LIMITS.deadline_s / 2
        assert ranges.guard.breaker.state is State.CLOSED
        reader.may_answer.set()
