"""The clocks of a process, handed to whatever needs the time."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clocks:
    """`now_s` is Unix time and may step; `monotonic_s` never runs backwards."""

    now_s: Callable[[], float] = time.time
    monotonic_s: Callable[[], float] = time.monotonic

    def now_ms(self) -> int:
        """Return the Unix time in whole milliseconds."""
        return int(self.now_s() * 1000)
