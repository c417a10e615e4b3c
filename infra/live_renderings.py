"""Renderings of live events, each for a short while: what one socket had rendered, others are sent too."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

KEY_BYTES: Final = 500
"""What a rendering costs beside its payload, roughly."""


class Rendering:
    """One event as some viewers see it; `payload` is empty until it is finished.

    `may_be_marked` tells whether anyone can have liked or retweeted the tweet that it shows.
    """

    __slots__ = ("_waiters", "made_at_s", "may_be_marked", "payload", "weight")

    def __init__(self) -> None:
        self.made_at_s = 0.0
        self.may_be_marked = True
        self.payload = b""
        self.weight = KEY_BYTES
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Wait until it is finished. Who is cancelled meanwhile takes nothing away from the others."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def finish(self, payload: bytes) -> None:
        """Hand the payload to all who wait."""
        self.payload = payload
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def abandon(self) -> None:
        """Cancel all who wait: there will be no payload."""
        for waiter in self._waiters:
            waiter.cancel()


class Renderings:
    """Renderings by key, the oldest out first: each for `fresh_s` seconds, and all in at most `bytes_max` bytes.

    One that is not finished is handed out whatever its age: asking again would only add to what makes it late.
    """

    def __init__(self, monotonic_s: Callable[[], float], fresh_s: float, bytes_max: int) -> None:
        self._monotonic_s = monotonic_s
        self._fresh_s = fresh_s
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Rendering] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Rendering | None:
        """Return what may still be handed out. TypeError says that a part of the key has no hash."""
        found = self._kept.get(key)
        if found is None or (found.payload and self._monotonic_s() - found.made_at_s >= self._fresh_s):
            return None
        return found

    def put(self, key: Hashable, rendering: Rendering) -> None:
        """Keep a rendering from now on."""
        self.drop(key)
        rendering.made_at_s = self._monotonic_s()
        self._kept[key] = rendering
        self._bytes += rendering.weight
        self._shrink()

    def weigh(self, key: Hashable, rendering: Rendering) -> None:
        """Count a rendering's payload, now that it is finished."""
        if self._kept.get(key) is rendering:
            self._bytes += len(rendering.payload)
            rendering.weight += len(rendering.payload)
            self._shrink()

    def drop(self, key: Hashable) -> None:
        """Forget a rendering, if it is there."""
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.weight

    def _shrink(self) -> None:
        fresh_from_s = self._monotonic_s() - self._fresh_s
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if oldest.made_at_s > fresh_from_s and self._bytes <= self._bytes_max:
                return
            self.drop(key)
