"""What a document asks for, told from its syntax alone: depth, root fields, and a plan that prices each operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from schema.overlaps import OverLimit, fragments_of

PAGE_DEFAULT: Final = 20
PAGE_CAP: Final = 100

# Far above any depth that a limit allows, far below what the interpreter's stack can hold at two frames a level.
_NESTING_CAP: Final = 150

# What some fields do beside answering rows, priced in rows of one field.
_WORK: Final = {"search": 100, "completeMediaUpload": 500}

_ROWS: Final = frozenset({"edges", "nodes"})
_INTROSPECTION: Final = frozenset({"__schema", "__type"})

# How long introspection's lists are taken to be. The schema is not asked: these only have to price one full
# introspection query well under the cost limit, and a second one, or fields within fields, above it.
_INTROSPECTED: Final = {
    "types": 25,
    "fields": 8,
    "directives": 5,
    "inputFields": 2,
    "interfaces": 2,
    "possibleTypes": 2,
    "enumValues": 2,
}

Mode = Literal["data", "introspection", "wrapper"]


class CircularFragment(Exception):
    """A fragment that spreads itself, by whatever way round."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Cannot spread fragment '{name}' within itself.")


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many rows a field asks for: the greatest of its `first` and `last`, else the default."""

    most: int
    default: int
    literal: int = 0
    variables: tuple[str, ...] = ()

    def rows(self, given: Mapping[str, object], defaults: Mapping[str, int]) -> int:
        """Rows under these variables, from 1 to `most`; what is no number is left to the type check."""
        sizes = [self.literal] if self.literal else []
        for name in self.variables:
            value = given[name] if name in given else defaults.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                # In this order no number at all (NaN) comes out as 1.
                sizes.append(int(min(max(1, value), self.most)))
        return min(max(sizes, default=self.default), self.most)


@dataclass(slots=True)
class Sum:
    """A cost: `base`, plus for each term the rows of a page size times the cost of an earlier step."""

    base: int = 0
    terms: list[tuple[PageSize | int, int]] = field(default_factory=list)

    def add(self, other: "Sum") -> None:
        """Add another cost to this one, in place."""
        self.base += other.base
        self.terms += other.terms


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation's figures; `cost` prices it for given variables in time linear in its variable-sized pages."""

    depth: int
    root_fields: int
    total: Sum
    steps: Sequence[Sum]
    defaults: Mapping[str, int]

    def cost(self, variables: Mapping[str, object]) -> int:
        """1 for each field, times the rows of every page that it stands in."""
        values: list[int] = []

        def price(cost: Sum) -> int:
            total = cost.base
            for size, step in cost.terms:
                rows = size if isinstance(size, int) else size.rows(variables, self.defaults)
                total += rows * values[step]
            return total

        for step in self.steps:
            values.append(price(step))
        return price(self.total)


def page_defaults(schema: GraphQLSchema) -> dict[str, int]:
    """The fields of a schema that take `first` or `last`, by name, and the rows that they answer without either."""
    sizes: dict[str, int] = {}
    for kind in schema.type_map.values():
        if not isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType)):
            continue
        for name, of in kind.fields.items():
            if "first" in of.args or "last" in of.args:
                first = of.args.get("first")
                rows = first.default_value if first and isinstance(first.default_value, int) else PAGE_DEFAULT
                sizes[name] = max(rows, sizes.get(name, 0))
    return sizes


def operations_of(
    document: DocumentNode, paged: Mapping[str, int] | None = None, most_rows: int = PAGE_CAP
) -> dict[str | None, Operation]:
    """Price every operation, by its name. Each definition is walked once, however often its fragment is spread.

    A field is a page if it takes `first` or `last`, if `edges` or `nodes` stand in it, or if `paged` names it with the
    rows that it answers when neither is given. It counts for at most `most_rows`: a resolver answers no more, and
    refuses who asks for more. Raises CircularFragment, and OverLimit for `depth` where the nesting would endanger the
    stack.
    """
    walk = _Walk(fragments_of(document), paged or {}, most_rows)
    for fragment in walk.fragments:
        walk.fragment(fragment, "data", 0)
    operations: dict[str | None, Operation] = {}
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        part = walk.selections(definition.selection_set, "data", 0)
        part.plain.add(part.rows)
        name = definition.name.value if definition.name else None
        operations[name] = Operation(
            depth=part.depth,
            root_fields=part.width,
            total=part.plain,
            steps=tuple(walk.steps) if part.plain.terms else (),
            defaults=_defaults(definition),
        )
    return operations


