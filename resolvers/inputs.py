"""What mutations take."""

from typing import Annotated

import strawberry


@strawberry.input
class SignUpInput:
    """A new account."""

    handle: str
    display_name: str
    password: str


@strawberry.input
class LogInInput:
    """Who one is."""

    handle: str
    password: str


@strawberry.input
class UpdateProfileInput:
    """What to change; what is left out stays."""

    display_name: str | None = None
    bio: str | None = None
    avatar_media_id: strawberry.ID | None = strawberry.field(
        default=None, description="An uploaded picture of one's own, which no tweet has."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Change nothing if the profile's version is another."
    )


@strawberry.input
class PostTweetInput:
    """A new tweet, reply or quote."""

    text: str
    in_reply_to_id: strawberry.ID | None = None
    quoted_tweet_id: strawberry.ID | None = None
    media_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Up to four completed media of one's own; the text may be empty then."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same key answers the same tweet for 24 hours, however often it is sent."
    )


@strawberry.input
class CreateMediaUploadInput:
    """What will be uploaded."""

    content_type: str = strawberry.field(
        description="image/jpeg, image/png, image/webp, image/gif or video/mp4; the bytes must be of it."
    )
    byte_size: int = strawberry.field(description="Exactly how many bytes will be sent.")
    alt_text: str | None = strawberry.field(
        default=None, description="What it shows, for those who do not see it; at most 1,000 characters."
    )


_NAMED_INPUT = strawberry.argument(name="input")
SignUp = Annotated[SignUpInput, _NAMED_INPUT]
LogIn = Annotated[LogInInput, _NAMED_INPUT]
UpdateProfile = Annotated[UpdateProfileInput, _NAMED_INPUT]
PostTweet = Annotated[PostTweetInput, _NAMED_INPUT]
CreateMediaUpload = Annotated[CreateMediaUploadInput, _NAMED_INPUT]
