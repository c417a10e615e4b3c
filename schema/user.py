"""User, and the connections of users."""

from datetime import datetime

import strawberry

from loaders.records import User as UserRecord
from resolvers import timelines, users
from schema.node import Node, PageInfo, takes
from schema.tweet import TweetConnection


@strawberry.type
class UserEdge:
    """An account in a list."""

    cursor: str
    node: "User"


@strawberry.type(description="A list of accounts, newest follow first.")
class UserConnection:
    """A page of accounts."""

    edges: list[UserEdge]
    page_info: PageInfo


@strawberry.type(description="An account.")
class User(Node):
    """Whoever tweets or reads."""

    handle: str
    display_name: str
    bio: str
    avatar_url: str | None
    created_at: datetime
    profile_version: int = strawberry.field(description="Grows by one with every change of the profile.")
    followers_count = strawberry.field(resolver=users.followers_count, graphql_type=int)
    following_count = strawberry.field(resolver=users.following_count, graphql_type=int)
    tweets_count = strawberry.field(
        resolver=users.tweets_count, graphql_type=int, description="Tweets, replies and quotes, without retweets."
    )
    viewer_is_following = strawberry.field(resolver=users.viewer_is_following, graphql_type=bool)
    follows_viewer = strawberry.field(resolver=users.follows_viewer, graphql_type=bool)
    viewer_has_muted = strawberry.field(resolver=users.viewer_has_muted, graphql_type=bool)
    viewer_has_blocked = strawberry.field(resolver=users.viewer_has_blocked, graphql_type=bool)
    tweets = strawberry.field(
        resolver=timelines.by_author, graphql_type=TweetConnection, description="Without retweets, newest first."
    )
    followers = strawberry.field(resolver=users.followers, graphql_type=UserConnection)
    following = strawberry.field(resolver=users.following, graphql_type=UserConnection)

    is_type_of = takes(UserRecord)
