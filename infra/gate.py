"""Admission: how many operations start at once, and which of them are told to come again.

An event loop that starts all that has arrived hears of nothing else until all of it is done: who comes meanwhile cannot
even be refused. So few start in each of its turns, the others stand in line, and nobody joins one that takes too long.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from loaders.errors import Unavailable

FIRST_GUESS_S: Final = 0.001
WEIGHT: Final = 1 / 16
"""Of the last turn in the estimate of what an operation takes."""
RETRY_AFTER_S: Final = 1.0


class Gate:
    """Lets at most `burst` operations start in a turn of the event loop, the first come first.

    Whoever would stand in line for longer than `wait_max_s`, as far as the last turns tell, is refused at once.
    """

    def __init__(self, clock_s: Callable[[], float], wait_max_s: float, burst: int = 4) -> None:
        self._clock_s = clock_s
        self._wait_max_s = wait_max_s
        self._burst = burst
        self._line: deque[asyncio.Future[None]] = deque()
        self._started = 0
        self._turned_s = 0.0
        self._was_full = False
        self._is_turning = False
        self._each_s = FIRST_GUESS_S
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    async def enter(self) -> None:
        """Return once an operation may start; `Unavailable` if that would take too long."""
        if not self._line and self._started < self._burst:
            self._started += 1
            self._turn_soon()
            return
        if len(self._line) * self._each_s > self._wait_max_s:
            self.refused += 1
            raise Unavailable("Too much is asked for at once: ask again", retry_after_s=RETRY_AFTER_S)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        await place

    def _turn_soon(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Let the next ones start: they run in the next turn, after what came by then was heard of."""
        now_s = self._clock_s()
        if self._was_full:
            self._each_s += WEIGHT * ((now_s - self._turned_s) / self._burst - self._each_s)
        self._turned_s = now_s
        self._started = 0
        while self._line and self._started < self._burst:
            place = self._line.popleft()
            if not place.done():
                place.set_result(None)
                self._started += 1
        self._was_full = self._started == self._burst
        self._is_turning = False
        if self._started:
            self._turn_soon()
