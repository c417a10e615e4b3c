"""What calls to each server of a cluster may take: the one place that says it.

Each has a deadline, a bound on calls under way that is its own, and a breaker. What is tried again is so only where
doing it twice changes nothing, and within the call's deadline:

- Redis: by us, with full jitter and a budget; all scripts are idempotent.
- Cassandra: by the driver, once, on another node, and never a lightweight transaction.
- Kafka: by librdkafka, with a growing pause, as an idempotent producer.
- S3: by botocore, once; names are made once, so that doing it twice changes nothing.
"""

from dataclasses import dataclass

from infra.adapters.breaker import BreakerLimits
from infra.adapters.cassandra.driver import Options
from infra.adapters.guard import GuardLimits
from infra.adapters.kafka.deliveries import DeliveryLimits
from infra.adapters.kafka.log import KafkaLimits
from infra.adapters.kafka.ranges import RangeLimits
from infra.adapters.redis.connection import RedisLimits
from infra.settings import Settings

WORKER_CALLS_MAX = 10_000
"""What is under way there is bounded by the batches."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The limits of the connections of one process."""

    log: KafkaLimits
    stores: Options
    caches: RedisLimits
    media: GuardLimits


def of_gateway(settings: Settings) -> Policies:
    """Return what somebody who waits for an answer has the patience for."""
    guard = _guard(settings, settings.calls_max)
    posting_s, reading_s = settings.log_timeout_ms / 1_000, settings.log_reads_timeout_ms / 1_000
    storing_s = settings.stores_timeout_ms / 1_000
    return Policies(
        KafkaLimits(DeliveryLimits(posting_s, stall_s=posting_s, guard=guard), RangeLimits(reading_s, guard=guard)),
        Options(request_timeout_s=storing_s, call_timeout_s=storing_s, guard=guard),
        RedisLimits(guard=guard),
        guard,
    )


def of_worker(settings: Settings) -> Policies:
    """Return the same for workers and imports: nobody waits for them, and their batches are large."""
    guard = _guard(settings, WORKER_CALLS_MAX)
    return Policies(
        KafkaLimits(DeliveryLimits(guard=guard), RangeLimits(guard=guard)),
        Options(guard=guard),
        RedisLimits(guard=guard),
        guard,
    )


def _guard(settings: Settings, calls_max: int) -> GuardLimits:
    opened = BreakerLimits(
        settings.breaker_failures_max, settings.breaker_open_min_ms / 1_000, settings.breaker_open_max_ms / 1_000
    )
    return GuardLimits(calls_max, breaker=opened)
