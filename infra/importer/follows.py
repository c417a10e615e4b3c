"""Reads one line of a follows file: `follower <tab> followee`, each a handle or a number, and whatever follows them."""

from infra.importer.rows import HANDLE, NUMBER_DIGITS_MAX, Bad, FollowRow, Reason, excerpt, handle_of_number

HEADER_WORDS = (
    {"follower", "source", "src", "from", "user", "fromnode", "fromnodeid"},
    {"followee", "followed", "target", "dst", "to", "friend", "tonode", "tonodeid"},
)


def parse_follow(number: int, line: bytes) -> FollowRow | Bad | None:
    """Return a row; None for a first line that names the columns."""
    if not line.isascii():
        try:
            line.decode()
        except UnicodeDecodeError:
            return Bad(Reason.NOT_UTF8, excerpt(line))
    fields = line.split(b"\t", 2)
    if len(fields) < 2:
        return Bad(Reason.TOO_FEW_FIELDS, excerpt(line))
    if number == 1 and all(_names_column(field, words) for field, words in zip(fields, HEADER_WORDS, strict=False)):
        return None
    follower, followee = _handle(fields[0]), _handle(fields[1])
    if follower is None or followee is None:
        return Bad(Reason.HANDLE, excerpt(line))
    if follower.lower() == followee.lower():
        return Bad(Reason.SELF_FOLLOW, excerpt(line))
    return FollowRow(follower, followee)


def _names_column(field: bytes, words: set[str]) -> bool:
    name = field.decode("utf-8", "replace").strip(" #").lower()
    return name in words or name.removesuffix("id").rstrip("_") in words


def _handle(field: bytes) -> str | None:
    if field.isdigit():
        number = field.lstrip(b"0") or b"0"
        return handle_of_number(int(number)) if len(number) <= NUMBER_DIGITS_MAX else None
    text = field.decode().strip()
    return text if HANDLE.fullmatch(text) else None
