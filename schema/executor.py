"""Execution with a short way for plain fields: what is an attribute of a record needs no resolver, path or info.

Whatever is not plain (a resolver, arguments, an awaitable, a null where none may be, an error, a value of another
class) takes graphql-core's own way from the start, so that answers and errors are its own. Compiled queries will take
this module's place.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
)
from graphql.pyutils import Path, Undefined, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)
NOT_PLAIN: Any = object()
"""Says that a value does not go the short way."""


class Way(NamedTuple):
    """How a field of the schema is got and completed; without an attribute it goes the long way.

    A value of the class `exact` is complete as it is; `leaf` completes others of a leaf type.
    """

    attribute: str = ""
    exact: type | None = None
    leaf: Callable[[Any], Any] | None = None
    object_type: Any = None
    item_type: Any = None
    is_nullable: bool = False


class PlainField(NamedTuple):
    """One field of a selection, and its way."""

    name: str
    details: Any
    definition: GraphQLField | None
    way: Way


EXACT: dict[Any, type] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
LONG_WAY = Way()
WAY = "roost.way"


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes plain fields the short way, for one operation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: dict[int, tuple[Any, list[PlainField]]] = {}
        self._selections: dict[tuple[Any, int], tuple[Any, Any]] = {}

    def execute_fields(
        self, parent_type: Any, source_value: Any, path: Any, grouped_field_set: Any, position_context: Any
    ) -> Any:
        """Answer the fields of one object, or an awaitable of them."""
        known = self._plans.get(id(grouped_field_set))
        plan = self._plan(parent_type, grouped_field_set) if known is None else known[1]
        results: dict[str, Any] = {}
        waiting: list[str] = []
        try:
            for field in plan:
                name, _, _, (attribute, exact, leaf, _, _, is_nullable) = field
                result = NOT_PLAIN
                if attribute:
                    value = getattr(source_value, attribute, NOT_PLAIN)
                    if value.__class__ is exact or (value is None and is_nullable):
                        results[name] = value
                        continue
                    if leaf is not None:
                        result = leaf(value)
                    elif value is not None and value is not NOT_PLAIN:
                        result = self._complete(field, value, Path(path, name, parent_type.name))
                if result is NOT_PLAIN:
                    place = Path(path, name, parent_type.name)
                    result = self.execute_field(parent_type, source_value, field.details, place, position_context)
                if result is not Undefined:
                    results[name] = result
                    if self.is_awaitable(result):
                        waiting.append(name)
        except Exception:
            self.settle_in_background([results[name] for name in waiting])
            raise
        return self._awaited(results, waiting) if waiting else results

    def _plan(self, parent_type: GraphQLObjectType, grouped_field_set: Any) -> list[PlainField]:
        is_bare = self.middleware_manager is None or not self.middleware_manager.middlewares
        plan = []
        for name, details in grouped_field_set.items():
            definition = self.schema.get_field(parent_type, details[0].node.name.value)
            way = _way(definition) if is_bare and definition is not None else LONG_WAY
            plan.append(PlainField(name, details, definition, way))
        # The field set is kept with its plan: its identity must not be given to another one meanwhile.
        self._plans[id(grouped_field_set)] = (grouped_field_set, plan)
        return plan

    def _object(self, of_type: Any, details: Any, value: Any, path: Path) -> Any:
        """Execute a selection on one object; what it selects of a type is found out once an operation."""
        known = self._selections.get((of_type, id(details)))
        if known is None:
            grouped_field_set, deferred, _ = self.collect_subfields(of_type, details)
            if deferred:
                return self.collect_and_execute_subfields(of_type, details, path, value, None)
            known = self._selections[of_type, id(details)] = (details, grouped_field_set)
        return self.execute_fields(of_type, value, path, known[1], None)

    def _complete(self, field: PlainField, value: Any, path: Path) -> Any:
        if field.way.item_type is not None:
            return self._list(field, value, path)
        if not _is_of(field.way.object_type, value):
            return NOT_PLAIN
        assert field.definition is not None
        try:
            result = self._object(field.way.object_type, field.details, value, path)
        except Exception as error:
            self.handle_field_error(error, field.definition.type, field.details, path)
            return None
        if result.__class__ is dict:
            return result
        return self._guarded(result, field.definition.type, field.details, path)

    def _list(self, field: PlainField, values: Any, path: Path) -> Any:
        if values.__class__ not in {list, tuple} or not all(_is_of(field.way.object_type, value) for value in values):
            return NOT_PLAIN
        assert field.definition is not None
        results: list[Any] = []
        waiting: list[int] = []
        try:
            for place, value in enumerate(values):
                item_path = Path(path, place, None)
                try:
                    result = self._object(field.way.object_type, field.details, value, item_path)
                except Exception as error:
                    self.handle_field_error(error, field.way.item_type, field.details, item_path)
                    result = None
                if result.__class__ is not dict and result is not None:
                    result = self._guarded(result, field.way.item_type, field.details, item_path)
                    waiting.append(place)
                results.append(result)
        except Exception as error:
            self.settle_in_background([results[place] for place in waiting])
            self.handle_field_error(error, field.definition.type, field.details, path)
            return None
        if not waiting:
            return results
        return self._guarded(self._awaited(results, waiting), field.definition.type, field.details, path)

    async def _guarded(self, result: Awaitable[Any], of_type: Any, details: Any, path: Path) -> Any:
        try:
            return await result
        except Exception as error:
            self.handle_field_error(error, of_type, details, path)
            return None

    async def _awaited(self, results: Any, waiting: Sequence[Any]) -> Any:
        if len(waiting) == 1:
            results[waiting[0]] = await results[waiting[0]]
        else:
            awaited = await gather_with_cancel(*(results[each] for each in waiting))
            for each, value in zip(waiting, awaited, strict=True):
                results[each] = value
        return results


def _way(definition: GraphQLField) -> Way:
    """Return a field's way, found out once and kept with its definition."""
    known: Way | None = definition.extensions.get(WAY)
    if known is None:
        known = definition.extensions[WAY] = _found_way(definition)
    return known


