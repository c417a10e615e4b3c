"""So many a second and no more: what is told of failures must not make an outage worse."""

from collections.abc import Callable


class Allowance:
    """Grants `per_s` takings in each second of a monotonic clock; `left_out` counts those it has refused."""

    def __init__(self, per_s: int, monotonic_s: Callable[[], float]) -> None:
        self._per_s = per_s
        self._monotonic_s = monotonic_s
        self._second = 0
        self._taken = 0
        self.left_out = 0

    def take(self) -> bool:
        """Tell whether one more may be had in this second."""
        second = int(self._monotonic_s())
        if second != self._second:
            self._second, self._taken = second, 0
        if self._taken >= self._per_s:
            self.left_out += 1
            return False
        self._taken += 1
        return True
