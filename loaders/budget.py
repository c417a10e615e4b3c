"""A bound on how much of a kind is under way at once; who comes when it is spent is told so, and waits for nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from loaders.errors import Unavailable


class Budget:
    """Lets at most `most` through at a time. `refused` counts those who were turned away."""

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self.most = most
        self.under_way = 0
        self.refused = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a share for as long as this lasts; `Unavailable` if there is none."""
        if self.under_way >= self.most:
            self.refused += 1
            raise Unavailable(f"Too many {self._what} at once: ask again", retry_after_s=1.0)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
