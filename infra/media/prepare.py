"""Run as a process of its own: checks one upload and makes the files to show of it. Prints one JSON object.

`python -m infra.media.prepare TYPE FOLDER PIXELS MEMORY SECONDS` reads `arrived` in the folder and writes beside it.
Its memory and its time are bounded by the system, so that what a decoder may do with hostile input ends with it.
"""

import json
import resource
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from infra.media.ends import Cut, end_of, type_of
from infra.media.mp4 import Broken, clean
from loaders.media import AVATAR_FILE, AVATAR_SIDE, MEDIA_TYPES, rendition_sizes

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
SAVED: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 88, "progressive": True},
    "PNG": {"optimize": False},
    "WEBP": {"quality": 88},
}
RENDITION_QUALITY = 80
FRAMES_MAX = 500
MOVING_PIXELS = 4
"""A GIF's frames together have at most so many times the pixels of a still picture."""
FILE_BYTES_MAX = 200_000_000


class Flaw(Exception):
    """What is wrong with the content: a code, and a sentence."""


MISTYPED = Flaw("MEDIUM_MISTYPED", "The bytes are not of the type that was announced")
CUT = Flaw("MEDIUM_TRUNCATED", "The file is damaged, or ends before its end")
MORE = Flaw("MEDIUM_POLYGLOT", "Behind the end of the picture comes something else: save it anew")
TOO_LARGE = Flaw("MEDIUM_TOO_LARGE", "The picture has too many pixels")


def prepare(content_type: str, folder: Path, pixels_max: int) -> tuple[int, int]:
    """Write what is to be shown beside `arrived`, and return width and height. Raises `Flaw`."""
    content = (folder / "arrived").read_bytes()
    if type_of(content) != content_type:
        raise MISTYPED
    full = folder / f"full.{MEDIA_TYPES[content_type].ending}"
    if content_type == "video/mp4":
        film = bytearray(content)
        try:
            size = clean(film)
        except Broken:
            raise CUT from None
        full.write_bytes(film)
        return size
    try:
        rest = content[end_of(content_type, content) :]
    except Cut:
        raise CUT from None
    # Phones put a second, smaller JPEG behind the first, and some writers pad with zeros; neither is kept.
    if rest.strip(b"\0") and not (content_type == "image/jpeg" and rest.startswith(b"\xff\xd8\xff")):
        raise MORE
    Image.MAX_IMAGE_PIXELS = pixels_max
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(folder / "arrived", formats=[FORMATS[content_type]]) as picture:
            return _moving(picture, full, pixels_max) if content_type == "image/gif" else _still(picture, folder, full)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise TOO_LARGE from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        raise CUT from None


def _still(picture: Image.Image, folder: Path, full: Path) -> tuple[int, int]:
    kind = picture.format or ""
    picture.load()
    plain = _plain(picture, keeps_alpha=kind != "JPEG")
    plain.save(full, kind, **SAVED[kind])
    for size in rendition_sizes(*plain.size):
        plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0).save(
            folder / f"{size[0]}.webp", "WEBP", quality=RENDITION_QUALITY
        )
    avatar = ImageOps.fit(plain, (AVATAR_SIDE, AVATAR_SIDE), Image.Resampling.LANCZOS)
    avatar.save(folder / AVATAR_FILE, "WEBP", quality=RENDITION_QUALITY)
    return plain.size


def _plain(picture: Image.Image, keeps_alpha: bool) -> Image.Image:
    """Return nothing but pixels: turned as the camera says, in sRGB, without metadata."""
    profile = picture.info.get("icc_profile")
    turned = ImageOps.exif_transpose(picture)
    has_alpha = keeps_alpha and (turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info)
    if profile and turned.mode in {"RGB", "CMYK"} and not has_alpha:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            moved = ImageCms.profileToProfile(turned, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            turned = moved or turned
        except ImageCms.PyCMSError:
            pass  # a broken profile changes how colours look, not whether the picture can be shown
    plain = turned.convert("RGBA" if has_alpha else "RGB")
    plain.info = {}
    return plain


def _moving(picture: Image.Image, full: Path, pixels_max: int) -> tuple[int, int]:
    frames = getattr(picture, "n_frames", 1)
    if frames > FRAMES_MAX or frames * picture.width * picture.height > MOVING_PIXELS * pixels_max:
        raise TOO_LARGE
    loop: dict[str, Any] = {"loop": picture.info["loop"]} if "loop" in picture.info else {}
    picture.save(full, "GIF", save_all=True, comment=b"", **loop)
    return picture.size


def main() -> None:
    """Bound this process, prepare, and say how it went."""
    content_type, folder, pixels, memory, seconds = sys.argv[1:]
    for what, most in (
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_FSIZE, FILE_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    try:
        width, height = prepare(content_type, Path(folder), int(pixels))
    except Flaw as flaw:
        code, message = flaw.args
        said = {"code": code, "message": message}
    else:
        said = {"width": width, "height": height}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
