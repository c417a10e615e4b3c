"""Media: what is kept of an uploaded picture or film, its form in a tweet's event, and how it is shown.

A tweet carries its media in itself, through the log and in its row: whoever has a tweet's body has its media, and asks
no store for them. A tweet without media carries nothing.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple, NewType

import orjson

from loaders.global_ids import encode_id
from loaders.records import UserId

MediaId = NewType("MediaId", int)
MEDIA_PER_TWEET_MAX = 4
RENDITION_WIDTHS = (320, 680, 1200)
"""Widths in pixels, in which pictures that are wider are kept as well."""
AVATAR_SIDE = 400
AVATAR_FILE = "avatar.webp"


class MediaKind(Enum):
    """What a medium is."""

    IMAGE = "image"
    GIF = "gif"
    VIDEO = "video"


class MediaType(NamedTuple):
    """A type that may be uploaded: its kind, and the ending of the file that is kept of it."""

    kind: MediaKind
    ending: str


MEDIA_TYPES = {
    "image/jpeg": MediaType(MediaKind.IMAGE, "jpg"),
    "image/png": MediaType(MediaKind.IMAGE, "png"),
    "image/webp": MediaType(MediaKind.IMAGE, "webp"),
    "image/gif": MediaType(MediaKind.GIF, "gif"),
    "video/mp4": MediaType(MediaKind.VIDEO, "mp4"),
}
CONTENT_TYPES = {each.ending: name for name, each in MEDIA_TYPES.items()}


class Upload(NamedTuple):
    """What was asked to be uploaded: by whom, of which content type, of how many bytes, and until when."""

    id: MediaId
    owner_id: UserId
    content_type: str
    byte_size: int
    alt_text: str | None
    expires_at_ms: int


class Medium(NamedTuple):
    """A medium whose content was checked. Width and height are pixels, as it is shown."""

    id: MediaId
    ending: str
    width: int | None
    height: int | None
    alt_text: str | None

    @property
    def kind(self) -> MediaKind:
        """What it is."""
        return MEDIA_TYPES[CONTENT_TYPES[self.ending]].kind


class Rendition(NamedTuple):
    """A smaller form of a picture, in WebP."""

    url: str
    width: int
    height: int


class ShownMedium(NamedTuple):
    """A medium as clients see it: all of it plain attributes."""

    id: MediaId
    kind: MediaKind
    url: str
    width: int | None
    height: int | None
    alt_text: str | None
    renditions: Sequence[Rendition]

    @property
    def global_id(self) -> str:
        """The medium's id for clients."""
        return encode_id("Media", self.id)


class UploadTicket(NamedTuple):
    """Where the bytes go, and until when."""

    url: str
    expires_at_ms: int

    @property
    def expires_at(self) -> datetime:
        """When the URL stops to hold, in UTC."""
        return datetime.fromtimestamp(self.expires_at_ms / 1000, UTC)


def packed(media: Sequence[Medium]) -> str | None:
    """Return media as an event and a row carry them; None for none."""
    return orjson.dumps([tuple(each) for each in media]).decode() if media else None


def unpacked(text: str) -> list[Medium]:
    """Return the media that `packed` has written."""
    return [Medium(*each) for each in orjson.loads(text)]


def rendition_sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return the smaller sizes in which a picture of this size is kept, the smallest first."""
    return [(each, max(1, round(height * each / width))) for each in RENDITION_WIDTHS if each < width]


def shown(medium: Medium, url_of: Callable[[str], str]) -> ShownMedium:
    """Return a medium as clients see it; `url_of` makes the URL of a file's name."""
    folder, renditions = f"media/{medium.id}", []
    if medium.kind is MediaKind.IMAGE and medium.width and medium.height:
        sizes = rendition_sizes(medium.width, medium.height)
        renditions = [Rendition(url_of(f"{folder}/{width}.webp"), width, height) for width, height in sizes]
    return ShownMedium(
        medium.id,
        medium.kind,
        url_of(f"{folder}/full.{medium.ending}"),
        medium.width,
        medium.height,
        medium.alt_text,
        renditions,
    )
