"""Documents that nobody thought of: valid operations of a schema, made by chance, with values for their variables."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)
from graphql.pyutils import Undefined
from graphql.utilities.coerce_input_value import coerce_default_value

DEPTH = 5
FIELDS_MAX = 4
STEERING = "steer"
ALONE = 0.6
"""Share of the queries that have one root field, as nearly all that clients send have."""


class AnyDocuments:
    """Draws from a schema. `values` has what arguments may be, by their names or else by the names of their types."""

    def __init__(self, schema: GraphQLSchema, chance: Random, values: Mapping[str, Sequence[object]]) -> None:
        self._schema = schema
        self._chance = chance
        self._values = values
        self._variables: dict[str, tuple[str, GraphQLArgument]] = {}
        self._fragments: list[str] = []
        self._names = 0

    def query(self) -> str:
        """Return a query; its variables' values are drawn by `variables`, until the next one is made."""
        self._variables, self._fragments, self._names = {}, [], 0
        assert self._schema.query_type is not None
        body = self._selections(self._schema.query_type, DEPTH)
        text = " ".join([body, *self._fragments])
        declared = [f"${STEERING}: Boolean!"] if f"${STEERING}" in text else []
        for name, (_, argument) in self._variables.items():
            declared.append(f"${name}: {self._declaration(argument)}")
        return f"query Drawn({', '.join(declared)}) {text}" if declared else f"query {text}"

    def variables(self) -> dict[str, object]:
        """Return values for the variables of the query made last, some of them such as their types do not allow."""
        values: dict[str, object] = {STEERING: self._chance.random() < 0.5}
        for name, (argument_name, argument) in self._variables.items():
            if is_required_argument(argument) or self._chance.random() < 0.8:
                values[name] = self._value(argument_name, argument.type)
            if self._chance.random() < 0.02:
                values[name] = self._chance.choice([None, {}, [], 1.5, "?"])
        return values

    def _declaration(self, argument: GraphQLArgument) -> str:
        if coerce_default_value(argument) is Undefined:
            return str(argument.type)
        # An argument with a default takes a variable that may be null.
        if self._chance.random() < 0.5:
            return str(argument.type).removesuffix("!")
        return f"{argument.type} = {self._literal('', argument)}"

    def _selections(self, kind: Any, depth: int) -> str:
        if is_abstract_type(kind):
            parts = ["__typename"]
            for each in self._some(sorted(self._schema.get_possible_types(kind), key=str), 2):
                parts.append(f"... on {each.name} {self._selections(each, depth)}")
            return "{ " + " ".join(parts) + " }"
        names = [name for name, field in kind.fields.items() if depth > 1 or is_leaf_type(get_named_type(field.type))]
        most = 1 if depth == DEPTH and self._chance.random() < ALONE else FIELDS_MAX
        parts = [self._field(name, kind.fields[name], depth) for name in self._some(names, most)]
        if not parts or self._chance.random() < 0.1:
            parts.append("__typename")
        if self._chance.random() < 0.1:
            return "{ " + self._fragment(kind, parts) + " }"
        return "{ " + " ".join(parts) + " }"

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        arguments = [
            f"{each}: {self._argument(each, argument)}"
            for each, argument in field.args.items()
            if is_required_argument(argument) or self._chance.random() < 0.3
        ]
        # Two fields of one name may not differ; each has a name of its own, and may be asked for twice.
        text = f"{self._new('a')}: {name}" + (f"({', '.join(arguments)})" if arguments else "")
        if self._chance.random() < 0.15:
            text += f" @{self._chance.choice(['skip', 'include'])}(if: ${STEERING})"
        kind = get_named_type(field.type)
        return text if is_leaf_type(kind) else f"{text} {self._selections(kind, depth - 1)}"

    def _fragment(self, kind: GraphQLObjectType, parts: Sequence[str]) -> str:
        name = self._new("F")
        self._fragments.append(f"fragment {name} on {kind.name} {{ {' '.join(parts)} }}")
        return f"...{name}"

    def _argument(self, name: str, argument: GraphQLArgument) -> str:
        if self._chance.random() < 0.5:
            variable = self._new("v")
            self._variables[variable] = (name, argument)
            return f"${variable}"
        return self._literal(name, argument)

    def _literal(self, name: str, argument: GraphQLArgument) -> str:
        value = self._value(name, argument.type)
        is_name = isinstance(get_named_type(argument.type), GraphQLEnumType) and value is not None
        return str(value) if is_name else json.dumps(value)

    def _value(self, name: str, kind: GraphQLInputType) -> object:
        if not isinstance(kind, GraphQLNonNull) and self._chance.random() < 0.1:
            return None
        named = get_named_type(kind)
        if isinstance(named, GraphQLEnumType):
            return self._chance.choice([*named.values])
        return self._chance.choice(self._values.get(name) or self._values[named.name])

    def _some(self, given: Sequence[Any], most: int) -> list[Any]:
        return self._chance.sample(given, min(len(given), self._chance.randint(1, most)))

    def _new(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"
