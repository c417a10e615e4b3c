import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.live_outlet import OWED_MAX, Outlet
from infra.live_protocol import framed
from infra.live_renderings import Rendering
from infra.live_shared import Plan
from infra.live_sockets import LiveSockets
from loaders.errors import Unavailable
from tests.infra.live import eventually


class Events:
    """A stream of events that are rendered when the test says so, for a socket that has room when the test says so."""

    def __init__(self) -> None:
        self.renderings: dict[str, Rendering] = {}
        self.has_room = True
        self.personal: set[str] = set()
        self.broken: set[str] = set()
        self.frames: list[bytes] = []
        self.delivered: list[object] = []
        self.room = asyncio.Event()
        self.live = cast(LiveSockets, SimpleNamespace(executor=self, delivered=self._delivered))
        self._events: asyncio.Queue[str | None] = asyncio.Queue()
        self.outlet = Outlet(self.live, cast(Plan, None), None, b"<", self._write, self._send)

    def _delivered(self, event: object) -> None:
        self.delivered.append(event)

    def come(self, *events: str | None) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def __call__(self) -> AsyncGenerator[object, None]:
        while (event := await self._events.get()) is not None:
            yield event

    def begun(self, _plan: Plan, event: str, _viewer_id: object) -> Rendering:
        return self.renderings.setdefault(event, Rendering())

    def suits(self, _plan: Plan, event: str, _viewer_id: object, _rendering: Rendering) -> bool:
        return event not in self.personal

    async def rendered(self, _plan: Plan, event: str, _viewer_id: object) -> Rendering:
        rendering = self.begun(_plan, event, None)
        await rendering.wait()
        if event in self.broken:
            raise Unavailable("Nobody can look that up")
        return rendering

    def finish(self, *events: str) -> None:
        for event in events:
            self.renderings[event].finish(event.encode())

    def _write(self, frame: bytes) -> bool:
        if self.has_room:
            self.frames.append(frame)
        return self.has_room

    async def _send(self, frame: bytes) -> None:
        if not self.has_room:
            await self.room.wait()
        self.frames.append(frame)

    def shown(self) -> str:
        known = {framed(b"<", event.encode(), b"}"): event for event in self.renderings}
        return "".join(known[frame] for frame in self.frames)


async def begun(events: Events, count: int) -> asyncio.Task[None]:
    sending = asyncio.ensure_future(events.outlet.send_all(events()))
    await eventually(lambda: len(events.renderings) == count)
    return sending


async def test_whatever_is_rendered_first_frames_go_out_in_the_order_of_their_events() -> None:
    events = Events()
    events.come("a", "b", "c", None)
    sending = await begun(events, 3)

    events.finish("c", "b")
    assert events.shown() == ""
    events.finish("a")
    assert events.shown() == "abc"
    await sending
    assert events.delivered == ["a", "b", "c"]


async def test_with_so_many_frames_owed_the_stream_waits() -> None:
    events = Events()
    names = [chr(ord("a") + number) for number in range(OWED_MAX + 3)]
    events.come(*names, None)
    sending = await begun(events, OWED_MAX)

    events.finish(*names[:OWED_MAX])
    await eventually(lambda: len(events.renderings) == len(names))
    events.finish(*names[OWED_MAX:])
    await sending
    assert events.shown() == "".join(names)


async def test_what_finds_no_room_goes_out_later_and_nothing_passes_it() -> None:
    events = Events()
    events.come("a", "b")
    sending = await begun(events, 2)
    events.has_room = False

    events.finish("a", "b")
    events.come("c", None)
    await eventually(lambda: "c" in events.renderings)
    events.finish("c")
    assert events.shown() == ""
    events.has_room = True
    events.room.set()
    await sending
    assert events.shown() == "abc"


async def test_an_error_with_what_is_owed_ends_the_stream_that_waits_for_the_next_event() -> None:
    events = Events()
    events.come("a", "b")
    sending = await begun(events, 2)
    events.personal, events.broken = {"b"}, {"b"}

    events.finish("a", "b")
    with pytest.raises(Unavailable):
        await sending
    assert events.shown() == "a"


async def test_after_the_end_of_a_subscription_nothing_that_was_owed_goes_out() -> None:
    events = Events()
    events.come("a")
    sending = await begun(events, 1)

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    events.finish("a")
    assert events.shown() == ""


def test_alike_messages_share_the_bytes_of_their_frame() -> None:
    rendering: Any = Rendering()
    rendering.finish(b"payload")

    assert rendering.frame(b"<") is rendering.frame(b"<")
    assert rendering.frame(b"[") == framed(b"[", b"payload", b"}")
