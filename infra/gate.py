"""Admission: how many operations start at once, and which of them are told to come again.

An event loop that starts all that has arrived hears of nothing else until all of it is done: who comes meanwhile cannot
even be refused. So few start in each of its turns, the others stand in line, and nobody joins one that takes too long.
A line that forms at once may be long, for it goes away again. One that stays tells that more comes than can be done:
long or short, the same number is served, so it is kept short.
Live streams, which all come back at once after a restart, have a line of their own: they can wait, and answers cannot.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Final

from loaders.errors import Unavailable

FIRST_GUESS_S: Final = 0.001
WEIGHT: Final = 1 / 16
"""Of the last turn in the estimate of what an operation takes."""
RETRY_AFTER_S: Final = 1.0
STREAMS_SHARE: Final = 1 / 4
"""Of all that starts, while streams and others wait."""


class NoRoom(Unavailable):
    """So many live streams want to begin that another had better come again later."""


class Gate:
    """Lets at most `burst` operations start in a turn of the event loop, the first come first.

    Whoever would stand in line for longer than `wait_max_s`, as far as the last turns tell, is refused at once, and for
    longer than `lasting_wait_max_s` once there has been a line for longer than that; of streams, whoever would for
    longer than `stream_wait_max_s`. One in four that start is a stream, and as many more as nobody else has a use for.

    Whoever is refused waits for no operation but the one under way: all who have come are heard between two turns.
    """

    def __init__(
        self,
        clock_s: Callable[[], float],
        wait_max_s: float,
        burst: int = 1,
        stream_wait_max_s: float = 30.0,
        lasting_wait_max_s: float = math.inf,
    ) -> None:
        self._clock_s = clock_s
        self._burst = burst
        self._line = _Line(wait_max_s, min(wait_max_s, lasting_wait_max_s))
        self._streams = _Line(stream_wait_max_s, stream_wait_max_s)
        self._started = 0
        self._owed_streams = 0.0
        self._turned_s = 0.0
        self._was_full = False
        self._is_turning = False
        self._each_s = FIRST_GUESS_S
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How many operations stand in line for an answer."""
        return len(self._line.places)

    @property
    def streams_waiting(self) -> int:
        """How many live streams stand in line to begin."""
        return len(self._streams.places)

    async def enter(self) -> None:
        """Return once an operation may start; `Unavailable` if that would take too long."""
        if not self._line.places and self._started < self._burst:
            self._start()
        else:
            await self._stand(self._line, self._each_s, Unavailable)

    async def enter_stream(self) -> None:
        """Return once a live stream may begin; `NoRoom` if that would take too long."""
        if not self._line.places and not self._streams.places and self._started < self._burst:
            self._start()
        else:
            await self._stand(self._streams, self._each_s / STREAMS_SHARE, NoRoom)

    def _start(self) -> None:
        self._started += 1
        if not self._is_turning:
            self._is_turning = True
            # Those who came while the last ones ran are heard first: else they would wait for the next ones as well.
            asyncio.get_running_loop().call_soon(self._listen)

    async def _stand(self, line: "_Line", each_s: float, refusal: type[Unavailable]) -> None:
        if len(line.places) * each_s > line.wait_max_at(self._clock_s()):
            self.refused += 1
            raise refusal("Too much is asked for at once: ask again", retry_after_s=RETRY_AFTER_S)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.places.append(place)
        await place

    def _listen(self) -> None:
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Let the next ones start: they run in the next turn, after what came by then was heard of."""
        now_s = self._clock_s()
        if self._was_full:
            self._each_s += WEIGHT * ((now_s - self._turned_s) / self._burst - self._each_s)
        self._turned_s = now_s
        started = self._streams.let_in(self._streams_now())
        started += self._line.let_in(self._burst - started)
        started += self._streams.let_in(self._burst - started)
        self._was_full = started == self._burst
        self._is_turning, self._started = False, 0
        for _ in range(started):
            self._start()

    def _streams_now(self) -> int:
        self._owed_streams += STREAMS_SHARE * self._burst
        count = int(self._owed_streams)
        self._owed_streams -= count
        return count


class _Line:
    """Who waits, the first come first."""

    def __init__(self, wait_max_s: float, lasting_wait_max_s: float) -> None:
        self.places: deque[asyncio.Future[None]] = deque()
        self._wait_max_s = wait_max_s
        self._lasting_wait_max_s = lasting_wait_max_s
        self._since_s = 0.0

    def wait_max_at(self, now_s: float) -> float:
        """Return how long the line may be for whoever comes now; the first one begins it."""
        if not self.places:
            self._since_s = now_s
        is_lasting = now_s - self._since_s > self._lasting_wait_max_s
        return self._lasting_wait_max_s if is_lasting else self._wait_max_s

    def let_in(self, most: int) -> int:
        """Let so many in, if there are so many, but for who has gone away; answer how many went in."""
        count = 0
        while self.places and count < most:
            place = self.places.popleft()
            if not place.done():
                place.set_result(None)
                count += 1
        return count
