"""Tweet, its entities, and the connections of tweets."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from loaders.records import TweetView
from resolvers import timelines, tweets
from schema.media import Media
from schema.node import Node, PageInfo, takes

if TYPE_CHECKING:
    from schema.user import User

LazyUser = Annotated["User", strawberry.lazy("schema.user")]
LazyTweet = Annotated["Tweet", strawberry.lazy("schema.tweet")]


@strawberry.type(description="A hashtag in a text; places count Unicode code points, the end is exclusive.")
class HashtagEntity:
    """A hashtag's place."""

    text: str = strawberry.field(description="Without the #.")
    start: int
    end: int


@strawberry.type(description="A mention in a text; places count Unicode code points, the end is exclusive.")
class MentionEntity:
    """A mention's place."""

    handle: str = strawberry.field(description="Without the @.")
    start: int
    end: int
    user = strawberry.field(
        resolver=tweets.mentioned,
        graphql_type=LazyUser | None,
        description="The account of that name, if there is one.",
    )


@strawberry.type(description="A URL in a text; places count Unicode code points, the end is exclusive.")
class UrlEntity:
    """A URL's place."""

    url: str
    start: int
    end: int


@strawberry.type(description="What a text holds, by twitter-text's rules.")
class Entities:
    """Hashtags, mentions and URLs."""

    hashtags: list[HashtagEntity]
    mentions: list[MentionEntity]
    urls: list[UrlEntity]


@strawberry.type(description="A tweet, as the viewer may see it.")
class Tweet(Node):
    """A tweet, reply or quote."""

    text: str
    created_at: datetime
    lang: str | None = strawberry.field(description="The language, where an import named it.")
    author: LazyUser | None
    like_count: int
    retweet_count: int
    reply_count: int
    quote_count: int
    viewer_has_liked: bool
    viewer_has_retweeted: bool
    media: list[Media] = strawberry.field(description="At most four, in the order in which they were attached.")
    entities = strawberry.field(resolver=tweets.entities, graphql_type=Entities)
    in_reply_to = strawberry.field(
        resolver=tweets.in_reply_to,
        graphql_type=LazyTweet | None,
        description="The tweet that this one answers; null also where inReplyToIsGone.",
    )
    in_reply_to_is_gone = strawberry.field(
        resolver=tweets.in_reply_to_is_gone,
        graphql_type=bool,
        description="Whether it answers a tweet that is deleted, or behind a block.",
    )
    quoted_tweet = strawberry.field(
        resolver=tweets.quoted, graphql_type=LazyTweet | None, description="The tweet that this one quotes."
    )
    replies = strawberry.field(
        resolver=timelines.replies,
        graphql_type=Annotated["TweetConnection", strawberry.lazy("schema.tweet")],
        description="Direct replies as the conversation went, oldest first.",
    )

    is_type_of = takes(TweetView)


@strawberry.type
class TweetEdge:
    """A tweet in a list."""

    cursor: str
    node: Tweet


@strawberry.type(description="A list of tweets, newest first; replies are oldest first.")
class TweetConnection:
    """A page of tweets."""

    edges: list[TweetEdge]
    page_info: PageInfo


@strawberry.type(description="A hashtag; its name ignores case.")
class Hashtag:
    """A hashtag as a list of tweets."""

    name: str
    tweets = strawberry.field(resolver=timelines.of_hashtag, graphql_type=TweetConnection)
