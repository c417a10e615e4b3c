"""What the consumer groups do, told in log lines by the correlation ids of what they handle."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from infra.settings import Settings
from realtime.ports import Logged
from realtime.worker import Handle

if TYPE_CHECKING:
    from infra.traces.tracing import Tracing

CORRELATION_IDS_MAX = 20


def told(
    group: str,
    handle: Handle,
    settings: Settings,
    tracing: "Tracing | None" = None,
    monotonic_s: Callable[[], float] = time.perf_counter,
) -> Handle:
    """Return a handler that logs each batch: as a warning if it was slow, else at debug; and that traces it.

    A line names the partition, the first and last offset, and the newest requests that the events go back to.
    """
    if tracing is not None:
        from infra.traces.spread import traced_handle  # noqa: PLC0415 - see `tracing_of`

        handle = traced_handle(group, handle, tracing, monotonic_s)
    slow_s, is_debug = settings.log_slow_ms / 1_000, settings.log_level == "debug"
    log = structlog.get_logger("roost")

    async def telling(batch: Sequence[Logged], previous: int) -> None:
        began_s = monotonic_s()
        await handle(batch, previous)
        seconds = monotonic_s() - began_s
        if is_debug or seconds >= slow_s:
            log.log(
                logging.WARNING if seconds >= slow_s else logging.DEBUG,
                "events_handled",
                group=group,
                partition=batch[0].partition,
                first=batch[0].offset,
                last=batch[-1].offset,
                latencyMs=round(seconds * 1_000, 2),
                correlationIds=_correlation_ids(batch),
            )

    return telling


def tell_buried(group: str, logged: Logged, error: str) -> None:
    """Log that an event was put among the dead letters, which keep its payload and its error; a line shows neither."""
    structlog.get_logger("roost").error(
        "event_buried",
        group=group,
        partition=logged.partition,
        offset=logged.offset,
        error=error.partition(":")[0],
        **({} if logged.origin is None else {"correlationId": logged.origin.correlation_id}),
    )


def _correlation_ids(batch: Sequence[Logged]) -> list[str]:
    newest = [each.origin.correlation_id for each in batch[-CORRELATION_IDS_MAX:] if each.origin is not None]
    return list(dict.fromkeys(newest))
