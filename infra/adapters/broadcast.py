"""Broadcast over the `broadcaster` library, whose only subscriber in each process is the hub."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import orjson
from broadcaster import Broadcast as Broadcaster

from infra.adapters.redis.urls import is_redis
from realtime.ports import Broadcast, Reference

if TYPE_CHECKING:
    from infra.adapters.redis.broadcast import RedisBackend

CHANNEL = "references"
MESSAGES_MAX = 10_000
"""Batches that wait for one subscriber; what comes beyond them is dropped, and found missing by rule L2."""


class BroadcasterBroadcast:
    """Carries batches of references as JSON through whatever backend the library was given.

    All who share a server and a `channel` hear each other: every log has a channel of its own.
    """

    def __init__(
        self,
        broadcaster: Broadcaster,
        backend: "RedisBackend | None" = None,
        channel: str = CHANNEL,
        messages_max: int = MESSAGES_MAX,
    ) -> None:
        self._broadcaster = broadcaster
        self._backend = backend
        self._channel = channel
        self._messages_max = messages_max
        # The library forgets one of two who subscribe for the first time at once.
        self._subscribing = asyncio.Lock()
        self._dropped = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, channel: str = CHANNEL) -> "AsyncIterator[BroadcasterBroadcast]":
        """Connect to the backend that a URL names: ours for Redis and Redis Cluster, else one of the library's."""
        async with AsyncExitStack() as stack:
            if is_redis(url):
                from infra.adapters.redis.broadcast import RedisBackend  # noqa: PLC0415 - half a second to import
                from infra.adapters.redis.connection import RedisConnection  # noqa: PLC0415

                # The library's own hears nothing with redis-py 8, and nothing any more once Redis was restarted.
                backend = RedisBackend(await stack.enter_async_context(RedisConnection.open(url)))
                broadcaster = await stack.enter_async_context(Broadcaster(backend=backend))  # type: ignore[arg-type]
                yield cls(broadcaster, backend, channel)
            else:
                yield cls(await stack.enter_async_context(Broadcaster(url)), channel=channel)

    @property
    def alive(self) -> bool:
        """Whether messages come and go, as far as this process can tell."""
        return self._backend is None or self._backend.alive

    @property
    def lost(self) -> int:
        """How many batches this process could not send, or had no room for."""
        return self._dropped + (0 if self._backend is None else self._backend.unsent + self._backend.dropped)

    async def publish(self, references: Sequence[Reference]) -> None:
        """See `Broadcast`."""
        # Nearly none is traced: the others are carried as before.
        rows = [each[: 6 if each.trace else 5] for each in references]
        await self._broadcaster.publish(self._channel, orjson.dumps(rows).decode())

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[Reference]]]:
        """See `Broadcast`."""
        async with AsyncExitStack() as stack:
            async with self._subscribing:
                subscriber = await stack.enter_async_context(self._subscribed())
            waiting: asyncio.Queue[str] = asyncio.Queue(self._messages_max)
            moving = asyncio.create_task(self._move(subscriber, waiting))
            try:
                yield _references(waiting)
            finally:
                moving.cancel()
                await asyncio.gather(moving, return_exceptions=True)

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[object]:
        """Subscribe by the library, which loses a cancellation that comes while it begins."""
        try:
            async with self._broadcaster.subscribe(self._channel) as subscriber:
                yield subscriber
        except KeyError as error:
            # It tidies up what it has not made yet, and its own error takes the cancellation's place.
            if isinstance(error.__context__, asyncio.CancelledError):
                raise error.__context__ from None
            raise

    async def _move(self, subscriber: object, waiting: asyncio.Queue[str]) -> None:
        """Take messages out of the library's queue, which has no bound, as fast as they come."""
        async for event in subscriber:  # type: ignore[attr-defined]
            try:
                waiting.put_nowait(event.message)
            except asyncio.QueueFull:
                self._dropped += 1


async def _references(waiting: asyncio.Queue[str]) -> AsyncIterator[Sequence[Reference]]:
    while True:
        rows = orjson.loads(await waiting.get())
        yield [
            Reference(partition, previous, offset, kind, tuple(ids), *trace)
            for partition, previous, offset, kind, ids, *trace in rows
        ]


_: type[Broadcast] = BroadcasterBroadcast
