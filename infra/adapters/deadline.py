"""Until when somebody waits for what is being done: it travels down from the request to every call made for it."""

from contextvars import ContextVar
from math import inf

UNTIL_S: ContextVar[float] = ContextVar("until_s", default=inf)
"""By the event loop's clock. Tasks inherit it; what nobody waits for has none."""


def bound(now_s: float, own_s: float) -> tuple[float, bool]:
    """Return when a call ends at the latest that began now and may take `own_s` seconds, and whether that is its own.

    Else whoever asked has no more time, and it is not the server that is late.
    """
    own_at_s, until_s = now_s + own_s, UNTIL_S.get()
    return (own_at_s, True) if own_at_s <= until_s else (until_s, False)
