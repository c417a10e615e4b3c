"""Execution with a short way for plain fields: what is an attribute of a record needs no resolver, path or info.

An object whose selected fields are all plain, at every level, is read straight into its answer, and so is a plain field
of another object. Where something is not plain (a resolver, arguments, an awaitable, a null where none may be, an
error, a value of another class), graphql-core answers in its own way, so that answers and errors are its own.

An operation with one root field, as nearly all have, is executed here from its variables to its result: what
graphql-core would find out of the document each time is kept (`schema.operations`, `schema.plans`).
"""

from contextlib import suppress
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
)
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.operations import Operations
from schema.plans import Plan, RootField, plan_of


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation; what it finds out of the document is kept for the next time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_bare = self.middleware_manager is None or not self.middleware_manager.middlewares
        self._plan: Plan | None = plan_of(self) if is_bare else None
        if self._plan is not None:
            self._relevant_sub_fields = self._plan.subfields

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Answer the operation's result, or an awaitable of it."""
        if self._plan is not None and self._plan.only is not None:
            return self._execute_only(self._plan.only)
        return super().execute_operation(serially)

    async def _execute_only(self, field: RootField) -> Any:
        """Execute the operation's only root field, as the steps of graphql-core together would."""
        definition = field.definition
        path = Path(None, field.name, field.parent.name)
        data: dict[str, Any] | None = {field.name: None}
        try:
            try:
                info = self.build_resolve_info(definition, field.nodes, field.parent, path)
                value = await field.resolve(self.root_value, info, **field.arguments.of(self.variable_values))
                data = {field.name: await self._completed(field, info, path, value)}
            except Exception as error:
                self.handle_field_error(error, definition.type, field.details, path)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            data = None
        return self.build_response(data)

    async def _completed(self, field: RootField, info: Any, path: Path, value: Any) -> Any:
        if field.read is not None and value is not None:
            with suppress(Exception):
                return field.read(value)
        completed = self.complete_value(field.definition.type, field.details, info, path, value, None)
        return await completed if self.is_awaitable(completed) else completed

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: Any,
        serially: bool,
        new_defer_usages: Any,
    ) -> Any:
        """Execute the root fields, as the first execution of the operation has collected them."""
        if self._plan is not None:
            if new_defer_usages:
                self._plan, self._relevant_sub_fields = None, {}
            else:
                if self._plan.root is None:
                    self._plan.begin(self, root_type, grouped_field_set)
                # What is known of a field set is found by its identity.
                grouped_field_set = self._plan.root
        return super().execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def execute_fields(
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, position_context: Any
    ) -> Any:
        """Answer the fields of one object, or an awaitable of them."""
        if self._plan is not None:
            reading = self._plan.reading(self, parent_type, grouped_field_set)
            if reading is not None:
                # Whatever goes wrong, graphql-core meets it again, and says it in its own words and at its place.
                with suppress(Exception):
                    return reading.read(source_value)
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)

    def execute_field(
        self, parent_type: Any, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        """Answer one field, or an awaitable of it."""
        if self._plan is not None:
            read = self._plan.plain_fields.get(id(field_details_list))
            if read is not None:
                with suppress(Exception):
                    return read(source)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)


def begun(
    schema: GraphQLSchema,
    operations: Operations,
    document: DocumentNode,
    name: str | None,
    variables: dict[str, Any],
    context: Any,
    root_value: Any,
) -> PlainExecutor | list[GraphQLError]:
    """Return what executes an operation of a valid document, or the errors that its variables' values have."""
    is_awaitable: Any = optimized_is_awaitable
    operation = operations.of(document, name)
    values = None if operation is None else operation.values(variables)
    if operation is None or values is None:
        executor: Any = PlainExecutor.build(
            schema, document, root_value, context, variables, name, is_awaitable=is_awaitable
        )
        return executor  # type: ignore[no-any-return]
    return PlainExecutor(
        schema,
        operation.fragment_definitions,
        operation.fragments,
        root_value,
        context,
        operation.definition,
        values,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        is_awaitable=is_awaitable,
    )
