"""Trend: a term that is talked about far more than is usual for it."""

from datetime import datetime

import strawberry

from loaders import trends
from schema.node import takes


@strawberry.type(description="A hashtag or a word that is talked about far more than is usual for it.")
class Trend:
    """A trend."""

    name: str = strawberry.field(description="A hashtag with its #, or a word, in lower case.")
    tweet_count: int = strawberry.field(
        description="Its tweets in the last hour of whole minutes, deleted ones left out."
    )
    score: float = strawberry.field(
        description="How far its distinct authors of that hour exceed what is usual for it; higher is stronger."
    )
    since: datetime = strawberry.field(description="The minute from which on it has been a trend without a break.")

    is_type_of = takes(trends.Trend)
