"""Operations made ready once: what an execution needs of a document and of its variables' types, kept for the next.

Whatever is not as usual (values that are wrong, fragments with variables) is left to graphql-core, which finds it
again and says so in its own words.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    coerce_input_value,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_argument_values,
    input_is_nested_too_deeply,
)
from graphql.pyutils import Undefined
from graphql.utilities.coerce_input_value import coerce_default_value

OPERATIONS_KEPT_MAX: Final = 1_000
_UNCHANGEABLE: Final = frozenset((type(None), type(Undefined), str, int, float, bool))


class _Plain(NamedTuple):
    """An argument: the resolver's name for it, the variable that it is, whether it may be null, and its default."""

    out_name: str
    variable: str | None
    is_nullable: bool
    default: Any


class Operation(NamedTuple):
    """An operation of a document, with the document's fragments and the types of its variables."""

    definition: OperationDefinitionNode
    fragment_definitions: dict[str, FragmentDefinitionNode]
    fragments: dict[str, FragmentDetails]
    signatures: Sequence[GraphQLVariableSignature]

    def values(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Return the variables' values; None where graphql-core has to look: at defaults, and at what is wrong."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self.signatures:
            name, kind, default, _ = signature
            value = given.get(name, Undefined)
            if value is Undefined:
                if default is not None or isinstance(kind, GraphQLNonNull):
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            if input_is_nested_too_deeply(value, kind):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = coerce_input_value(value, kind)
            if coerced[name] is Undefined:
                return None
        return VariableValues(sources, coerced)


class Operations:
    """The operations of one schema that were asked for last, at most `size` of them."""

    def __init__(self, schema: GraphQLSchema, size: int = OPERATIONS_KEPT_MAX) -> None:
        self._schema = schema
        self._size = size
        self._kept: OrderedDict[tuple[int, str | None], tuple[DocumentNode, Operation | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, document: DocumentNode, name: str | None) -> Operation | None:
        """Return an operation of a document that was validated; None if graphql-core has to look at it."""
        key = id(document), name
        known = self._kept.get(key)
        if known is None:
            # The document is kept with what is known of it, so that its identity stays its own.
            known = self._kept[key] = document, _ready(self._schema, document, name)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return known[1]


class Arguments:
    """The arguments of one field of a document."""

    def __init__(self, definition: GraphQLField, node: Any) -> None:
        self._definition = definition
        self._node = node
        self._plain = _plain_arguments(definition, node)

    def of(self, values: VariableValues) -> dict[str, Any]:
        """Return what the resolver is given; raises GraphQLError for what is wrong."""
        given = None if self._plain is None else _given(self._plain, values.coerced)
        return get_argument_values(self._definition, self._node, values) if given is None else given


def _ready(schema: GraphQLSchema, document: DocumentNode, name: str | None) -> Operation | None:
    found: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            if definition.variable_definitions:
                return None
            fragments[definition.name.value] = definition
        elif isinstance(definition, OperationDefinitionNode) and (
            name is None or (definition.name is not None and definition.name.value == name)
        ):
            found.append(definition)
    if len(found) != 1:
        return None
    signatures = [get_variable_signature(schema, each) for each in found[0].variable_definitions or ()]
    known = [each for each in signatures if isinstance(each, GraphQLVariableSignature)]
    details = {each: FragmentDetails(definition, None) for each, definition in fragments.items()}
    return Operation(found[0], fragments, details, known) if len(known) == len(signatures) else None


def _plain_arguments(definition: GraphQLField, node: Any) -> Sequence[_Plain] | None:
    """Return a field's arguments if all of them are variables or left out, and their defaults cannot be changed."""
    found = []
    named = {argument.name.value: argument.value for argument in node.arguments or ()}
    for name, argument in definition.args.items():
        value = named.get(name)
        default = coerce_default_value(argument)
        if not (value is None or isinstance(value, VariableNode)) or default.__class__ not in _UNCHANGEABLE:
            return None
        variable = None if value is None else value.name.value
        found.append(
            _Plain(argument.out_name or name, variable, not isinstance(argument.type, GraphQLNonNull), default)
        )
    return found


def _given(arguments: Sequence[_Plain], coerced: Mapping[str, Any]) -> dict[str, Any] | None:
    given: dict[str, Any] = {}
    for out_name, variable, is_nullable, default in arguments:
        value = Undefined if variable is None else coerced.get(variable, Undefined)
        if not is_nullable and (value is None or value is Undefined):
            return None
        if value is Undefined:
            value = default
        if value is not Undefined:
            given[out_name] = value
    return given
