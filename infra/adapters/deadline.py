"""Until when somebody waits for what is being done: it travels down from the request to every call made for it."""

from contextvars import ContextVar
from math import inf
from typing import NamedTuple

NONE = inf
UNTIL_S: ContextVar[float] = ContextVar("until_s", default=NONE)
"""By the event loop's clock. Tasks inherit it; what nobody waits for has none."""


class Bound(NamedTuple):
    """When a call ends at the latest, and whether that is by its own limit: else its lateness is not its server's."""

    at_s: float
    is_own: bool


def bound(now_s: float, own_s: float) -> Bound:
    """Return when a call ends that began now and may take `own_s` seconds by itself."""
    own_at_s, until_s = now_s + own_s, UNTIL_S.get()
    return Bound(own_at_s, is_own=True) if own_at_s <= until_s else Bound(until_s, is_own=False)
