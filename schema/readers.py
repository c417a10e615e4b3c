"""Readers of plain fields: a field is plain if it is an attribute of its record, and so is all that it selects.

A reader makes the answer of a value, or raises whatever it meets: then graphql-core has to answer. The reader of an
object is one Python expression, written for the fields that an operation selects and compiled once: what a loop over
the fields would find out for every record anew is decided by then.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from types import CodeType
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
PLAIN_VALUES: Final = frozenset((str, int, float, bool, datetime))
"""Classes of values that are neither errors nor awaitables."""
TYPENAME: Final = "__typename"
SOURCES_KEPT_MAX: Final = 1_000
"""Expressions whose code is kept: documents that select the same share it, whatever else they hold."""
TIMES_KEPT_MAX: Final = 2_000
READ: Final = "{read}({0})"

Reader = Callable[[Any], Any]


class NotPlain(Exception):
    """A value does not go the short way."""


class Part(NamedTuple):
    """How a value is completed: an expression of the value, `{0}` where it is read first and `x` from then on.

    `given` are the objects that the expression names, each by `{name}`.
    """

    expression: str
    given: dict[str, Any]


class Attribute(NamedTuple):
    """A plain field: its name in the answer, the record's attribute (None where the type alone answers), its part."""

    name: str
    python_name: str | None
    part: Part


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
        return Attribute(name, None, Part(repr(parent.name), {}))
    definition = schema.get_field(parent, field_name)
    field = None if definition is None else definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if definition is None or definition.args or not isinstance(field, StrawberryField):
        return None
    if not field.is_basic_field or field.default_resolver is not getattr:
        return None
    kind, is_nullable = _nullable(definition.type)
    if isinstance(kind, GraphQLList):
        item = _part(*_nullable(kind.of_type), read_selected)
        part = None if item is None else _items(item, is_nullable)
    else:
        part = _part(kind, is_nullable, read_selected)
    return None if part is None else Attribute(name, field.python_name, part)


class Reading:
    """How an object's fields are read: `read` takes a value that is known to be of the object's type."""

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        self._given: dict[str, Any] = {}
        members = []
        for number, attribute in enumerate(attributes):
            expression, named = _numbered(attribute, number)
            members.append(f"{attribute.name!r}: {expression}")
            self._given |= named
        self._expression = f"{{{', '.join(members)}}}"
        self.read = _compiled(self._expression, self._given)

    def checked(self, kind: GraphQLObjectType) -> Reader:
        """Return a reader of values that must be of a type, as far as the type has an opinion."""
        is_type_of: Any = kind.is_type_of
        known: set[type] = set()

        def look(value: Any) -> Any:
            if isinstance(value, Exception) or (is_type_of is not None and is_type_of(value, None) is not True):
                raise NotPlain
            if is_type_of is None or getattr(is_type_of, "is_by_class", False):
                known.add(value.__class__)
            return self.read(value)

        expression = f"{self._expression} if value.__class__ in known else look(value)"
        return _compiled(expression, {"known": known, "look": look, **self._given})


def reading_of(attributes: Sequence[Attribute]) -> Reading | None:
    """Return how an object's attributes are read; None if nothing of the object would be looked at."""
    return None if all(attribute.python_name is None for attribute in attributes) else Reading(attributes)


def read_one(attribute: Attribute) -> Reader:
    """Return the reader of one attribute of an object."""
    return _compiled(*_numbered(attribute, 0))


def _numbered(attribute: Attribute, number: int) -> tuple[str, dict[str, Any]]:
    """Return an attribute's expression with names of its own."""
    names = {name: f"{name}{number}" for name in attribute.part.given}
    expression = attribute.part.expression.format("(x := value." + (attribute.python_name or "") + ")", **names)
    return expression, {names[name]: thing for name, thing in attribute.part.given.items()}


def _compiled(expression: str, given: dict[str, Any]) -> Reader:
    # With all builtins: what Python warns of while this runs is told by importing, in the name of whoever runs.
    read: Reader = eval(_code(expression), {**given})
    return read


