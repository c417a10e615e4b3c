"""What calls to each server of a cluster may take: the one place that says it.

Each has a deadline, which is the request's where that ends sooner, a bound of its own on calls under way, a breaker.
What is tried again is so only where doing it twice changes nothing, and within the call's deadline:

- Redis: by us; all scripts are idempotent.
- Cassandra: by the driver, on the next node, reads that are late included; never a lightweight transaction.
- Kafka's ranges: by us.
- Kafka's records: by librdkafka as an idempotent producer, whose pauses grow likewise.
- OpenSearch: by its client, once, on another node, where none was reached; of a bulk by us, what had no room.
- S3: by botocore, once; names are made once, so that doing it twice changes nothing.

The first three share their terms: so many times, after pauses with full jitter, and all retries to one server are at
most a share of the calls to it.
"""

from dataclasses import dataclass, replace

from infra.adapters.breaker import BreakerLimits
from infra.adapters.cassandra.driver import Options
from infra.adapters.cassandra.retries import RetryLimits
from infra.adapters.guard import GuardLimits
from infra.adapters.kafka.deliveries import DeliveryLimits
from infra.adapters.kafka.log import KafkaLimits
from infra.adapters.kafka.ranges import RangeLimits
from infra.adapters.redis.connection import RedisLimits
from infra.settings import Settings

WORKER_CALLS_MAX = 10_000
"""What is under way there is bounded by the batches."""
WORKER_SEARCH_S = 30.0


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What OpenSearch is called with, whose client is loaded only where there is one."""

    timeout_s: float
    guard: GuardLimits


@dataclass(frozen=True, slots=True)
class Policies:
    """The limits of the connections of one process."""

    log: KafkaLimits
    stores: Options
    caches: RedisLimits
    search: SearchLimits
    media: GuardLimits


def of_gateway(settings: Settings) -> Policies:
    """Return what somebody who waits for an answer has the patience for."""
    guard = _guard(settings, settings.calls_max)
    posting_s, reading_s = settings.log_timeout_ms / 1_000, settings.log_reads_timeout_ms / 1_000
    storing_s = settings.stores_timeout_ms / 1_000
    return _policies(
        settings,
        DeliveryLimits(posting_s, stall_s=posting_s, guard=guard),
        RangeLimits(reading_s, guard=guard),
        Options(request_timeout_s=storing_s, call_timeout_s=storing_s, guard=guard),
        SearchLimits(settings.search_timeout_ms / 1_000, _guard(settings, settings.searches_max)),
        guard,
    )


def of_worker(settings: Settings) -> Policies:
    """Return the same for workers and imports: nobody waits for them, and their batches are large."""
    guard = _guard(settings, WORKER_CALLS_MAX)
    return _policies(
        settings,
        DeliveryLimits(guard=guard),
        RangeLimits(guard=guard),
        Options(guard=guard),
        SearchLimits(WORKER_SEARCH_S, guard),
        guard,
    )


def _policies(
    settings: Settings,
    posts: DeliveryLimits,
    ranges: RangeLimits,
    stores: Options,
    search: SearchLimits,
    media: GuardLimits,
) -> Policies:
    """Return limits that differ by who waits, with the terms of retries, which do not."""
    retries_max, backoff_s = settings.retries_max, settings.retry_backoff_ms / 1_000
    return Policies(
        KafkaLimits(replace(posts, backoff_s=backoff_s), replace(ranges, retries_max=retries_max, backoff_s=backoff_s)),
        replace(stores, retries=RetryLimits(retries_max, backoff_s)),
        RedisLimits(failures_max=retries_max, backoff_s=backoff_s, guard=stores.guard),
        search,
        media,
    )


def _guard(settings: Settings, calls_max: int) -> GuardLimits:
    opened = BreakerLimits(
        settings.breaker_failures_max, settings.breaker_open_min_ms / 1_000, settings.breaker_open_max_ms / 1_000
    )
    return GuardLimits(calls_max, settings.retry_share, settings.retries_spare, breaker=opened)
