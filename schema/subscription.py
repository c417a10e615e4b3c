"""Subscription: what can be followed live."""

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry

from realtime import updates
from resolvers import live, notifications, trends
from schema.enums import Delivery
from schema.node import takes
from schema.notification import NotificationAdded
from schema.trend import Trend
from schema.tweet import Tweet
from schema.user import User


@strawberry.type(description="An entry came into the timeline, at the place of its cursor.")
class TimelineTweetAdded:
    """An entry more."""

    live_cursor: str = strawberry.field(description="Go on from here after a reconnect.")
    cursor: str = strawberry.field(description="The edge's, as in a page.")
    delivery: Delivery
    replayed: bool = strawberry.field(description="Whether it happened before the stream began.")
    tweet = strawberry.field(resolver=live.added_tweet, graphql_type=Tweet | None)
    retweeted_by = strawberry.field(resolver=live.retweeted_by, graphql_type=User | None)

    is_type_of = takes(updates.TweetAdded)


@strawberry.type(description="The entry at this cursor went.")
class TimelineTweetRemoved:
    """An entry less."""

    live_cursor: str
    cursor: str = strawberry.field(description="The edge's, as in a page.")
    tweet_id: strawberry.ID = strawberry.field(description="The original's, also where the entry was a retweet.")

    is_type_of = takes(updates.TweetRemoved)


@strawberry.type(description="The change cannot be told: fetch the timeline afresh, and go on from here.")
class TimelineReset:
    """Everything anew."""

    live_cursor: str
    reason: str

    is_type_of = takes(updates.TimelineReset)


HomeTimelineUpdate = Annotated[
    TimelineTweetAdded | TimelineTweetRemoved | TimelineReset, strawberry.union("HomeTimelineUpdate")
]


@strawberry.type
class Subscription:
    """The subscriptions."""

    home_timeline_updates = strawberry.subscription(
        resolver=live.home,
        graphql_type=AsyncGenerator[HomeTimelineUpdate, None],
        description="The home timeline live. With after, everything since that place comes first: nothing is lost,"
        " nothing comes twice.",
    )
    user_tweets_updates = strawberry.subscription(resolver=live.of_author, graphql_type=AsyncGenerator[Tweet, None])
    hashtag_updates = strawberry.subscription(resolver=live.of_hashtag, graphql_type=AsyncGenerator[Tweet, None])
    tweet_counts_updates = strawberry.subscription(
        resolver=live.counts,
        graphql_type=AsyncGenerator[Tweet, None],
        description="A tweet's counts whenever they change, at most once a second.",
    )
    notification_added = strawberry.subscription(
        resolver=notifications.added,
        graphql_type=AsyncGenerator[NotificationAdded, None],
        description="Notifications live. With after, everything since that place comes first: nothing is lost, nothing"
        " comes twice.",
    )
    trends_updated = strawberry.subscription(
        resolver=trends.updated,
        graphql_type=AsyncGenerator[list[Trend], None],
        description="The trends as they are, then anew whenever a minute has changed them.",
    )
