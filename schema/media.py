"""Media, and what uploading them answers."""

from datetime import datetime

import strawberry

from loaders.media import MediaKind, Rendition, ShownMedium
from resolvers.media import Header
from schema.node import Node, UserError, takes

strawberry.enum(MediaKind, description="What a medium is: a still picture, a moving one, or a film.")


@strawberry.type(description="A picture in a smaller size, as WebP: for `srcset`.")
class MediaRendition:
    """A smaller form of a picture."""

    url: str = strawberry.field(description="Where it is; what is there never changes.")
    width: int = strawberry.field(description="Pixels.")
    height: int = strawberry.field(description="Pixels.")

    is_type_of = takes(Rendition)


@strawberry.type(description="A picture or a film that belongs to a tweet.")
class Media(Node):
    """An uploaded medium."""

    kind: MediaKind = strawberry.field(description="IMAGE for JPEG, PNG and WebP, GIF for GIF, VIDEO for MP4.")
    url: str = strawberry.field(description="Where it is in full size; what is there never changes.")
    width: int | None = strawberry.field(description="Pixels, as it is shown.")
    height: int | None = strawberry.field(description="Pixels, as it is shown.")
    alt_text: str | None = strawberry.field(description="What it shows, for those who do not see it.")
    renditions: list[MediaRendition] = strawberry.field(
        description="A picture's smaller sizes, the smallest first; none of GIFs and films, nor of small pictures."
    )

    is_type_of = takes(ShownMedium)


@strawberry.type(description="A header that the PUT must bring.")
class UploadHeader:
    """Name and value."""

    name: str = strawberry.field(description="In lower case.")
    value: str = strawberry.field(description="Exactly this.")

    is_type_of = takes(Header)


@strawberry.type
class CreateMediaUploadPayload:
    """Where to put the bytes."""

    media_id: strawberry.ID | None = strawberry.field(description="For completeMediaUpload, and then for tweets.")
    upload_url: str | None = strawberry.field(
        description="Takes exactly the bytes announced, until expiresAt. Relative, unless the server knows its address."
    )
    method: str | None = strawberry.field(description="The HTTP method.")
    headers: list[UploadHeader] = strawberry.field(description="Headers to send beside content-length.")
    expires_at: datetime | None = strawberry.field(description="Until when the bytes must be there, and completed.")
    user_errors: list[UserError]


@strawberry.type
class CompleteMediaUploadPayload:
    """The medium as it is shown from now on."""

    media: Media | None = strawberry.field(description="Checked, without metadata; a tweet or a profile may take it.")
    user_errors: list[UserError]
