"""The schema: roots, types that only interfaces name, and the check that every document passes first."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.limits import CachedDocuments, Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.tweet import Tweet
from schema.user import User


def create_schema(limits: Limits, documents_max: int) -> strawberry.Schema:
    """Make the schema; it remembers at most so many checked documents."""
    return strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        types=[Tweet, User],
        extensions=[CachedDocuments(limits, documents_max)],
        config=StrawberryConfig(disable_field_suggestions=True),
    )
