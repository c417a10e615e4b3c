"""What is found out of an operation once and kept for its next execution: what it selects, and how that is read."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, Final, NamedTuple

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution import Executor
from graphql.pyutils import Undefined

from schema.operations import Arguments
from schema.readers import Attribute, Reader, Reading, attribute_of, read_one, reading_of

FIELDS_KEPT_MAX: Final = 100_000
"""Fields in all the plans of a schema, at about a third of a kilobyte; the operation unused longest goes first."""
PLANS: Final = "roost.plans"


class RootField(NamedTuple):
    """An operation's only root field, whose resolver is a coroutine function."""

    name: str
    parent: GraphQLObjectType
    definition: GraphQLField
    resolve: Callable[..., Any]
    details: Any
    nodes: list[FieldNode]
    arguments: Arguments
    read: Reader | None


class Plan:
    """What one operation selects under one set of values of the variables that its directives ask for.

    Field sets and lists of details are found by their identity, and so they are kept with what is known of them.
    """

    def __init__(self, plans: "Plans | None" = None) -> None:
        self.root: Any = None
        self.only: RootField | None = None
        self.subfields: dict[Any, Any] = {}
        self.plain_fields: dict[int, Reader] = {}
        self.size = 1
        self.plans = plans
        self._readings: dict[int, tuple[Any, Reading | None]] = {}

    def begin(self, executor: Executor[Any], parent: GraphQLObjectType, root: Any) -> None:
        """Keep what is selected of the root, as the first execution of the operation has collected it."""
        self.root = root
        if len(root) != 1 or executor.operation.operation is OperationType.SUBSCRIPTION:
            return
        ((name, details),) = root.items()
        definition = executor.schema.get_field(parent, details[0].node.name.value)
        if definition is None or not iscoroutinefunction(definition.resolve) or details[0].fragment_variable_values:
            return
        kind = definition.type.of_type if isinstance(definition.type, GraphQLNonNull) else definition.type
        read = self._read_selected(executor, kind, details) if isinstance(kind, GraphQLObjectType) else None
        nodes = [each.node for each in details]
        self.only = RootField(
            name, parent, definition, definition.resolve, details, nodes, Arguments(definition, nodes[0]), read
        )

    def reading(self, executor: Executor[Any], kind: GraphQLObjectType, field_set: Any) -> Reading | None:
        """Return how an object's fields are read; None if they are not all plain."""
        known = self._readings.get(id(field_set))
        if known is None:
            self._grow(len(field_set))
            attributes = list(self._attributes(executor, kind, field_set))
            reading = reading_of(attributes) if len(attributes) == len(field_set) else None
            known = self._readings[id(field_set)] = (field_set, reading)
        return known[1]

    def _attributes(self, executor: Executor[Any], kind: GraphQLObjectType, field_set: Any) -> Iterator[Attribute]:
        for name, details in field_set.items():

            def read_selected(inner: GraphQLObjectType, details: Any = details) -> Reader | None:
                return self._read_selected(executor, inner, details)

            attribute = attribute_of(executor.schema, kind, name, details[0].node.name.value, read_selected)
            if attribute is not None:
                self.plain_fields[id(details)] = read_one(attribute)
                yield attribute

    def _read_selected(self, executor: Executor[Any], kind: GraphQLObjectType, details: Any) -> Reader | None:
        try:
            field_set, deferred, _ = executor.collect_subfields(kind, details)
        except Exception:
            # An argument of a directive is wrong: that is told where such an object is met, and nowhere if none is.
            return None
        reading = None if deferred else self.reading(executor, kind, field_set)
        return None if reading is None else reading.checked(kind)

    def _grow(self, by: int) -> None:
        self.size += by
        if self.plans is not None:
            self.plans.size += by


class _Known(NamedTuple):
    """An operation, the variables that its directives ask for, and a plan for each set of their values."""

    operation: OperationDefinitionNode
    steering: tuple[str, ...]
    plans: dict[tuple[Any, ...], Plan]


class Plans:
    """The plans of one schema, found by the syntax trees of its operations; `size` counts their fields."""

    def __init__(self, size_max: int = FIELDS_KEPT_MAX) -> None:
        self.size = 0
        self._size_max = size_max
        self._kept: OrderedDict[int, _Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, executor: Executor[Any]) -> Plan:
        """Return the plan of an execution: a new one if none is known, or may be kept."""
        if any(fragment.variable_signatures for fragment in executor.fragments.values()):
            return Plan()
        operation = executor.operation
        known = self._kept.get(id(operation))
        if known is None:
            known = self._kept[id(operation)] = _Known(operation, _steering(executor), {})
        else:
            self._kept.move_to_end(id(operation))
        coerced = executor.variable_values.coerced
        values = tuple([coerced.get(name, Undefined) for name in known.steering])
        plan = known.plans.get(values)
        if plan is None:
            plan = known.plans[values] = Plan(self)
            self.size += plan.size
            self._shrink()
        return plan

    def _shrink(self) -> None:
        while self.size > self._size_max:
            _, known = self._kept.popitem(last=False)
            for plan in known.plans.values():
                self.size -= plan.size
                plan.plans = None


def plan_of(executor: Executor[Any]) -> Plan:
    """Return the plan of an execution; plans are kept with their schema."""
    plans: Plans | None = executor.schema.extensions.get(PLANS)
    if plans is None:
        plans = executor.schema.extensions[PLANS] = Plans()
    return plans.of(executor)


def _steering(executor: Executor[Any]) -> tuple[str, ...]:
    """Name the variables on which it depends what an operation selects: those in directives on its selections."""
    names: dict[str, None] = {}
    fragments = executor.fragment_definitions.values()
    pending: list[SelectionSetNode] = [executor.operation.selection_set, *(each.selection_set for each in fragments)]
    while pending:
        for node in pending.pop().selections:
            for directive in node.directives or ():
                for argument in directive.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        names[argument.value.name.value] = None
            selections = getattr(node, "selection_set", None)
            if selections is not None:
                pending.append(selections)
    return tuple(names)
