"""The adapters for Kafka, as contracts open them: under a prefix of their own, whose topics go at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest

from infra.adapters.kafka.admin import KafkaAdmin
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.deliveries import DeliveryLimits
from infra.adapters.kafka.log import KafkaEventLog, KafkaLimits
from infra.adapters.kafka.ranges import RangeLimits
from realtime.partitions import Layout
from realtime.ports import EventLog
from tests.contracts.logs import OpenLog, OpenPlace

NUMBERS = count(1)
LAYOUT = Layout(4, 2)
HOUR_MS = 3_600_000
PATIENT = KafkaLimits(DeliveryLimits(deadline_s=30.0, stall_s=20.0), RangeLimits(deadline_s=30.0))
"""On a busy machine a contract is no test of speed."""


@asynccontextmanager
async def kafka_topics(url: str, layout: Layout = LAYOUT) -> AsyncIterator[str]:
    """Make the topics of a log under a prefix of its own, and answer the URL that names it."""
    address = KafkaAddress.parse(f"{url}/test-{time.time_ns() // 1_000_000}-{next(NUMBERS)}")
    topics = Topics(address.prefix, layout)
    async with KafkaAdmin.open(address, timeout_s=60.0) as admin:
        await admin.make(topics, HOUR_MS)
        try:
            yield f"kafka://{address.servers}/{address.prefix}"
        finally:
            for deleted in admin.client.delete_topics([*topics.kept(HOUR_MS)]).values():
                await asyncio.wrap_future(deleted)


@asynccontextmanager
async def kafka_log(url: str, layout: Layout = LAYOUT, limits: KafkaLimits = PATIENT) -> AsyncIterator[KafkaEventLog]:
    """Open the log of a prefix; its epoch is made from its topics' identity."""
    address = KafkaAddress.parse(url)
    async with KafkaAdmin.open(address) as admin:
        epoch = crc32((await admin.topic_identity(Topics(address.prefix, layout))).encode())
    async with KafkaEventLog.open(url, layout, epoch, limits) as log:
        yield log


@asynccontextmanager
async def kafka_place(url: str, _folder: Path, _clock: Callable[[], int]) -> AsyncIterator[OpenLog]:
    """Make a log; its clock is the broker's own."""
    async with kafka_topics(url) as made:

        def opened() -> AbstractAsyncContextManager[EventLog]:
            return kafka_log(made)

        yield opened


LOGS: dict[str, OpenPlace] = {"kafka": kafka_place}
SERVERS = {"kafka": "kafka_url"}
"""The fixtures that start the servers of adapters."""


def url_of(name: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an adapter's server, started if it does not run yet; empty for an adapter without one."""
    return str(request.getfixturevalue(SERVERS[name])) if name in SERVERS else ""
