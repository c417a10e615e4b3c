"""Broadcast over the `broadcaster` library, whose only subscriber in each process is the hub."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
from broadcaster import Broadcast as Broadcaster

from realtime.ports import Broadcast, Reference

CHANNEL = "references"


class BroadcasterBroadcast:
    """Carries batches of references as JSON through whatever backend the library was given."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> "AsyncIterator[BroadcasterBroadcast]":
        """Connect to the backend that a URL names."""
        async with Broadcaster(url) as broadcaster:
            yield cls(broadcaster)

    async def publish(self, references: Sequence[Reference]) -> None:
        """See `Broadcast`."""
        rows = [(each.partition, each.previous, each.offset, each.kind, each.ids) for each in references]
        await self._broadcaster.publish(CHANNEL, orjson.dumps(rows).decode())

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[Reference]]]:
        """See `Broadcast`."""
        async with self._broadcaster.subscribe(CHANNEL) as subscriber:
            yield _references(subscriber)


async def _references(subscriber: object) -> AsyncIterator[Sequence[Reference]]:
    async for event in subscriber:  # type: ignore[attr-defined]
        yield [
            Reference(partition, previous, offset, kind, tuple(ids))
            for partition, previous, offset, kind, ids in orjson.loads(event.message)
        ]


_: type[Broadcast] = BroadcasterBroadcast
