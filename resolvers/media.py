"""Media: asking for an upload, and finishing it. The bytes themselves never come this way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NamedTuple

import strawberry

from loaders.errors import UserError
from loaders.global_ids import encode_id
from loaders.media import ShownMedium, shown
from realtime.uploading import Asked
from resolvers.context import Info
from resolvers.guards import clean, media_id_of, signed_in
from resolvers.inputs import CreateMediaUpload

MediaIdArgument = Annotated[
    strawberry.ID, strawberry.argument(name="mediaId", description="What createMediaUpload answered.")
]


class Header(NamedTuple):
    """A header that the PUT must bring."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UploadPayload:
    """Where to put the bytes, and how."""

    media_id: str | None
    upload_url: str | None
    method: str | None
    headers: Sequence[Header]
    expires_at: datetime | None
    user_errors: list[UserError]


@dataclass(frozen=True, slots=True)
class MediaPayload:
    """The medium as it is shown from now on."""

    media: ShownMedium | None
    user_errors: list[UserError]


async def create_upload(info: Info, given: CreateMediaUpload) -> UploadPayload:
    """Answer where so many bytes of this type may be put."""
    alt_text = None if given.alt_text is None else clean(given.alt_text, "altText").strip() or None
    asked = Asked(given.content_type, given.byte_size, alt_text)
    begun = await info.context.services.uploading.begin(signed_in(info), asked)
    if isinstance(begun, UserError):
        return UploadPayload(None, None, None, [], None, [begun])
    upload, ticket = begun
    headers = [Header("content-type", upload.content_type)]
    return UploadPayload(encode_id("Media", upload.id), ticket.url, "PUT", headers, ticket.expires_at, [])


async def complete_upload(info: Info, media_id: MediaIdArgument) -> MediaPayload:
    """Check what was put there, and make it fit to be shown."""
    services = info.context.services
    medium = await services.uploading.complete(signed_in(info), media_id_of(media_id))
    if isinstance(medium, UserError):
        return MediaPayload(None, [medium])
    return MediaPayload(shown(medium, services.loader_stores.url_of), [])
