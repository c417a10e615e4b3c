import time
from collections.abc import Iterator, Mapping

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.cost import operations_of, page_defaults
from schema.overlaps import count_overlaps, fragments_of, outline

PAGED = {"users": 20}


def cost_of(text: str, variables: Mapping[str, object]) -> int:
    return operations_of(parse(text), PAGED)[None].cost(variables)


@pytest.mark.parametrize(
    ("text", "variables", "cost"),
    [
        ("{hello}", {}, 1),
        ("{me {id name}}", {}, 3),
        ("{users(first: 7) {id name}}", {}, 1 + 7 * 2),
        ("{users {id}}", {}, 1 + 20),
        ("{users(first: 100000) {id}}", {}, 1 + 100),
        ("{users(first: -5) {id}}", {}, 1 + 1),
        ("query($n: Int) {users(first: $n) {id}}", {"n": 9}, 1 + 9),
        ("query($n: Int) {users(first: $n) {id}}", {"n": None}, 1 + 20),
        ("query($n: Int) {users(first: $n) {id}}", {"n": float("nan")}, 1 + 1),
        ("query($n: Int) {users(first: $n) {id}}", {"n": 10**400}, 1 + 100),
        ("query($n: Int = 6) {users(first: $n) {id}}", {}, 1 + 6),
        ("query($n: Int = 6) {users(first: $n) {id}}", {"n": None}, 1 + 20),
        ("query($n: Int = 6) {users(first: $n) {id}}", {"n": 3}, 1 + 3),
        # The rows of a connection are its edges: what stands beside them is answered once.
        ("{me {tweets(first: 10) {total edges {node {id}}}}}", {}, 1 + 1 + 1 + 10 * 3),
        ("{me {tweets(last: 10) {total ...E}}} fragment E on Tweets {edges {node {id}}}", {}, 1 + 1 + 1 + 10 * 3),
        ("{me {tweets(first: 2, last: 9) {edges {node {id}}}}}", {}, 1 + 1 + 9 * 3),
        # A search works before it answers anything.
        ("{search(first: 10) {complete edges {node {id}}}}", {}, 1 + 100 + 1 + 10 * 3),
        ("query($n: Int) {users(first: $n) {tweets(first: $n) {total}}}", {"n": 10}, 1 + 10 * (1 + 10)),
    ],
)
def test_an_operation_costs_its_fields_times_their_pages(text: str, variables: dict[str, object], cost: int) -> None:
    assert cost_of(text, variables) == cost


def test_the_fields_of_a_schema_that_take_a_page_size_are_known_with_their_defaults() -> None:
    schema = build_schema("type Query { a(first: Int): Int b(last: Int): Int c(size: Int): Int }")
    schema.type_map["Query"].fields["a"].args["first"].default_value = 800  # type: ignore[attr-defined]
    assert page_defaults(schema) == {"a": 800, "b": 20}


def test_a_page_counts_for_no_more_rows_than_a_resolver_answers() -> None:
    document = parse("{users(first: 100000) {id}}")
    assert operations_of(document, most_rows=800)[None].cost({}) == 1 + 800