@dataclass(slots=True)
class _Part:
    """A selection set's figures; `rows` is the part under `edges` and `nodes`, which the page size multiplies."""

    plain: Sum = field(default_factory=Sum)
    rows: Sum = field(default_factory=Sum)
    paged: bool = False
    depth: int = 0
    width: int = 0

    def add(self, other: "_Part") -> None:
        self.plain.add(other.plain)
        self.rows.add(other.rows)
        self.paged = self.paged or other.paged
        self.depth = max(self.depth, other.depth)
        self.width += other.width


class _Walk:
    """One pass over a document. A fragment's part is kept, so that spreading it again costs nothing."""

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], paged: Mapping[str, int], most_rows: int
    ) -> None:
        self.fragments = fragments
        self._paged = paged
        self._most_rows = most_rows
        self.steps: list[Sum] = []
        self._parts: dict[tuple[str, Mode], _Part] = {}
        self._open: set[str] = set()

    def selections(self, selected: SelectionSetNode, mode: Mode, nesting: int) -> _Part:
        if nesting > _NESTING_CAP:
            raise OverLimit("depth", nesting)
        part = _Part()
        for node in selected.selections:
            if isinstance(node, FieldNode):
                part.add(self._field(node, mode, nesting + 1))
            elif isinstance(node, InlineFragmentNode):
                part.add(self.selections(node.selection_set, mode, nesting + 1))
            elif isinstance(node, FragmentSpreadNode) and node.name.value in self.fragments:
                part.add(self.fragment(node.name.value, mode, nesting + 1))
        return part

    def fragment(self, name: str, mode: Mode, nesting: int) -> _Part:
        key = (name, mode)
        if key not in self._parts:
            if name in self._open:
                raise CircularFragment(name)
            self._open.add(name)
            part = self.selections(self.fragments[name].selection_set, mode, nesting)
            self._open.remove(name)
            # What varies is kept as one step and referred to: written out, fragments that double would grow as 2^n.
            part.plain, part.rows = self._times(1, part.plain), self._times(1, part.rows)
            self._parts[key] = part
        return self._parts[key]

    def _field(self, node: FieldNode, mode: Mode, nesting: int) -> _Part:
        name = node.name.value
        if not node.selection_set or not node.selection_set.selections:
            return _Part(Sum(0 if mode == "wrapper" else 1), depth=1, width=1)
        below = self.selections(node.selection_set, _mode_below(mode, name), nesting)
        cost = Sum(1 + (_WORK.get(name, 0) if mode == "data" else 0))
        size = self._page_size(node)
        if mode != "data":
            # A chain of wrapped types (lists of non-nulls) is mostly empty: it counts as one type, whatever its length.
            cost = Sum(0 if name == "ofType" else 1)
            cost.add(self._times(_INTROSPECTED.get(name, 1), below.plain))
        elif below.paged:
            cost.add(below.plain)
            cost.add(self._times(size or PageSize(self._most_rows, PAGE_DEFAULT), below.rows))
        else:
            cost.add(self._times(size or 1, below.plain))
        depth = below.depth + (0 if mode != "data" and name == "ofType" else 1)
        part = _Part(depth=depth, width=1)
        if mode == "data" and name in _ROWS:
            part.rows, part.paged = cost, True
        else:
            part.plain = cost
        return part

    def _page_size(self, node: FieldNode) -> PageSize | None:
        default = self._paged.get(node.name.value)
        literal, variables = 0, []
        for argument in node.arguments or ():
            if argument.name.value not in ("first", "last"):
                continue
            if isinstance(argument.value, IntValueNode):
                # Twelve digits tell "too many" as well as ten thousand, which int() would refuse.
                literal = max(literal, int(argument.value.value[:12]), 1)
            elif isinstance(argument.value, VariableNode):
                variables.append(argument.value.name.value)
        if not literal and not variables and default is None:
            return None
        return PageSize(self._most_rows, PAGE_DEFAULT if default is None else default, literal, tuple(variables))

    def _times(self, size: PageSize | int, cost: Sum) -> Sum:
        if not cost.terms and (isinstance(size, int) or not size.variables):
            rows = size if isinstance(size, int) else size.rows({}, {})
            return Sum(rows * cost.base)
        self.steps.append(cost)
        return Sum(0, [(size, len(self.steps) - 1)])


def _mode_below(mode: Mode, name: str) -> Mode:
    if mode == "data":
        return "introspection" if name in _INTROSPECTION else "data"
    return "wrapper" if name == "ofType" else "introspection"


def _defaults(operation: OperationDefinitionNode) -> dict[str, int]:
    return {
        definition.variable.name.value: int(definition.default_value.value[:12])
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }
