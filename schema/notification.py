"""Notification, and the connection of notifications."""

from datetime import datetime

import strawberry

from resolvers.notifications import NotificationView
from schema.enums import NotificationKind
from schema.node import Node, PageInfo, UserError, takes
from schema.tweet import Tweet
from schema.user import User


@strawberry.type(description="What somebody did that concerns the viewer, who alone can read it.")
class Notification(Node):
    """A notification."""

    kind: NotificationKind
    created_at: datetime = strawberry.field(description="When it was done; of likes shown together, the last one.")
    actor: User | None = strawberry.field(description="Who did it; of likes shown together, who did so last.")
    tweet: Tweet | None = strawberry.field(
        description="The tweet that mentions, replies or quotes, or that was liked or retweeted; null of a follow."
    )
    actors_count: int = strawberry.field(
        description="How many it stands for: more than one where the likes of a tweet beyond the first few are shown"
        " together. Of very many likes the first are counted here, and all in tweet.likeCount."
    )
    is_read: bool = strawberry.field(description="Whether it lies at or below what was marked read.")

    is_type_of = takes(NotificationView)


@strawberry.type
class NotificationEdge:
    """A notification in the list."""

    cursor: str = strawberry.field(description="Hand it to markNotificationsRead(upTo:), or go on from it.")
    node: Notification


@strawberry.type(description="The viewer's notifications, newest first.")
class NotificationConnection:
    """A page of notifications."""

    edges: list[NotificationEdge]
    page_info: PageInfo
    unread_count: int = strawberry.field(description="How many in the whole list are newer than what was marked read.")
    live_cursor: str = strawberry.field(
        description="The place in the log that this page reflects: hand it to notificationAdded(after:)."
    )


@strawberry.type
class MarkNotificationsReadPayload:
    """What is left unread."""

    unread_count: int
    user_errors: list[UserError]


@strawberry.type(description="A notification that came, or one of likes shown together that grew by one.")
class NotificationAdded:
    """A notification more."""

    live_cursor: str = strawberry.field(description="Go on from here after a reconnect.")
    notification: Notification | None = strawberry.field(description="Null only beside a reset.")
    reset: str | None = strawberry.field(
        description="Why the place asked for is out of reach: fetch notifications afresh, and go on from liveCursor."
    )
