"""Timers for what comes from outside, fair to whoever kept them while the event loop was busy."""

import asyncio
from collections.abc import Callable
from typing import Final

TURNS: Final = 3
"""Turns of the event loop from what lies in a connection's buffer to the task that waits for it."""


class FairTimer:
    """Calls once the time is up, but not before the loop has heard of everything that had come by then.

    A loop that is late, as when thousands connect at once, would otherwise take its own delay for theirs.
    """

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._handle: asyncio.Handle = self._loop.call_later(seconds, self._look, TURNS)

    def cancel(self) -> None:
        """Forget it."""
        self._handle.cancel()

    def _look(self, turns: int) -> None:
        if turns == 0:
            self._call()
        else:
            self._handle = self._loop.call_soon(self._look, turns - 1)
