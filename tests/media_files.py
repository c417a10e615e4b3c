"""Pictures and films for tests, made here: plain ones, and ones that must be refused."""

import io
import struct
import zlib

from PIL import Image

PLACE = b"48.8584N 2.2945E"
SCRIPT = b"<script>alert(1)</script>"


def picture(kind: str = "JPEG", size: tuple[int, int] = (900, 600), **saved: object) -> bytes:
    """Return a picture with a gradient, so that a turned one is known."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    file = io.BytesIO()
    image.save(file, kind, **saved)
    return file.getvalue()


def photo_with_a_place() -> bytes:
    """Return a JPEG as a phone writes it: lying on its side, and saying where it was taken, and in a comment too."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = PLACE.decode()
    exif.get_ifd(0x8825)[1] = "N"
    return picture(exif=exif, comment=PLACE)


def moving(frames: int = 3) -> bytes:
    """Return a GIF with so many frames, of which none is like another, and a comment."""
    images = [Image.new("RGB", (40, 30), (80 * number % 256, 8 * number, 0)) for number in range(frames)]
    file = io.BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=120, loop=0, comment=PLACE)
    return file.getvalue()


def box(kind: bytes, content: bytes = b"") -> bytes:
    """Return a box of an MP4 file."""
    return struct.pack(">I", len(content) + 8) + kind + content


def film() -> bytes:
    """Return the frame of an MP4 of 640 by 360 pixels, which says where it was made."""
    header = box(b"tkhd", bytes(76) + struct.pack(">II", 640 << 16, 360 << 16))
    user = box(b"udta", box(b"\xa9xyz", PLACE))
    movie = box(b"moov", box(b"trak", header + user) + user)
    return box(b"ftyp", b"isom" + bytes(4) + b"isommp42") + movie + box(b"mdat", bytes(100))


def bomb(side: int = 20_000) -> bytes:
    """Return a PNG of some kilobytes that says it has side times side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    rows = zlib.compress(bytes(side * 100), 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
