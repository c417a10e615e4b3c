"""Time-ordered 64-bit ids, after Twitter's Snowflake (2010): 42 bits of Unix milliseconds, one bit that marks an
imported id, then 9 bits of worker and 11 of sequence, or 20 bits of the imported row's hash.
"""

import threading
from collections.abc import Callable

from loaders.errors import Unavailable

TIME_SHIFT = 21
IMPORTED_BIT = 1 << 20
IMPORT_HASH_BITS = 20
SEQUENCE_BITS = 11
WORKER_MAX = (1 << 9) - 1
ID_MAX = (1 << 63) - 1
MILLISECONDS_MAX = (1 << 42) - 1


class IdGenerator:
    """Hands out ids that grow strictly within one worker and never collide across workers.

    `newest` is the greatest id given before, by whatever process: no id is given twice over a restart either. A clock
    that steps back by up to `backwards_ms_max` is waited out by counting on from the last time seen; one that steps
    back further raises `Unavailable`, since ids made then would sort under tweets already shown.
    """

    def __init__(
        self, clock_ms: Callable[[], int], worker: int = 0, backwards_ms_max: int = 5_000, newest: int = 0
    ) -> None:
        if not 0 <= worker <= WORKER_MAX:
            raise ValueError(f"worker must be between 0 and {WORKER_MAX}, not {worker}")
        self._clock_ms = clock_ms
        self._worker_bits = worker << SEQUENCE_BITS
        self._backwards_ms_max = backwards_ms_max
        # The millisecond of the newest id counts as full.
        self._last_ms = milliseconds_of(newest)
        self._sequence = (1 << SEQUENCE_BITS) - 1
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Return the next id."""
        with self._lock:
            now_ms = self._clock_ms()
            if now_ms > self._last_ms:
                self._last_ms = now_ms
                self._sequence = 0
            elif self._last_ms - now_ms > self._backwards_ms_max:
                raise Unavailable("The clock runs behind the ids already given", retry_after_s=1.0)
            else:
                self._sequence += 1
                if self._sequence >> SEQUENCE_BITS:
                    # A full millisecond borrows from the next one: order holds, and nobody waits.
                    self._last_ms += 1
                    self._sequence = 0
            return (self._last_ms << TIME_SHIFT) | self._worker_bits | self._sequence


def milliseconds_of(identifier: int) -> int:
    """Return the Unix time in milliseconds at which an id was made, or which its imported row named."""
    return identifier >> TIME_SHIFT


def imported_id(created_at_ms: int, row_hash: int) -> int:
    """Return the first candidate for an imported row's id: its time, then bits of its hash."""
    return (created_at_ms << TIME_SHIFT) | IMPORTED_BIT | (row_hash & ((1 << IMPORT_HASH_BITS) - 1))


def next_imported_id(identifier: int) -> int:
    """Return the next candidate within the same millisecond, for a row whose candidate another row holds."""
    low = (identifier + 1) & ((1 << IMPORT_HASH_BITS) - 1)
    return (identifier >> IMPORT_HASH_BITS << IMPORT_HASH_BITS) | low
