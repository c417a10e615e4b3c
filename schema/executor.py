"""Execution with a short way for plain fields: what is an attribute of a record needs no resolver, path or info.

An object whose selected fields are all plain, at every level, is read straight into its answer, and so is a plain field
of another object. Where something is not plain (a resolver, arguments, an awaitable, a null where none may be, an
error, a value of another class), graphql-core answers in its own way, so that answers and errors are its own. Compiled
queries will take this module's place.
"""

from contextlib import suppress
from typing import Any

from graphql import GraphQLObjectType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.plans import Plan, plan_of


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation; what it finds out of the document is kept for the next time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_bare = self.middleware_manager is None or not self.middleware_manager.middlewares
        self._plan: Plan | None = plan_of(self) if is_bare else None
        if self._plan is not None:
            self._relevant_sub_fields = self._plan.subfields

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
                # What is known of a field set is found by its identity.
                grouped_field_set = self._plan.root = self._plan.root or grouped_field_set
        return super().execute_collected_root_fields(
            root_type, root_value, grouped_field_set, serially, new_defer_usages
        )

    def execute_fields(
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, position_context: Any
    ) -> Any:
        """Answer the fields of one object, or an awaitable of them."""
        if self._plan is not None:
            read = self._plan.reading(self, parent_type, grouped_field_set)
            if read is not None:
                # Whatever goes wrong, graphql-core meets it again, and says it in its own words and at its place.
                with suppress(Exception):
                    return read(source_value)
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
