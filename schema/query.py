"""Query: what can be read."""

import strawberry

from resolvers import notifications, proof, search, timelines, trends, tweets, users
from schema.node import Node
from schema.notification import NotificationConnection
from schema.search import SearchConnection
from schema.timeline import HomeTimelineAudit, HomeTimelineConnection, NewCount, TimelineExplanation
from schema.trend import Trend
from schema.tweet import Hashtag, Tweet
from schema.user import User


@strawberry.type
class Query:
    """The queries."""

    viewer = strawberry.field(resolver=users.viewer, graphql_type=User | None, description="The account logged in.")
    home_timeline = strawberry.field(
        resolver=timelines.home,
        graphql_type=HomeTimelineConnection,
        description="Tweets and retweets of the viewer and of those whom the viewer follows, newest first."
        " Give first and after, or last and before; 20 if neither first nor last is given.",
    )
    home_timeline_new_count = strawberry.field(
        resolver=timelines.new_count, graphql_type=NewCount, description="How many entries came above an edge's cursor."
    )
    home_timeline_audit = strawberry.field(
        resolver=proof.audit,
        graphql_type=HomeTimelineAudit,
        description="Is everything that belongs in the newest entries of the viewer's timeline there, exactly once?",
    )
    explain_timeline = strawberry.field(
        resolver=proof.explained,
        graphql_type=TimelineExplanation | None,
        description="Why a tweet is, or is not, in the viewer's timeline.",
    )
    notifications = strawberry.field(
        resolver=notifications.page,
        graphql_type=NotificationConnection,
        description="Who mentioned, answered, quoted, liked, retweeted or followed the viewer, newest first.",
    )
    user = strawberry.field(resolver=users.by_handle, graphql_type=User | None)
    tweet = strawberry.field(resolver=tweets.by_id, graphql_type=Tweet | None)
    hashtag = strawberry.field(
        resolver=timelines.hashtag, graphql_type=Hashtag, description="A hashtag, named without the #."
    )
    search = strawberry.field(
        resolver=search.search,
        graphql_type=SearchConnection,
        description="Tweets by words, phrases in quotation marks, #hashtags, @mentions, from:handle, lang:code,"
        " has:media, since:date, until:date, OR, parentheses, and - before what to leave out; or accounts by the"
        " beginnings of handle and name.",
    )
    trends = strawberry.field(
        resolver=trends.trends,
        graphql_type=list[Trend],
        description="Hashtags and words that burst in the last hour, the strongest first. They move once a minute.",
    )
    node = strawberry.field(resolver=tweets.node, graphql_type=Node | None)
