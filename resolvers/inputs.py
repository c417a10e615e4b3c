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
    avatar_media_id: strawberry.ID | None = None
    expected_version: int | None = strawberry.field(
        default=None, description="Change nothing if the profile's version is another."
    )


@strawberry.input
class PostTweetInput:
    """A new tweet, reply or quote."""

    text: str
    in_reply_to_id: strawberry.ID | None = None
    quoted_tweet_id: strawberry.ID | None = None
    media_ids: list[strawberry.ID] | None = None
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same key answers the same tweet for 24 hours, however often it is sent."
    )


_NAMED_INPUT = strawberry.argument(name="input")
SignUp = Annotated[SignUpInput, _NAMED_INPUT]
LogIn = Annotated[LogInInput, _NAMED_INPUT]
UpdateProfile = Annotated[UpdateProfileInput, _NAMED_INPUT]
PostTweet = Annotated[PostTweetInput, _NAMED_INPUT]
