"""The schema: roots, types that only interfaces name, and the check that every document passes first."""

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.executor import PlainExecutor
from schema.limits import CachedDocuments, Limits
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.tweet import Tweet
from schema.user import User


class Schema(strawberry.Schema):
    """A schema that leaves it to the transports to code, mask and log errors, once each."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


def create_schema(limits: Limits, documents_max: int) -> strawberry.Schema:
    """Make the schema; it remembers at most so many checked documents."""
    return Schema(
        Query,
        Mutation,
        Subscription,
        types=[Tweet, User],
        extensions=[CachedDocuments(limits, documents_max)],
        execution_context_class=PlainExecutor,
        config=StrawberryConfig(disable_field_suggestions=True),
    )
