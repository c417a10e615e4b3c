"""Resolvers called directly: how each argument is converted is found out once, not anew for every value.

What comes out is what Strawberry's `convert_argument` makes of a value.
"""

from collections.abc import Callable
from dataclasses import MISSING
from inspect import iscoroutinefunction
from types import FunctionType
from typing import Any

from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

Convert = Callable[[Any], Any]


def shorten_calls(schema: GraphQLSchema, converter: GraphQLCoreConverter) -> None:
    """Let fields whose resolvers are plain functions call them directly; what comes between stays where there is any.

    That is: field extensions, permissions, exception handlers. Subscribing stays as it is, too.
    """
    conversions = Conversions(converter)
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or converter.exception_handlers:
            continue
        for definition in kind.fields.values():
            field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            if isinstance(field, StrawberryField) and _is_direct(field):
                definition.resolve = _call(field, converter, conversions)


class Conversions:
    """Finds out what makes resolvers' arguments of GraphQL's input values."""

    def __init__(self, converter: GraphQLCoreConverter) -> None:
        self._config = converter.config
        self._scalars = converter.scalar_registry
        self._inputs: dict[type, Convert] = {}

    def of(self, kind: Any) -> Convert | None:
        """Return what converts a value of a type, and None where the value stays as it is."""
        if isinstance(kind, StrawberryMaybe) or kind is GlobalID:
            return self._as_strawberry(kind)
        if isinstance(kind, StrawberryOptional):
            return self.of(kind.of_type)
        if isinstance(kind, LazyType):
            return self.of(kind.resolve_type())
        if isinstance(kind, StrawberryList):
            return _items(self.of(kind.of_type))
        if isinstance(kind, StrawberryEnumDefinition) or has_enum_definition(kind) or is_scalar(kind, self._scalars):
            return None
        if has_object_definition(kind) and kind.__strawberry_definition__.from_input is None:
            if kind not in self._inputs:
                self._inputs[kind] = self._input(kind, kind.__strawberry_definition__)
            return self._inputs[kind]
        return self._as_strawberry(kind)

    def _input(self, kind: type, definition: StrawberryObjectDefinition) -> Convert:
        fields: list[tuple[str, str, Convert | None]] = []
        # An input field without a default may be left out if it is nullable: it is None then.
        left_out = {
            field.python_name: None
            for field in definition.fields
            if definition.is_input and field.default_value is MISSING and field.default_factory is MISSING
        }

        def convert(value: Any) -> Any:
            if value is None or value is UNSET:
                return value
            if not fields:
                # Only now, since an input may hold others of its own type.
                for field in definition.fields:
                    inner = self.of(field.resolve_type(type_definition=definition))
                    fields.append((self._config.name_converter.from_field(field), field.python_name, inner))
            given: dict[str, Any] = dict(left_out)
            for name, python_name, inner in fields:
                if name in value:
                    given[python_name] = value[name] if inner is None else inner(value[name])
            return kind(**given)

        return convert

    def _as_strawberry(self, kind: Any) -> Convert:
        return lambda value: convert_argument(value, kind, self._scalars, self._config)


def _items(convert: Convert | None) -> Convert:
    def convert_all(values: Any) -> Any:
        if values is None or values is UNSET:
            return values
        # A list is copied even if its items stay: that of a default value is the same for all requests.
        return list(values) if convert is None else [convert(value) for value in values]

    return convert_all


def _is_direct(field: StrawberryField) -> bool:
    resolver = field.base_resolver
    if resolver is None or field.extensions or field.is_subscription:
        return False
    return isinstance(resolver.wrapped_func, FunctionType) and resolver.self_parameter is None


def _call(field: StrawberryField, converter: GraphQLCoreConverter, conversions: Conversions) -> Callable[..., Any]:
    """Return what graphql-core calls for a field, with the arguments that a request names."""
    resolver = field.base_resolver
    assert resolver is not None, "only fields with a resolver are called"
    function: Any = resolver.wrapped_func
    named = converter.config.name_converter.from_argument
    arguments = {named(argument): (argument.python_name, conversions.of(argument.type)) for argument in field.arguments}
    roots = [parameter.name for parameter in (resolver.parent_parameter, resolver.root_parameter) if parameter]
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    info_class = converter.config.info_class

    def taken_by(source: Any, info: GraphQLResolveInfo[Any], given: dict[str, Any]) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        for name, value in given.items():
            python_name, convert = arguments[name]
            taken[python_name] = value if convert is None else convert(value)
        for name in roots:
            taken[name] = source
        if info_name is not None:
            taken[info_name] = info_class(_raw_info=info, _field=field)
        return taken

    def call(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        return function(**taken_by(source, info, given))

    # A coroutine that an error elsewhere leaves unawaited is this one, and not the resolver's own.
    async def call_later(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        return await function(**taken_by(source, info, given))

    return call_later if iscoroutinefunction(function) else call
