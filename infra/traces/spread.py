"""Traces beyond the request: through the groups, the broadcast and the hub to the sockets."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import SpanKind

from infra.traces.tracing import Tracing, below, code_of, traceparent_to
from loaders.global_ids import encode_id
from realtime.ports import Broadcast, Logged, Reference
from realtime.worker import Handle

HEARD_MAX = 1_000
"""Traced events whose deliveries are looked out for."""
HEARD_NS = 30_000_000_000
"""Who comes back later than that replays, and is no part of the trace any more."""
DELIVERIES_MAX = 10
"""Spans of one event's deliveries in one process: it may go to thousands of sockets."""


def traced_handle(group: str, handle: Handle, tracing: Tracing, clock_s: Callable[[], float]) -> Handle:
    """Return a handler with a span for each traced event of a batch, below which its consequences are."""

    async def traced(batch: Sequence[Logged], previous: int) -> None:
        began_s = clock_s()
        with ExitStack() as spans:
            handed = [_within(spans, group, logged, len(batch), tracing) for logged in batch] if _any(batch) else batch
            try:
                await handle(handed, previous)
            except Exception as error:
                if handed is batch:
                    tracing.failed(
                        f"{group} handle", code_of(error), clock_s() - began_s, _place(group, batch[0], batch)
                    )
                raise

    return traced


class TracedBroadcast:
    """The broadcast, with a span for each traced reference that is published: it carries that on to the hubs."""

    def __init__(self, inner: Broadcast, tracing: Tracing) -> None:
        self._inner = inner
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def publish(self, references: Sequence[Reference]) -> None:
        """See `Broadcast`."""
        if not any(each.trace for each in references):
            await self._inner.publish(references)
            return
        with ExitStack() as spans:
            await self._inner.publish([self._within(spans, each) if each.trace else each for each in references])

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Reference]]]:
        """See `Broadcast`."""
        return self._inner.subscribe()

    def _within(self, spans: ExitStack, reference: Reference) -> Reference:
        place = {"roost.partition": reference.partition, "roost.offset": reference.offset}
        span = spans.enter_context(
            self._tracing.span("broadcast publish", SpanKind.PRODUCER, reference.trace, attributes=place)
        )
        return reference._replace(trace=traceparent_to(span))


@dataclass(slots=True)
class _Heard:
    trace: str
    at_ns: int
    offset: int
    left: int = DELIVERIES_MAX


class Deliveries:
    """The last part of the way: from where the hub hears of a traced event until a socket was sent it."""

    def __init__(self, tracing: Tracing, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._tracing = tracing
        self._now_ns = now_ns
        self._heard: dict[object, _Heard] = {}

    def heard(self, reference: Reference) -> None:
        """Look out for what a traced reference is about; the hub calls it before it tells its streams."""
        if not reference.ids:
            return
        match reference.kind:
            case "deleted":
                key: object = encode_id("Tweet", reference.ids[0])
            case "undone":
                key = encode_id("Tweet", reference.ids[2])
            case _:
                key = reference.ids[0]
        self._heard.pop(key, None)
        self._heard[key] = _Heard(reference.trace, self._now_ns(), reference.offset)
        if len(self._heard) > HEARD_MAX:
            del self._heard[next(iter(self._heard))]

    def delivered(self, event: object) -> None:
        """Take notice that a socket was sent what a stream told."""
        if not self._heard:
            return
        entry = getattr(event, "entry", None)
        key = entry.id if entry is not None else getattr(event, "tweet_id", None) or getattr(event, "id", None)
        heard = self._heard.get(key)
        if heard is None or not heard.left:
            return
        now_ns = self._now_ns()
        if now_ns - heard.at_ns > HEARD_NS:
            del self._heard[key]
            return
        heard.left -= 1
        span = self._tracing.tracer.start_span(
            "socket deliver",
            below(heard.trace),
            SpanKind.CONSUMER,
            {"roost.offset": heard.offset},
            start_time=heard.at_ns,
        )
        span.end(now_ns)


def _any(batch: Sequence[Logged]) -> bool:
    return any(logged.origin is not None and logged.origin.trace for logged in batch)


def _within(spans: ExitStack, group: str, logged: Logged, count: int, tracing: Tracing) -> Logged:
    if logged.origin is None or not logged.origin.trace:
        return logged
    place = _place(group, logged) | {"messaging.batch.message_count": count}
    place["roost.correlation_id"] = logged.origin.correlation_id
    span = spans.enter_context(tracing.span(f"{group} handle", SpanKind.CONSUMER, logged.origin.trace, place))
    return logged._replace(origin=logged.origin._replace(trace=traceparent_to(span)))


def _place(group: str, logged: Logged, batch: Sequence[Logged] = ()) -> dict[str, str | int]:
    place: dict[str, str | int] = {
        "messaging.consumer.group.name": group,
        "roost.partition": logged.partition,
        "roost.offset": logged.offset,
    }
    return place | {"messaging.batch.message_count": len(batch)} if batch else place