@lru_cache(maxsize=SOURCES_KEPT_MAX)
def _code(expression: str) -> CodeType:
    # Names come from the schema, and from the document through the parser: identifiers, all of them.
    return compile(f"lambda value: {expression}", "<reader>", "eval")


def _part(kind: Any, is_nullable: bool, read_selected: Callable[[GraphQLObjectType], Reader | None]) -> Part | None:
    if isinstance(kind, GraphQLObjectType):
        read = read_selected(kind)
        if read is None:
            return None
        return Part("None if {0} is None else {read}(x)" if is_nullable else READ, {"read": read})
    if isinstance(kind, GraphQLEnumType):
        members: dict[int, Any] = {}
        complete = _or_null(_read_member(_read_leaf(kind), members), is_nullable)
        return Part("{known}({id}({0})) or {complete}(x)", {"known": members.get, "id": id, "complete": complete})
    if not isinstance(kind, GraphQLScalarType):
        return None
    if kind is GraphQLInt:
        test = f"x if {{0}}.__class__ is int and {INT_MIN} <= x <= {INT_MAX} else {{complete}}(x)"
        return Part(test, {"complete": _or_null(_refuse, is_nullable)})
    complete = _remembering(_or_null(_read_leaf(kind), is_nullable))
    exact = EXACT.get(kind)
    if exact is None:
        return Part("{complete}({0})", {"complete": complete})
    return Part("x if {0}.__class__ is {exact} else {complete}(x)", {"exact": exact, "complete": complete})


def _items(item: Part, is_nullable: bool) -> Part:
    # A comprehension sees its own variable alone, and the names of an expression are given to the whole of it.
    expression = item.expression.format("(x := value)", **{name: name for name in item.given})
    read = item.given["read"] if item.expression == READ else _compiled(expression, item.given)

    def complete(values: Any) -> list[Any] | None:
        if values is None and is_nullable:
            return None
        if values.__class__ is not list and values.__class__ is not tuple:
            raise NotPlain
        return [*map(read, values)]

    return Part("{complete}({0})", {"complete": complete})


def _or_null(complete: Reader, is_nullable: bool) -> Reader:
    def complete_checked(value: Any) -> Any:
        if value is not None:
            return complete(value)
        if is_nullable:
            return None
        raise NotPlain

    return complete_checked


def _refuse(_value: Any) -> Any:
    raise NotPlain


def _read_leaf(kind: GraphQLScalarType | GraphQLEnumType) -> Reader:
    coerce = kind.coerce_output_value

    def read(value: Any) -> Any:
        if value.__class__ not in PLAIN_VALUES and (isinstance(value, Exception) or hasattr(value, "__await__")):
            raise NotPlain
        result = coerce(value)
        if result is None or result is Undefined:
            raise NotPlain
        return result

    return read


def _remembering(complete: Reader) -> Reader:
    """Return a reader that knows the answers of times again: stores hand the same objects to many requests."""
    answers: dict[int, tuple[datetime, Any]] = {}

    def read(value: Any) -> Any:
        if value.__class__ is not datetime:
            return complete(value)
        known = answers.get(id(value))
        # By identity, since times that are equal may stand in other zones.
        if known is not None and known[0] is value:
            return known[1]
        if len(answers) >= TIMES_KEPT_MAX:
            answers.clear()
        answers[id(value)] = value, complete(value)
        return answers[id(value)][1]

    return read


def _read_member(read: Reader, members: dict[int, Any]) -> Reader:
    """Return a reader that remembers the names of an enum's members, which live as long as their class."""

    def read_once(value: Any) -> Any:
        name = read(value)
        if isinstance(value, Enum):
            kept.append(value)
            members[id(value)] = name
        return name

    kept: list[Enum] = []
    return read_once


def _nullable(kind: Any) -> tuple[Any, bool]:
    return (kind.of_type, False) if isinstance(kind, GraphQLNonNull) else (kind, True)
