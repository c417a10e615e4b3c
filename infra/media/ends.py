"""Where a picture ends: what comes after its end is no part of it, and a second file within it would hide there.

Only the frames of the formats are walked, not what is in them; Pillow reads that. Each function returns the place
behind the last byte of the picture that begins a file, and raises `Cut` where the file ends before the picture does.
"""

from collections.abc import Callable
from typing import Final

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"GIF87a", b"GIF89a")
RIFF_HEAD, PNG_FRAME = 8, 12
SOS, EOI = 0xDA, 0xD9
BARE = {0x01, *range(0xD0, 0xD8)}
"""JPEG's markers without a length."""
GIF_HEAD, GIF_IMAGE_HEAD = 13, 10
GIF_IMAGE, GIF_EXTENSION, GIF_END = 0x2C, 0x21, 0x3B
MP4_BRANDS_AT = 4


class Cut(ValueError):
    """The file ends in the middle, or is no such picture."""


def type_of(content: bytes) -> str | None:
    """Return the content type that the first bytes say, whatever a client says; None for anything else."""
    if content.startswith(JPEG):
        return "image/jpeg"
    if content.startswith(PNG):
        return "image/png"
    if content.startswith(GIF):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[MP4_BRANDS_AT : MP4_BRANDS_AT + 4] == b"ftyp":
        return "video/mp4"
    return None


def end_of(content_type: str, content: bytes) -> int:
    """Return where the picture of this type ends that begins the content."""
    try:
        end = _ENDS[content_type](content)
    except IndexError:
        raise Cut from None
    if end > len(content):
        raise Cut
    return end


def _png(content: bytes) -> int:
    place = len(PNG)
    while True:
        length, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        if len(kind) < 4:
            raise Cut
        place += length + PNG_FRAME
        if kind == b"IEND":
            return place


def _webp(content: bytes) -> int:
    length = int.from_bytes(content[4:8], "little")
    return RIFF_HEAD + length + length % 2


def _jpeg(content: bytes) -> int:
    place = 2
    while True:
        if content[place] != 0xFF:
            raise Cut
        marker = content[place + 1]
        if marker == 0xFF:
            place += 1
        elif marker == EOI:
            return place + 2
        elif marker in BARE:
            place += 2
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4])
            if marker == SOS:
                place = _scanned(content, place)


def _scanned(content: bytes, place: int) -> int:
    """Return where the scan's data end: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        place = content.find(b"\xff", place)
        if place < 0:
            raise Cut
        if content[place + 1] != 0 and content[place + 1] not in BARE:
            return place
        place += 2


def _gif(content: bytes) -> int:
    place = GIF_HEAD + _palette(content[10])
    while True:
        kind = content[place]
        if kind == GIF_END:
            return place + 1
        if kind == GIF_IMAGE:
            place += GIF_IMAGE_HEAD + _palette(content[place + 9]) + 1
        elif kind == GIF_EXTENSION:
            place += 2
        else:
            raise Cut
        while content[place]:
            place += 1 + content[place]
        place += 1


def _palette(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_ENDS: Final[dict[str, Callable[[bytes], int]]] = {
    "image/png": _png,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
}
