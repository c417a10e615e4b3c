"""MP4 files: their boxes checked, the size of their picture, and what they tell about where they were made blanked.

A well-kept library that writes MP4 brings all of FFmpeg, a hundred megabytes that parse hostile input. What is asked
here is a walk over boxes: metadata become boxes named `free` of the same length, filled with zeros, so that no offset
moves.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

HEAD, LONG_HEAD = 8, 16
TOP = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"sidx", b"meta"}
INSIDE = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex"}
"""Boxes that hold boxes, as far as metadata may stand in them."""
BLANKED = {b"udta", b"meta", b"uuid", b"free", b"skip", b"wide"}
"""User data (the place, by Apple's and Android's cameras), its newer form, and what nobody has to read."""
DEPTH_MAX, BOXES_MAX = 6, 10_000
FIXED = 65_536
"""Sizes of tracks are numbers with 16 bits of fraction."""


class Broken(ValueError):
    """The file is cut off, holds more than its boxes, or is no MP4 that can be shown."""


class Box(NamedTuple):
    """A box: its kind, where it starts, where what it holds starts, and where it ends."""

    kind: bytes
    start: int
    inner: int
    end: int


def clean(content: bytearray) -> tuple[int, int]:
    """Blank metadata in place, and return the width and height of the first track that has a picture."""
    tops = [*_boxes(content, 0, len(content))]
    kinds = {box.kind for box in tops}
    if not tops or tops[0].kind != b"ftyp" or not {b"moov", b"mdat"} <= kinds or kinds - TOP:
        raise Broken
    size = (0, 0)
    for box in _all(content, tops):
        if box.kind in BLANKED:
            content[box.start + 4 : box.start + 8] = b"free"
            content[box.inner : box.end] = bytes(box.end - box.inner)
        elif box.kind == b"tkhd" and size == (0, 0):
            width, height = struct.unpack_from(">II", content, box.end - 8)
            size = (width // FIXED, height // FIXED)
    if 0 in size:
        raise Broken
    return size


def _all(content: bytearray, tops: list[Box]) -> Iterator[Box]:
    pending = [(box, 0) for box in reversed(tops)]
    seen = 0
    while pending:
        box, depth = pending.pop()
        seen += 1
        if seen > BOXES_MAX or depth > DEPTH_MAX:
            raise Broken
        yield box
        if box.kind in INSIDE:
            pending += [(each, depth + 1) for each in reversed([*_boxes(content, box.inner, box.end)])]


def _boxes(content: bytearray, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that fill a stretch, each of them whole and none of them beyond its end."""
    count = 0
    while start < end:
        count += 1
        if count > BOXES_MAX or end - start < HEAD:
            raise Broken
        length, kind, inner = int.from_bytes(content[start : start + 4]), bytes(content[start + 4 : start + 8]), HEAD
        if length == 1:
            length, inner = int.from_bytes(content[start + HEAD : start + LONG_HEAD]), LONG_HEAD
        if length < inner or start + length > end or (kind == b"tkhd" and length < HEAD + 8):
            raise Broken
        yield Box(kind, start, start + inner, start + length)
        start += length
