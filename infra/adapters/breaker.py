"""A circuit breaker: who does not answer is not asked for a while, so that nobody queues up behind them.

The three states and their names are those of M. Nygard, Release It! (2nd ed., 2018), chapter 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from loaders.errors import Unavailable


class State(Enum):
    """What becomes of a call."""

    CLOSED = "closed"  # it is made
    OPEN = "open"  # it is refused
    HALF_OPEN = "half_open"  # it is refused, while one is made to try


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """After `failures_max` failures in a row calls are refused for `open_min_s` seconds.

    Each try that fails doubles that, up to `open_max_s`; of it, a random share of at most a half is taken off, so that
    many processes do not try at once. A try that says nothing for `probe_max_s` counts no longer.
    """

    failures_max: int = 5
    open_min_s: float = 0.5
    open_max_s: float = 8.0
    probe_max_s: float = 10.0


class Breaker:
    """Stands before calls to one place. Ask `admit` before each, and say afterwards how it went.

    `clock_s` is monotonic, `chance` answers numbers from 0 to 1. `opened` counts how often calls began to be refused.
    """

    def __init__(
        self, name: str, limits: BreakerLimits, clock_s: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self.name = name
        self.opened = 0
        self._limits = limits
        self._clock_s = clock_s
        self._chance = chance
        self._failures = 0
        self._open_s = limits.open_min_s
        self._closed_again_s: float | None = None
        self._probe_until_s: float | None = None

    @property
    def state(self) -> State:
        """What would become of a call now."""
        if self._closed_again_s is None:
            return State.CLOSED
        return State.OPEN if self._clock_s() < self._closed_again_s else State.HALF_OPEN

    def admit(self) -> None:
        """Let a call pass; raise `Unavailable` with the time to wait if it is refused."""
        if self._closed_again_s is None:
            return
        now_s = self._clock_s()
        if now_s < self._closed_again_s:
            raise self._refused(self._closed_again_s - now_s)
        if self._probe_until_s is not None and now_s < self._probe_until_s:
            raise self._refused(self._open_s)
        self._probe_until_s = now_s + self._limits.probe_max_s

    def check(self) -> None:
        """Raise what `admit` would raise if calls are refused, and take nobody's turn to try."""
        if self._closed_again_s is not None:
            now_s = self._clock_s()
            if now_s < self._closed_again_s:
                raise self._refused(self._closed_again_s - now_s)

    def succeeded(self) -> None:
        """Note that a call was answered, whatever the answer: everything is well again."""
        if self._failures == 0:
            return
        self._failures = 0
        self._closed_again_s = self._probe_until_s = None
        self._open_s = self._limits.open_min_s

    def given_up(self) -> None:
        """Note that nobody waited for a call's answer: another may try instead."""
        self._probe_until_s = None

    def failed(self) -> None:
        """Note that a call was not answered."""
        self._failures += 1
        if self._closed_again_s is None:
            if self._failures < self._limits.failures_max:
                return
            self.opened += 1
        elif self._probe_until_s is None:
            return  # It was under way when calls began to be refused, and says nothing new.
        else:
            self._open_s = min(2 * self._open_s, self._limits.open_max_s)
        self._probe_until_s = None
        self._closed_again_s = self._clock_s() + self._open_s * (1 - self._chance() / 2)

    def _refused(self, wait_s: float) -> Unavailable:
        return Unavailable(f"{self.name} did not answer lately", retry_after_s=wait_s)
