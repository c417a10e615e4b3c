"""The names that files of media may have, whatever store they are in."""

import re

_NAME = re.compile(r"(media|looks)(/[0-9A-Za-z][0-9A-Za-z.-]*)*/?")


def checked(name: str) -> str:
    """Return the name. Raises `ValueError` if no file of a medium, and no folder of them, is called that."""
    if "/" not in name or _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a medium's file")
    return name
