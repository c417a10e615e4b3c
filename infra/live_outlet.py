"""The way of one subscription's events to its socket."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from infra.live_renderings import Rendering
from infra.live_shared import Plan
from infra.live_sockets import LiveSockets
from loaders.records import UserId

OWED_MAX: Final = 16

Write = Callable[[bytes], bool]
"""Sends a frame at once, or answers False if there is no room for it."""
Send = Callable[[bytes], Awaitable[None]]
"""Sends a frame as soon as there is room."""


class Outlet:
    """Sends what events show, in their order, each as a message that begins with `head`.

    Where an event is still being rendered when its stream comes upon it, whoever finishes the rendering writes the
    frame as well, so that the stream need not wake up a second time. At most `OWED_MAX` frames are owed in this way:
    with so many, the stream waits.
    """

    def __init__(
        self, live: LiveSockets, plan: Plan, viewer_id: UserId | None, head: bytes, write: Write, send: Send
    ) -> None:
        self._live = live
        self._plan = plan
        self._viewer_id = viewer_id
        self._head = head
        self._write = write
        self._send = send
        self._owed: deque[tuple[object, Rendering]] = deque()
        self._late: asyncio.Task[None] | None = None
        self._stream: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    async def send_all(self, events: AsyncGenerator[object, None]) -> None:
        """Send all events; raises what goes wrong with their stream, or with one of them."""
        self._stream = asyncio.current_task()
        try:
            async for event in events:
                if not self._offered(event):
                    await self._settled()
                    await self._sent(event)
                elif len(self._owed) >= OWED_MAX:
                    await self._settled()
            await self._settled()
        except asyncio.CancelledError:
            if self._error is None or self._stream is None:
                raise
            self._stream.uncancel()
            raise self._error from None
        finally:
            self._owed.clear()
            if self._late is not None:
                self._late.cancel()

    def _offered(self, event: object) -> bool:
        """Send an event now, or see to it that it is sent once it is rendered; False if it takes more than that."""
        rendering = self._live.executor.begun(self._plan, event, self._viewer_id)
        if rendering is None:
            return False
        if rendering.payload and not self._owed:
            return self._written(event, rendering)
        self._owed.append((event, rendering))
        if not rendering.payload:
            rendering.hand_to(self._take)
        return True

    def _take(self, _: Rendering) -> None:
        """Send what was owed, now that more of it is rendered."""
        if self._late is not None:
            return
        while self._owed and self._owed[0][1].payload:
            if not self._written(*self._owed[0]):
                self._late = asyncio.ensure_future(self._sent_late())
                return
            self._owed.popleft()

    def _written(self, event: object, rendering: Rendering) -> bool:
        suits = self._live.executor.suits(self._plan, event, self._viewer_id, rendering)
        if not (suits and self._write(rendering.frame(self._head))):
            return False
        self._live.delivered(event)
        return True

    async def _sent(self, event: object) -> None:
        """Send an event, however long that takes."""
        rendering = await self._live.executor.rendered(self._plan, event, self._viewer_id)
        await self._send(rendering.frame(self._head))
        self._live.delivered(event)

    async def _sent_late(self) -> None:
        """Send what is owed while the stream waits for what comes next: it hears of an error by being cancelled."""
        try:
            while self._owed:
                await self._sent(self._owed[0][0])
                self._owed.popleft()
        except Exception as error:
            self._error = error
            if self._stream is not None:
                self._stream.cancel()
        self._late = None

    async def _settled(self) -> None:
        """Wait until nothing is owed."""
        while self._owed:
            if self._late is None:
                await self._owed[0][1].wait()
            else:
                await asyncio.wait([self._late])
