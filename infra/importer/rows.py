"""What an import reads: rows that are good, and why a line is bad."""

import hashlib
import re
from enum import Enum
from typing import NamedTuple

import orjson

HANDLE_LENGTH_MAX = 15
HANDLE = re.compile(rf"[A-Za-z0-9_]{{1,{HANDLE_LENGTH_MAX}}}")
NUMBER_DIGITS_MAX = HANDLE_LENGTH_MAX - 1
"""A number n stands for the handle `u<n>`."""
EXCERPT_MAX = 100


class Reason(Enum):
    """Why a line is bad, in words for the summary."""

    LINE_TOO_LONG = "the line is too long"
    NOT_UTF8 = "not UTF-8"
    FILE_DAMAGED = "the file is damaged from here on"
    TOO_FEW_FIELDS = "fewer than two fields between tabs"
    HANDLE = "a handle has 1 to 15 letters, digits or underscores"
    SELF_FOLLOW = "nobody follows themselves"
    NOT_JSON = "not a JSON object"
    AUTHOR_MISSING = "no author"
    TEXT_MISSING = "no text"
    TEXT_EMPTY = "the text is empty"
    TEXT_TOO_LONG = "the text is over 4,000 characters long"
    TEXT_INVALID = "a null byte, a lone surrogate, or too many combining marks in a row"
    TIME_INVALID = "createdAt is neither ISO-8601 nor Unix seconds"
    TIME_TOO_EARLY = "createdAt lies before 1970"
    TIME_IN_FUTURE = "createdAt lies in the future"
    TIME_CROWDED = "too many tweets of the same millisecond"
    ID_INVALID = "an id is neither a whole number nor a text of up to 200 characters"
    UNKNOWN_PARENT = "it answers or retweets what is not there"


class Bad(NamedTuple):
    """A bad line; the excerpt shows where to look."""

    reason: Reason
    excerpt: str


class FollowRow(NamedTuple):
    """Who follows whom, by handles."""

    follower: str
    followee: str


class TweetRow(NamedTuple):
    """A tweet, or a retweet. `parent` is the source's id of what it answers or retweets; `text` is in NFC.

    `key` is the digest by which the row is known again.
    """

    key: str
    author: str
    text: str
    created_at_ms: int
    parent: str | None = None
    is_retweet: bool = False
    lang: str | None = None


def key_of_id(source_id: str) -> str:
    """Return the key of a row with an id of its source's own."""
    return _digest("id", source_id)


def key_of_content(author: str, created_at_ms: int, text: str) -> str:
    """Return the key of a row without an id: the same author, time and text are the same tweet."""
    return _digest("row", author.lower(), created_at_ms, text)


def key_of_retweet(author: str, parent: str) -> str:
    """Return the key of a retweet without an id: an account retweets a tweet once."""
    return _digest("retweet", author.lower(), parent)


def handle_of_number(number: int) -> str | None:
    """Return the handle that a number stands for; None if it is too long for one, or negative."""
    return f"u{number}" if 0 <= number < 10**NUMBER_DIGITS_MAX else None


def excerpt(raw: bytes | str) -> str:
    """Return the beginning of a line so that any terminal may show it."""
    text = raw[: 4 * EXCERPT_MAX].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown if len(shown) <= EXCERPT_MAX else shown[:EXCERPT_MAX] + "..."


def _digest(*parts: str | int) -> str:
    return hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
