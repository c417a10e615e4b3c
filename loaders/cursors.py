"""Cursors of pages and of live streams: opaque texts, each checked when it comes back."""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from loaders.errors import BadUserInput
from loaders.places import Place, advanced
from loaders.records import TweetId

VERSION = 1
TEXT_LENGTH_MAX = 3_000
REMEMBERED = 20_000
LIVE_IDS_MAX = 100
PARTITIONS_MAX = 64
ALL_PARTITIONS_MAX = PARTITIONS_MAX + 256
"""Those of likes included."""
ENTRY, EDGE, LIVE, NOTICE, NOTICES = b"e", b"f", b"l", b"n", b"m"
FOUND, FOUND_USER, RANKED = b"s", b"u", b"r"


@dataclass(frozen=True, slots=True)
class LiveCursor:
    """A place in the log that a page or an event reflects (rules L3, L4).

    `seen` counts the updates of the next offset in the partition `seen_in` that the client already has; `beyond` holds
    the ids that it already has although their own places come later. `epoch` names the log, `region` its home: a cursor
    of another is a Reset.
    """

    epoch: int
    place: Place
    region: int = 0
    seen: int = 0
    beyond: frozenset[TweetId] = frozenset()
    seen_in: int = 0

    def at(self, place: Place, beyond: frozenset[TweetId]) -> "LiveCursor":
        """Return the cursor moved on to a place of the same log."""
        if not self.seen or place[self.seen_in] != self.place[self.seen_in]:
            return LiveCursor(self.epoch, place, self.region, 0, beyond)
        return LiveCursor(self.epoch, place, self.region, self.seen, beyond, self.seen_in)

    def amid(self, partition: int, offset: int, seen: int, beyond: frozenset[TweetId]) -> "LiveCursor":
        """Return the cursor of a client that was told of some of what one offset yields."""
        place = advanced(self.place, partition, offset - 1)
        return LiveCursor(self.epoch, place, self.region, seen, beyond, partition)


@lru_cache(maxsize=REMEMBERED)
def encode_cursor(identifier: int, kind: bytes = ENTRY) -> str:
    """Return the keyset cursor "from this id on", valid forever."""
    return _sealed(kind + identifier.to_bytes(8, "big"))


def decode_cursor(text: str, kind: bytes = ENTRY) -> int:
    """Return the id that a cursor stands for; `BadUserInput` if it is malformed or of another kind."""
    body = _opened(text, kind)
    if len(body) != 8 or body[0] > 0x7F:
        raise BadUserInput("Malformed cursor")
    return int.from_bytes(body, "big")


@lru_cache(maxsize=4_096)
def encode_live(cursor: LiveCursor) -> str:
    """Return a live cursor's text: about 20 characters for one partition, 430 for 64."""
    body = bytearray(LIVE)
    beyond = sorted(cursor.beyond)[-LIVE_IDS_MAX:]
    seen = cursor.seen * PARTITIONS_MAX + cursor.seen_in
    for number in (cursor.epoch, cursor.region, seen, len(cursor.place), *cursor.place, len(beyond), *beyond):
        _put_varint(body, number)
    return _sealed(bytes(body))


def decode_live(text: str) -> LiveCursor:
    """Return the place that a live cursor stands for; `BadUserInput` if it is malformed."""
    numbers = _varints(_opened(text, LIVE))
    try:
        epoch, region, seen, partitions = (next(numbers) for _ in range(4))
        if not 0 < partitions <= PARTITIONS_MAX or seen % PARTITIONS_MAX >= partitions:
            raise BadUserInput("Malformed cursor")
        place = tuple(next(numbers) for _ in range(partitions))
        beyond = frozenset(TweetId(next(numbers)) for _ in range(next(numbers)))
    except (StopIteration, RuntimeError):
        raise BadUserInput("Malformed cursor") from None
    if next(numbers, None) is not None:
        raise BadUserInput("Malformed cursor")
    return LiveCursor(epoch, place, region, seen // PARTITIONS_MAX, beyond, seen % PARTITIONS_MAX)


@lru_cache(maxsize=REMEMBERED)
def encode_notices(epoch: int, place: Place) -> str:
    """Return the cursor of a stream of notifications, whose place counts the partitions of likes as well."""
    return encode_numbers(NOTICES, (epoch, *place))


def encode_numbers(kind: bytes, numbers: Sequence[int]) -> str:
    """Return the cursor of a place that several numbers make, 0 or more each and fewer than 2^63."""
    body = bytearray(kind)
    for number in numbers:
        _put_varint(body, number)
    return _sealed(bytes(body))


def decode_notices(text: str) -> tuple[int, Place]:
    """Return the epoch and the place of such a cursor, or of a page's live cursor, which lacks those of likes.

    `BadUserInput` if it is malformed.
    """
    try:
        live = decode_live(text)
    except BadUserInput:
        epoch, *place = list(_varints(_opened(text, NOTICES))) or [0]
        if not 0 < len(place) <= ALL_PARTITIONS_MAX:
            raise BadUserInput("Malformed cursor") from None
        return epoch, tuple(place)
    return live.epoch, live.place


def decode_numbers(text: str, kind: bytes) -> list[int]:
    """Return the numbers that a cursor stands for; `BadUserInput` if it is malformed or of another kind."""
    numbers = list(_varints(_opened(text, kind)))
    if any(number >> 63 for number in numbers):
        raise BadUserInput("Malformed cursor")
    return numbers


def _sealed(body: bytes) -> str:
    # The checksum is no secret: it tells a cursor that was cut or typed over from one that was handed out.
    check = struct.pack(">H", zlib.crc32(body) & 0xFFFF)
    return base64.urlsafe_b64encode(bytes([VERSION]) + body + check).rstrip(b"=").decode()


def _opened(text: str, kind: bytes) -> bytes:
    if len(text) > TEXT_LENGTH_MAX or not text.isascii():
        raise BadUserInput("Malformed cursor")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadUserInput("Malformed cursor") from None
    body = raw[1:-2]
    if len(raw) < 4 or raw[0] != VERSION or _sealed(body) != text:
        raise BadUserInput("Malformed cursor")
    if body[:1] != kind:
        raise BadUserInput("This cursor belongs to another list")
    return body[1:]


def _put_varint(body: bytearray, number: int) -> None:
    while number > 0x7F:
        body.append(number & 0x7F | 0x80)
        number >>= 7
    body.append(number)


def _varints(body: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in body:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
        elif shift > 63:
            raise BadUserInput("Malformed cursor")
    if shift:
        raise BadUserInput("Malformed cursor")
