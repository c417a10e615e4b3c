"""The schema: roots, types that only interfaces name, and the way of a request through check and execution."""

from collections.abc import Iterable, Sequence
from typing import Any

import strawberry
from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.utils.operation import get_operation_type

from schema.calls import shorten_calls
from schema.descriptions import describe
from schema.documents import CachedDocuments
from schema.executor import PlainExecutor, begun
from schema.limits import Limits
from schema.mutation import Mutation
from schema.operations import Operations
from schema.query import Query
from schema.subscription import Subscription
from schema.tweet import Tweet
from schema.user import User


class Schema(strawberry.Schema):
    """A schema that leaves it to the transports to code, mask and log errors, once each.

    Its one extension, the check of documents, is called by name: the machinery around extensions costs a request more
    than the check does.
    """

    def __init__(self, documents: CachedDocuments) -> None:
        super().__init__(
            Query,
            Mutation,
            Subscription,
            types=[Tweet, User],
            extensions=[documents],
            execution_context_class=PlainExecutor,
            config=StrawberryConfig(disable_field_suggestions=True),
        )
        describe(self._schema)
        self._documents = documents
        self._operations = Operations(self._schema)
        shorten_calls(self._schema, self.schema_converter)

    @property
    def limits(self) -> Limits:
        """What documents may ask for."""
        return self._documents.limits

    def trust(self, text: str) -> Sequence[GraphQLError]:
        """Keep a document checked for good; answer what is wrong with it, if it cannot run."""
        return self._documents.trust(self._schema, text)

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run one operation, as Strawberry does: `PreExecutionError` is the answer to what does not pass the check.

        Raises `MissingQueryError` where there is no document, `InvalidOperationTypeError` for what is not allowed.
        """
        if not query:
            raise MissingQueryError
        document, errors = self._documents.check(self._schema, query, operation_name, variable_values or {})
        if document is None or errors:
            return PreExecutionError(data=None, errors=list(errors))
        if allowed_operation_types is not None:
            kind = get_operation_type(document, operation_name)
            if kind not in allowed_operation_types:
                raise InvalidOperationTypeError(kind)
        try:
            executor = begun(
                self._schema,
                self._operations,
                document,
                operation_name,
                variable_values or {},
                context_value,
                root_value,
            )
            if isinstance(executor, list):
                return ExecutionResult(data=None, errors=executor)
            executor.operation_extensions = operation_extensions
            result: Any = executor.execute_operation()
            if not isinstance(result, CoreResult):
                result = await result
        except Exception as error:
            return PreExecutionError(data=None, errors=[_located(error)])
        return ExecutionResult(data=result.data, errors=result.errors)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here."""


def create_schema(limits: Limits, documents_max: int) -> Schema:
    """Make the schema; it remembers at most so many checked documents."""
    return Schema(CachedDocuments(limits, documents_max))


def _located(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