def _found_way(definition: GraphQLField) -> Way:
    """Tell how a field goes; one with a resolver or arguments, or of an abstract type, goes the long way."""
    field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if definition.args or not isinstance(field, StrawberryField):
        return LONG_WAY
    if not field.is_basic_field or field.default_resolver is not getattr:
        return LONG_WAY
    kind: Any = definition.type
    is_nullable = not isinstance(kind, GraphQLNonNull)
    kind = kind if is_nullable else kind.of_type
    item_type = None
    if isinstance(kind, GraphQLList):
        item_type = kind.of_type
        kind = item_type.of_type if isinstance(item_type, GraphQLNonNull) else item_type
    if isinstance(kind, GraphQLObjectType):
        return Way(field.python_name, object_type=kind, item_type=item_type, is_nullable=is_nullable)
    if item_type is not None or not isinstance(kind, GraphQLScalarType | GraphQLEnumType):
        return LONG_WAY
    exact = EXACT.get(kind)
    leaf = _int if kind is GraphQLInt else _coerced(kind.coerce_output_value)
    return Way(field.python_name, exact, None if exact else leaf, is_nullable=is_nullable)


def _int(value: Any) -> Any:
    return value if value.__class__ is int and INT_MIN <= value <= INT_MAX else NOT_PLAIN


def _coerced(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def complete(value: Any) -> Any:
        if value is None or value is NOT_PLAIN:
            return NOT_PLAIN
        try:
            result = coerce(value)
        except Exception:
            return NOT_PLAIN
        return NOT_PLAIN if result is None or result is Undefined else result

    return complete


def _is_of(kind: GraphQLObjectType | None, value: Any) -> bool:
    """Tell whether a value is of an object type, as far as the type has an opinion; exceptions are errors."""
    if value is None or kind is None or isinstance(value, Exception):
        return False
    return kind.is_type_of is None or kind.is_type_of(value, None) is True  # type: ignore[arg-type]
