"""What mutations answer."""

from datetime import datetime

import strawberry

from schema.node import UserError
from schema.tweet import Tweet
from schema.user import User


@strawberry.type
class SessionPayload:
    """A session."""

    token: str | None
    viewer: User | None
    user_errors: list[UserError]


@strawberry.type
class RenewTokenPayload:
    """A new token."""

    token: str | None
    expires_at: datetime | None
    user_errors: list[UserError]


@strawberry.type
class UpdateProfilePayload:
    """The profile as it stands now."""

    viewer: User | None
    user_errors: list[UserError]


@strawberry.type
class TweetPayload:
    """The tweet as it stands now."""

    tweet: Tweet | None
    user_errors: list[UserError]


@strawberry.type
class DeleteTweetPayload:
    """The id of the tweet that is gone."""

    deleted_tweet_id: strawberry.ID | None
    user_errors: list[UserError]


@strawberry.type
class UserPayload:
    """The account as it stands now."""

    user: User | None
    user_errors: list[UserError]