def test_fragments_that_double_and_vary_are_priced_in_linear_time() -> None:
    doubling = "".join(f"fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(80))
    text = "query($n: Int) {me {...F0}}" + doubling + "fragment F80 on User {tweets(first: $n) {total}}"
    operation = operations_of(parse(text))[None]
    started = time.process_time()
    assert operation.cost({"n": 5}) == 1 + 2**80 * 6
    assert time.process_time() - started < 0.01


# --- against plain models --------------------------------------------------------------------------------------------


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Small documents with nested fields, pages of all kinds, aliases, and fragments that spread later ones."""
    count = draw(st.integers(0, 4))

    def selections(depth: int, later: int) -> str:
        parts = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.sampled_from(["leaf", "field", "spread", "inline"]))
            if kind == "spread" and later < count:
                parts.append(f"...F{draw(st.integers(later, count - 1))}")
            elif kind == "inline" and depth:
                parts.append("... on T @skip(if: false) {" + selections(depth - 1, later) + "}")
            elif kind == "field" and depth:
                alias = draw(st.sampled_from(["", "", "a: ", "b: "]))
                name = draw(st.sampled_from(["users", "me", "edges", "on", "fragment"]))
                arguments = draw(st.sampled_from(["", "(first: 3)", "(last: $n)", "(first: $m, last: 2)"]))
                parts.append(alias + name + arguments + "{" + selections(depth - 1, later) + "}")
            else:
                parts.append(draw(st.sampled_from(["id", "a: id", "name"])))
        return " ".join(parts)

    fragments = [f"fragment F{i} on T {{{selections(2, i + 1)}}}" for i in range(count)]
    return "query($n: Int, $m: Int = 4) {" + selections(3, 0) + "}" + "".join(fragments)


def naive_cost(document: DocumentNode, variables: Mapping[str, int]) -> int:
    """Every field written out, row by row."""
    fragments = fragments_of(document)
    operation = next(n for n in document.definitions if isinstance(n, OperationDefinitionNode))

    def fields(selected: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selected.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                yield from fields(fragments[node.name.value].selection_set)
            else:
                yield from fields(node.selection_set)  # type: ignore[attr-defined]

    def rows(node: FieldNode) -> int | None:
        sizes = []
        for argument in node.arguments or ():
            if isinstance(argument.value, IntValueNode):
                sizes.append(int(argument.value.value))
            elif isinstance(argument.value, VariableNode):
                sizes += [s for s in [variables.get(argument.value.name.value)] if s is not None]
        return max(sizes) if sizes else 20 if node.arguments or node.name.value == "users" else None

    def cost(node: FieldNode) -> int:
        if not node.selection_set:
            return 1
        below = list(fields(node.selection_set))
        edges = [n for n in below if n.name.value == "edges" and n.selection_set]
        size = rows(node)
        if edges:
            beside = sum(cost(n) for n in below if n not in edges)
            return 1 + beside + (20 if size is None else size) * sum(map(cost, edges))
        return 1 + (1 if size is None else size) * sum(map(cost, below))

    return sum(map(cost, fields(operation.selection_set)))


@settings(deadline=None)
@given(documents(), st.one_of(st.none(), st.integers(1, 100)))
def test_the_plan_prices_what_a_naive_walk_counts(text: str, n: int | None) -> None:
    given_values = {} if n is None else {"n": n}
    operation = operations_of(parse(text), PAGED)[None]
    assert operation.cost(given_values) == naive_cost(parse(text), {"m": 4, **given_values})


@settings(deadline=None)
@given(documents())
def test_the_outline_of_the_tokens_never_tells_more_than_the_tree(text: str) -> None:
    document = parse(text)
    seen = outline(tokens_of(document))
    assert seen.aliases == sum(1 for node in walk(document) if isinstance(node, FieldNode) and node.alias)
    assert set(seen.fields) <= {node.name.value for node in walk(document) if isinstance(node, FieldNode)}
    assert seen.root_fields <= operations_of(document)[None].root_fields
    assert seen.overlaps <= count_overlaps(document, 10**6)


def tokens_of(document: DocumentNode) -> list[str]:
    assert document.loc
    token, tokens = document.loc.start_token.next, []
    while token and token.next:
        tokens.append(token.value if token.value is not None else token.kind.value)
        token = token.next
    return tokens


def walk(document: DocumentNode) -> Iterator[object]:
    pending = [
        n.selection_set
        for n in document.definitions
        if isinstance(n, (OperationDefinitionNode, FragmentDefinitionNode))
    ]
    while pending:
        for node in pending.pop().selections:
            yield node
            if not isinstance(node, FragmentSpreadNode) and node.selection_set:  # type: ignore[attr-defined]
                pending.append(node.selection_set)  # type: ignore[attr-defined]
