"""Reads one line of a tweets file: a JSON object with author, text, createdAt, and perhaps id, inReplyTo, retweetOf,
lang. A retweet needs no text, and is no reply: where both are named, `retweetOf` wins.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import regex

from infra.importer.rows import (
    HANDLE,
    NUMBER_DIGITS_MAX,
    Bad,
    Reason,
    TweetRow,
    excerpt,
    handle_of_number,
    key_of_content,
    key_of_id,
    key_of_retweet,
)
from loaders.text import COMBINING_MARKS_MAX, TEXT_LENGTH_MAX, is_unicode_clean

ID_LENGTH_MAX = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LANG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
UNIX_SECONDS = re.compile(r"-?\d{9,11}(\.\d+)?")
"""Shorter digits are left to ISO-8601, whose basic form of a date has eight."""

_TOO_MANY_MARKS = regex.compile(rf"\p{{M}}{{{COMBINING_MARKS_MAX + 1}}}")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


class _Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def tweet_parser(clock_ms: Callable[[], int]) -> Callable[[int, bytes], TweetRow | Bad | None]:
    """Return what reads a line; times after the clock's are bad."""

    def parse(_number: int, line: bytes) -> TweetRow | Bad:
        try:
            return _row(_object(line), clock_ms())
        except _Refused as refused:
            return Bad(refused.reason, excerpt(line))

    return parse


def kept_text(text: str) -> str | Reason:
    """Return a text as it is kept, in NFC; or why it cannot be."""
    if len(text) > TEXT_LENGTH_MAX:
        return Reason.TEXT_TOO_LONG
    if not text.strip():
        return Reason.TEXT_EMPTY
    # Marks are counted before normalising, which sorts each row of them in quadratic time.
    if not is_unicode_clean(text) or (not text.isascii() and _TOO_MANY_MARKS.search(text)):
        return Reason.TEXT_INVALID
    normal = unicodedata.normalize("NFC", text)
    return normal if len(normal) <= TEXT_LENGTH_MAX else Reason.TEXT_TOO_LONG


def _object(line: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _Refused(_what_is_wrong(line)) from error
    if not isinstance(content, dict):
        raise _Refused(Reason.NOT_JSON)
    return content


def _what_is_wrong(line: bytes) -> Reason:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    if _HALF_PAIR.search(line) is None:
        return Reason.NOT_JSON
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return Reason.NOT_JSON
    return Reason.TEXT_INVALID


def _row(content: dict[str, Any], now_ms: int) -> TweetRow:
    author = _author(content.get("author"))
    created_at_ms = _time_ms(content.get("createdAt"), now_ms)
    source_id, answered, retweeted = (_source_id(content.get(name)) for name in ("id", "inReplyTo", "retweetOf"))
    lang = content.get("lang")
    if not (isinstance(lang, str) and LANG.fullmatch(lang)):
        lang = None
    if retweeted is not None:
        key = key_of_retweet(author, retweeted) if source_id is None else key_of_id(source_id)
        return TweetRow(key, author, "", created_at_ms, retweeted, is_retweet=True)
    text = content.get("text")
    if not isinstance(text, str):
        raise _Refused(Reason.TEXT_MISSING)
    kept = kept_text(text)
    if isinstance(kept, Reason):
        raise _Refused(kept)
    key = key_of_content(author, created_at_ms, kept) if source_id is None else key_of_id(source_id)
    return TweetRow(key, author, kept, created_at_ms, answered, lang=lang)


def _author(value: object) -> str:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        digits = value.lstrip("0") or "0"
        value = int(digits) if len(digits) <= NUMBER_DIGITS_MAX else -1
    if value is None:
        raise _Refused(Reason.AUTHOR_MISSING)
    if type(value) is int:
        value = handle_of_number(value)
    if not isinstance(value, str) or HANDLE.fullmatch(value) is None:
        raise _Refused(Reason.HANDLE)
    return value


def _time_ms(value: object, now_ms: int) -> int:
    if isinstance(value, str) and UNIX_SECONDS.fullmatch(value):
        value = float(value)
    if isinstance(value, str):
        created_at_ms = _iso_ms(value)
    elif type(value) is int or (type(value) is float and math.isfinite(value * 1000)):
        created_at_ms = round(value * 1000)
    else:
        raise _Refused(Reason.TIME_INVALID)
    if created_at_ms < 0:
        raise _Refused(Reason.TIME_TOO_EARLY)
    if created_at_ms > now_ms:
        raise _Refused(Reason.TIME_IN_FUTURE)
    return created_at_ms


def _iso_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise _Refused(Reason.TIME_INVALID) from error
    # Without a zone it is taken as UTC, the only reading that is the same on every machine.
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH) // MILLISECOND


def _source_id(value: object) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or len(value) > ID_LENGTH_MAX or not is_unicode_clean(value):
        raise _Refused(Reason.ID_INVALID)
    return value
