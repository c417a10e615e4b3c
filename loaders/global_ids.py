"""Global ids, as Relay asks: opaque texts that name a node of the whole schema, checked when they come back."""

import base64
import binascii
from functools import lru_cache

from loaders.errors import BadUserInput
from loaders.ids import ID_MAX

TEXT_LENGTH_MAX = 100
REMEMBERED = 20_000


@lru_cache(maxsize=REMEMBERED)
def encode_id(kind: str, identifier: int) -> str:
    """Return the global id of a node: Relay's `ID`, opaque to clients."""
    return base64.b64encode(b"%s:%d" % (kind.encode(), identifier)).decode()


def decode_id(text: str, *kinds: str) -> tuple[str, int]:
    """Return a global id's kind and number; `BadUserInput` if it is malformed or of none of the kinds."""
    try:
        kind, _, digits = base64.b64decode(text[:TEXT_LENGTH_MAX], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError, ValueError):
        raise BadUserInput("Malformed ID") from None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19 and int(digits) <= ID_MAX):
        raise BadUserInput("Malformed ID")
    if kinds and kind not in kinds:
        raise BadUserInput(f"This ID is not that of a {' or a '.join(kinds)}")
    if encode_id(kind, int(digits)) != text:
        raise BadUserInput("Malformed ID")
    return kind, int(digits)
