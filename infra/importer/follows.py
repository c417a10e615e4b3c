"""Reads one line of a follows file: `follower <tab> followee`, each a handle or a number, and whatever follows them."""

import re

from infra.importer.rows import HANDLE_LENGTH_MAX, NUMBER_DIGITS_MAX, Bad, FollowRow, Reason, excerpt

HEADER_WORDS = (
    {"follower", "source", "src", "from", "user", "fromnode", "fromnodeid"},
    {"followee", "followed", "target", "dst", "to", "friend", "tonode", "tonodeid"},
)
_NUMBERS = re.compile(rb"0*(\d{1,%d})\t0*(\d{1,%d})(?:\t[\x00-\x7f]*)?" % (NUMBER_DIGITS_MAX, NUMBER_DIGITS_MAX))
_PAIR = re.compile(rb" *([A-Za-z0-9_]+) *\t *([A-Za-z0-9_]+) *(?:\t.*)?", re.DOTALL)


def parse_follow(number: int, line: bytes) -> FollowRow | Bad | None:
    """Return a row; None for a first line that names the columns."""
    # The usual line of a large file is told by one look.
    if (numbers := _NUMBERS.fullmatch(line)) is not None:
        follower_number, followee_number = numbers.groups()
        if follower_number != followee_number:
            return FollowRow(f"u{follower_number.decode()}", f"u{followee_number.decode()}")
    if number == 1 and _is_header(line):
        return None
    match = _PAIR.fullmatch(line)
    if not line.isascii() and not _is_utf8(line):
        return Bad(Reason.NOT_UTF8, excerpt(line))
    if match is None:
        return Bad(Reason.HANDLE if b"\t" in line else Reason.TOO_FEW_FIELDS, excerpt(line))
    follower, followee = _handle(match[1]), _handle(match[2])
    if follower is None or followee is None:
        return Bad(Reason.HANDLE, excerpt(line))
    if follower.lower() == followee.lower():
        return Bad(Reason.SELF_FOLLOW, excerpt(line))
    return FollowRow(follower, followee)


def _is_header(line: bytes) -> bool:
    names = [field.strip(" #").lower() for field in line.decode("utf-8", "replace").split("\t")[:2]]
    return len(names) == 2 and all(
        name in words or name.removesuffix("id").rstrip("_") in words
        for name, words in zip(names, HEADER_WORDS, strict=True)
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _handle(field: bytes) -> str | None:
    if field.isdigit():
        number = field.lstrip(b"0") or b"0"
        return f"u{number.decode()}" if len(number) <= NUMBER_DIGITS_MAX else None
    return field.decode() if len(field) <= HANDLE_LENGTH_MAX else None
