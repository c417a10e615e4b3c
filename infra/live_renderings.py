"""Renderings of live events, each for a short while: what one socket had rendered, others are sent too."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from infra.live_protocol import framed

KEY_BYTES: Final = 500
"""What a rendering costs beside its payload, roughly."""

Same = tuple[int, int]
"""Where two objects lie in memory."""


class Rendering:
    """One event as some viewers see it; `payload` is empty until it is finished.

    `may_be_marked` tells whether anyone can have liked or retweeted the tweet that it shows; `is_same` is for
    `Renderings` alone.
    """

    __slots__ = ("_frame", "_takers", "_waiters", "is_same", "made_at_s", "may_be_marked", "payload", "weight")

    def __init__(self) -> None:
        self.made_at_s = 0.0
        self.may_be_marked = True
        self.payload = b""
        self.weight = KEY_BYTES
        self.is_same: Same | None = None
        self._frame = (b"", b"")
        self._waiters: list[asyncio.Future[None]] = []
        self._takers: list[Callable[[Rendering], None]] = []

    async def wait(self) -> None:
        """Wait until it is finished. Who is cancelled meanwhile takes nothing away from the others."""
        if self.payload:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def hand_to(self, taker: Callable[["Rendering"], None]) -> None:
        """Call this once it is finished: no task needs to wake up for that."""
        self._takers.append(taker)

    def frame(self, head: bytes) -> bytes:
        """Return the frame that sends a finished one as a message that begins so; alike messages share the bytes."""
        known_head, frame = self._frame
        if known_head != head:
            frame = framed(head, self.payload, b"}")
            self._frame = (head, frame)
        return frame

    def finish(self, payload: bytes) -> None:
        """Hand the payload to all who wait."""
        self.payload = payload
        waiters, self._waiters = self._waiters, []
        takers, self._takers = self._takers, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        for taker in takers:
            taker(self)

    def abandon(self) -> None:
        """Cancel all who wait: there will be no payload."""
        self._takers = []
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
        self._same: dict[Same, Rendering] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Rendering | None:
        """Return what may still be handed out. TypeError says that a part of the key has no hash."""
        return self._fresh(self._kept.get(key))

    def get_same(self, plan: object, event: object) -> Rendering | None:
        """Return what was put with the very same objects: that is found in a fraction of the time."""
        return self._fresh(self._same.get((id(plan), id(event))))

    def put(self, key: Hashable, rendering: Rendering, plan: object = None, event: object = None) -> None:
        """Keep a rendering from now on, for `get_same` too if these objects are given; they must be part of the key."""
        self.drop(key)
        rendering.made_at_s = self._monotonic_s()
        self._kept[key] = rendering
        if plan is not None:
            # The key keeps both alive, and so nothing else can get their places meanwhile.
            rendering.is_same = (id(plan), id(event))
            self._same[rendering.is_same] = rendering
        self._bytes += rendering.weight
        self._shrink()

    def weigh(self, key: Hashable, rendering: Rendering) -> None:
        """Count a rendering's payload, now that it is finished, and the one frame of it that it remembers."""
        if self._kept.get(key) is rendering:
            self._bytes += 2 * len(rendering.payload)
            rendering.weight += 2 * len(rendering.payload)
            self._shrink()

    def drop(self, key: Hashable) -> None:
        """Forget a rendering, if it is there."""
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= dropped.weight
            if dropped.is_same is not None:
                self._same.pop(dropped.is_same, None)

    def _fresh(self, found: Rendering | None) -> Rendering | None:
        if found is None or (found.payload and self._monotonic_s() - found.made_at_s >= self._fresh_s):
            return None
        return found

    def _shrink(self) -> None:
        fresh_from_s = self._monotonic_s() - self._fresh_s
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if oldest.made_at_s > fresh_from_s and self._bytes <= self._bytes_max:
                return
            self.drop(key)
