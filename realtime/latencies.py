"""How long things took, counted in buckets that whoever measures reads: cheap enough for every frame."""

from typing import Final

BUCKETS: Final = 17
"""Bounds of 1 ms, 2 ms, 4 ms and so on up to 65.536 s; what took longer is counted behind the last of them."""


class Latencies:
    """Counts times in milliseconds: `counts[n]` are those under 2**n and in no bucket before, `sum_ms` is all of it.

    A time below 0, which two clocks may come to, counts as 0.
    """

    __slots__ = ("counts", "sum_ms")

    def __init__(self) -> None:
        self.counts = [0] * (BUCKETS + 1)
        self.sum_ms = 0

    def add(self, took_ms: int, times: int = 1) -> None:
        """Count something that took so long, so many times."""
        took_ms = max(0, took_ms)
        self.counts[min(took_ms.bit_length(), BUCKETS)] += times
        self.sum_ms += took_ms * times
