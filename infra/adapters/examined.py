"""What `roost doctor` is told of a server, whichever it is."""

from typing import NamedTuple


class Examined(NamedTuple):
    """What was looked at, whether it is as it should be, and what to do where it is not."""

    name: str
    ok: bool
    advice: str = ""


def examined(name: str, ok: bool, advice: str) -> Examined:
    """Return what was looked at, with the advice only where it is needed."""
    return Examined(name, ok, "" if ok else advice)
