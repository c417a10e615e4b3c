"""`roost doctor`: every server that the settings name, looked at, and what to do about what is wrong."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from infra.adapters.cassandra.doctor import examine as examine_cassandra
from infra.adapters.examined import Examined
from infra.adapters.kafka.connection import KafkaAddress, Topics
from infra.adapters.kafka.doctor import examine as examine_kafka
from infra.adapters.opensearch.urls import is_opensearch
from infra.adapters.redis.checks import check as check_redis
from infra.adapters.redis.connection import RedisConnection
from infra.cluster.media import has_s3
from infra.cluster.parts import HOUR_MS, layout_of, store_url
from infra.cluster.served import faults, readiness
from infra.cluster.trends import counts_trends
from infra.flink.job import job_name
from infra.flink.rest import examine as examine_flink
from infra.settings import Settings


class Finding(NamedTuple):
    """One line of the doctor's."""

    name: str
    is_well: bool
    advice: str

    def __str__(self) -> str:
        return f"ok    {self.name}" if self.is_well else f"WRONG {self.name}\n      {self.advice}"


async def examine(settings: Settings) -> Sequence[Finding]:
    """Return what was found, server by server; it raises for nothing that a server does or fails to do.

    Of one machine there is only what its server says of itself; `roost audit` proves its data.
    """
    served = await asyncio.to_thread(_served, settings)
    if settings.is_embedded:
        return served
    address = KafkaAddress.parse(settings.log_url)
    topics = Topics(address.prefix, layout_of(settings))
    found: list[Examined] = []
    found += await examine_kafka(address, topics, settings.log_retention_hours * HOUR_MS, _now_ms)
    found += await examine_cassandra(store_url(settings), settings.replication, _now_ms)
    for url in dict.fromkeys((settings.timelines_url, settings.broadcast_url)):
        async with RedisConnection.open(url) as connection:
            found += await check_redis(connection)
    if counts_trends(settings):
        found += await examine_flink(settings.trends_url, job_name(settings.log_url))
    if is_opensearch(settings.search_url):
        found += await _examine_search(settings.search_url)
    found += await _examine_media(settings)
    return [*(Finding(each.name, each.ok, each.advice) for each in found), *served]


async def _examine_media(settings: Settings) -> Sequence[Examined]:
    if not has_s3(settings):
        return [Examined("ROOST_MEDIA_URL names no S3: no media are kept", True)]
    from infra.adapters.s3_connection import S3Connection  # noqa: PLC0415 - see `infra.cluster.media`
    from infra.adapters.s3_doctor import examine as examine_s3  # noqa: PLC0415

    async with S3Connection.open(settings.media_url) as connection:
        return await examine_s3(connection)


async def _examine_search(url: str) -> Sequence[Examined]:
    # The client takes long to load, and only who has an OpenSearch needs it.
    from infra.adapters.opensearch.connection import OpenSearchConnection  # noqa: PLC0415
    from infra.adapters.opensearch.doctor import examine as examine_opensearch  # noqa: PLC0415

    async with OpenSearchConnection.open(url) as connection:
        return await examine_opensearch(connection)


def _served(settings: Settings) -> Sequence[Finding]:
    """Ask whoever serves at the settings' address, if anybody does."""
    address, parts = readiness(settings)
    if parts is None:
        return [Finding(f"no Roost answers at {address}: nothing is known of how it gets on", True, "")]
    told = faults(parts)
    if not told:
        return [Finding(f"Roost at {address} gets on well: {', '.join(parts)}", True, "")]
    return [Finding(f"Roost at {address}: {name}", False, text) for name, text in told.items()]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
