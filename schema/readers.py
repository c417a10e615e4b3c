"""Readers of plain fields: a field is plain if it is an attribute of its record, and so is all that it selects.

A reader makes the answer of a value, or raises whatever it meets: then graphql-core has to answer.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
)
from graphql.pyutils import Undefined
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)
EXACT: Final[dict[Any, type]] = {GraphQLString: str, GraphQLID: str, GraphQLBoolean: bool}
"""Types of which the values of one class are their own answers."""
TYPENAME: Final = "__typename"

Reader = Callable[[Any], Any]


class NotPlain(Exception):
    """A value does not go the short way."""


class Attribute(NamedTuple):
    """A plain field: where its value is, and what completes it unless it is of the class `exact`, or None."""

    name: str
    python_name: str
    exact: type | None
    is_nullable: bool
    complete: Reader


def attribute_of(
    schema: GraphQLSchema,
    parent: GraphQLObjectType,
    name: str,
    field_name: str,
    read_selected: Callable[[GraphQLObjectType], Reader | None],
) -> Attribute | None:
    """Return a field of an object type as a plain one, or None if it is not.

    `name` is the field's in the answer. `read_selected` returns the reader of what is selected of the field's own
    objects.
    """
    if field_name == TYPENAME:
        return Attribute(name, "__class__", None, False, lambda _: parent.name)
    definition = schema.get_field(parent, field_name)
    field = None if definition is None else definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if definition is None or definition.args or not isinstance(field, StrawberryField):
        return None
    if not field.is_basic_field or field.default_resolver is not getattr:
        return None
    kind, is_nullable = _nullable(definition.type)
    item_kind, has_holes = _nullable(kind.of_type) if isinstance(kind, GraphQLList) else (kind, False)
    complete = _completer(item_kind, read_selected)
    if complete is None:
        return None
    exact = EXACT.get(item_kind)
    if isinstance(kind, GraphQLList):
        return Attribute(name, field.python_name, None, is_nullable, _read_items(exact, has_holes, complete))
    return Attribute(name, field.python_name, exact, is_nullable, complete)


def read_all(attributes: Sequence[Attribute]) -> Reader | None:
    """Return the reader of an object's attributes; None if nothing of the object would be looked at."""
    if all(attribute.python_name == "__class__" for attribute in attributes):
        return None

    def read(value: Any) -> dict[str, Any]:
        results: dict[str, Any] = {}
        for name, python_name, exact, is_nullable, complete in attributes:
            found = getattr(value, python_name)
            if found.__class__ is exact:
                results[name] = found
            elif found is not None:
                results[name] = complete(found)
            elif is_nullable:
                results[name] = None
            else:
                raise NotPlain
        return results

    return read


def read_one(attribute: Attribute) -> Reader:
    """Return the reader of one attribute of an object."""
    _, python_name, exact, is_nullable, complete = attribute

    def read(value: Any) -> Any:
        found = getattr(value, python_name)
        if found.__class__ is exact or (found is None and is_nullable):
            return found
        if found is None:
            raise NotPlain
        return complete(found)

    return read


def read_object(kind: GraphQLObjectType, read: Reader) -> Reader:
    """Return the reader of an object, which must be of its type as far as the type has an opinion."""
    is_type_of: Any = kind.is_type_of

    def read_checked(value: Any) -> Any:
        if isinstance(value, Exception) or (is_type_of is not None and is_type_of(value, None) is not True):
            raise NotPlain
        return read(value)

    return read_checked


def _read_items(exact: type | None, has_holes: bool, complete: Reader) -> Reader:
    def read(values: Any) -> list[Any]:
        if values.__class__ is not list and values.__class__ is not tuple:
            raise NotPlain
        results = []
        for value in values:
            if value.__class__ is exact or (value is None and has_holes):
                results.append(value)
            elif value is None:
                raise NotPlain
            else:
                results.append(complete(value))
        return results

    return read


def _completer(kind: Any, read_selected: Callable[[GraphQLObjectType], Reader | None]) -> Reader | None:
    if isinstance(kind, GraphQLObjectType):
        return read_selected(kind)
    if isinstance(kind, GraphQLEnumType):
        return _read_member(_read_leaf(kind))
    if isinstance(kind, GraphQLScalarType):
        return _read_int if kind is GraphQLInt else _read_leaf(kind)
    return None


def _read_int(value: Any) -> int:
    if value.__class__ is int and INT_MIN <= value <= INT_MAX:
        return value
    raise NotPlain


def _read_leaf(kind: GraphQLScalarType | GraphQLEnumType) -> Reader:
    coerce = kind.coerce_output_value

    def read(value: Any) -> Any:
        if isinstance(value, Exception) or hasattr(value, "__await__"):
            raise NotPlain
        result = coerce(value)
        if result is None or result is Undefined:
            raise NotPlain
        return result

    return read


def _read_member(read: Reader) -> Reader:
    """Return a reader that remembers the names of an enum's members."""
    names: dict[Enum, Any] = {}

    def read_once(value: Any) -> Any:
        name = names.get(value) if isinstance(value, Enum) else None
        if name is None:
            name = read(value)
            if isinstance(value, Enum):
                names[value] = name
        return name

    return read_once


def _nullable(kind: Any) -> tuple[Any, bool]:
    return (kind.of_type, False) if isinstance(kind, GraphQLNonNull) else (kind, True)
