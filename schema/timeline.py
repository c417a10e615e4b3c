"""The home timeline, its count, its proof and its explanation."""

import strawberry

from schema.enums import Delivery, Reason
from schema.node import PageInfo
from schema.tweet import Tweet
from schema.user import User


@strawberry.type(description="An entry of the home timeline: a tweet, or a retweet of one.")
class HomeTimelineEdge:
    """An entry."""

    cursor: str = strawberry.field(description="Stands for this entry's place, and stays valid for ever.")
    delivery: Delivery
    node: Tweet
    retweeted_by: User | None = strawberry.field(description="Who retweeted it, where the entry is a retweet.")


@strawberry.type(description="A home timeline, newest first by id.")
class HomeTimelineConnection:
    """A page of a home timeline."""

    edges: list[HomeTimelineEdge]
    page_info: PageInfo
    live_cursor: str = strawberry.field(
        description="The place in the log that this page reflects: hand it to homeTimelineUpdates(after:)."
    )
    complete: bool = strawberry.field(
        description="False when the search for visible entries stopped early: go on from endCursor."
    )


@strawberry.type(description="How many entries stand above a cursor.")
class NewCount:
    """A count with a cap."""

    count: int
    capped: bool = strawberry.field(description="Whether there are more than counted.")


@strawberry.type(description="An entry that an audit found; the id is that of the tweet it shows.")
class AuditEntry:
    """A finding."""

    id: strawberry.ID
    cursor: str


@strawberry.type(description="A timeline as served, held against what the stores and the log say that it must hold.")
class HomeTimelineAudit:
    """The proof."""

    checked: int
    missing: list[AuditEntry]
    unexpected: list[AuditEntry]
    duplicates: list[AuditEntry]


@strawberry.type(description="Why a tweet is, or is not, in the home timeline.")
class TimelineExplanation:
    """An explanation."""

    present: bool
    reason: Reason
    delivery: Delivery
    fan_out_lag_ms: int | None = strawberry.field(
        description="From the log to every follower's list, in milliseconds; null where it is no longer known."
    )
