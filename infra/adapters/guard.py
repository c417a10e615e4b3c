"""What stands before all calls to one dependency: a bound on those under way, a breaker, and a budget of retries.

The bound is a bulkhead (Nygard, as for the breaker): who waits for a slow dependency never takes what others need.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from infra.adapters.breaker import Breaker, BreakerLimits
from loaders.errors import Unavailable

RETRY_AFTER_S = 1.0


class Refused(Unavailable):
    """The dependency answered, and would not do it: it is well."""


class Crowded(Unavailable):
    """Too many want the same: it says nothing of the dependency."""


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """At most `calls_max` calls at once; who comes when so many are under way is turned away.

    Of all calls at most `retry_share` may be retries, after `retries_spare` that may come at once: where much fails,
    retries are what would keep it down.
    """

    calls_max: int = 1_000
    retry_share: float = 0.1
    retries_spare: float = 10.0
    breaker: BreakerLimits = field(default_factory=BreakerLimits)


class Guard:
    """A context manager around each call to one dependency, which judges by what it raises how it went.

    `Unavailable` is a failure, but for `Refused`, which is an answer, and `Crowded`, which is neither, as is anything
    else that is raised. `turned_away` counts those for whom there was no room.
    """

    def __init__(
        self, name: str, limits: GuardLimits, clock_s: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self.breaker = Breaker(name, limits.breaker, clock_s, chance)
        self.under_way = 0
        self.turned_away = 0
        self._limits = limits
        self._calls_max = limits.calls_max
        self._retries = limits.retries_spare
        # Drivers ask for retries in threads of their own.
        self._spending = threading.Lock()

    def __enter__(self) -> None:
        if self.under_way >= self._calls_max:
            self.turned_away += 1
            raise Crowded(f"Too many wait for {self.breaker.name}: ask again", RETRY_AFTER_S)
        self.breaker.admit()
        self.under_way += 1
        if self._retries < self._limits.retries_spare:
            with self._spending:
                self._retries += self._limits.retry_share

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.under_way -= 1
        if kind is None or issubclass(kind, Refused):
            self.breaker.succeeded()
        elif issubclass(kind, Unavailable) and not issubclass(kind, Crowded):
            self.breaker.failed()
        else:
            self.breaker.given_up()

    @property
    def has_retries(self) -> bool:
        """Whether a call could be tried again now."""
        return self._retries >= 1

    def may_retry(self) -> bool:
        """Tell whether a call under way may be tried again, and take that from the budget. Any thread may ask."""
        with self._spending:
            if self._retries < 1:
                return False
            self._retries -= 1
            return True

    def retried(self) -> None:
        """Take a retry from the budget that was made already; it may go below nothing, and is earned back first."""
        with self._spending:
            self._retries -= 1
