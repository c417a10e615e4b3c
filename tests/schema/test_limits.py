import time
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    OperationDefinitionNode,
    build_schema,
    get_introspection_query,
    parse,
    print_ast,
)

from schema.documents import CachedDocuments
from schema.limits import Limits, prepare
from schema.overlaps import fragments_of

CONTRACT = Path(__file__).parents[1] / "contract" / "operations.graphql"
SHARED_CONTRACT = Path(__file__).parents[2] / "../shared/contract/operations.graphql"
LIMITS = Limits()
SCHEMA = build_schema(
    """
    type Query { me: User hello: String users(first: Int): [User] }
    type User { id: ID name: String tweets(first: Int, last: Int): Tweets }
    type Tweets { edges: [Edge] total: Int }
    type Edge { node: Tweet }
    type Tweet { id: ID text: String author: User }
    """
)


def operation_names() -> list[str]:
    document = parse(CONTRACT.read_text())
    return [n.name.value for n in document.definitions if isinstance(n, OperationDefinitionNode) and n.name]


def single_document(name: str) -> str:
    """One operation of the contract with the fragments it needs, as a client sends it."""
    document = parse(CONTRACT.read_text())
    fragments = fragments_of(document)
    operation = next(
        n for n in document.definitions if isinstance(n, OperationDefinitionNode) and n.name and n.name.value == name
    )
    texts, pending, seen = [print_ast(operation)], [print_ast(operation)], set[str]()
    while pending:
        text = pending.pop()
        for fragment in fragments:
            if f"...{fragment}" in text and fragment not in seen:
                seen.add(fragment)
                texts.append(print_ast(fragments[fragment]))
                pending.append(texts[-1])
    return "\n".join(texts)


def check(text: str, variables: dict[str, Any] | None = None, name: str | None = None) -> list[GraphQLError]:
    _, errors = CachedDocuments(LIMITS).check(SCHEMA, text, name, variables or {})
    return list(errors)


def code_of(errors: list[GraphQLError]) -> object:
    return (errors[0].extensions or {}).get("code")


def limit_of(errors: list[GraphQLError]) -> object:
    assert code_of(errors) == "QUERY_TOO_COMPLEX", errors
    return (errors[0].extensions or {}).get("limit")


def test_the_copy_of_the_contract_is_identical() -> None:
    if not SHARED_CONTRACT.exists():
        pytest.skip("the shared folder is not beside this checkout")
    assert CONTRACT.read_bytes() == SHARED_CONTRACT.read_bytes()


@pytest.mark.parametrize("name", operation_names())
def test_every_document_of_the_contract_passes_at_first_100_with_headroom(name: str) -> None:
    checked = prepare(single_document(name), LIMITS)
    assert not checked.refused
    operation = checked.operations[name]
    assert operation.cost({"first": 100}) <= 0.75 * LIMITS.cost
    assert operation.depth <= 0.75 * LIMITS.depth
    assert operation.root_fields <= 0.75 * LIMITS.root_fields


def test_the_whole_contract_passes_as_one_document() -> None:
    assert not prepare(CONTRACT.read_text(), LIMITS).refused


def test_a_full_introspection_query_passes_and_two_do_not() -> None:
    full = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    assert check(full) == []
    assert limit_of(check(full.replace("__schema {", "again: __schema { types { ...FullType } } __schema {"))) == "cost"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{users(first:100){tweets(first:100){edges{node{id}}}}}", "cost"),
        ("{me" + "{tweets{edges{node{author" * 4 + "{id}" + "}}}}" * 4 + "}", "depth"),
        ("{" + " ".join(f"a{i}: hello" for i in range(31)) + "}", "aliases"),
        ("{hello " + "@skip(if: false) " * 51 + "}", "directives"),
        ("{" + "hello " * 11 + "}", "root_fields"),
        ("{...F ...F} fragment F on Query {" + "hello " * 6 + "}", "root_fields"),
        ("{me {" + "name " * 50 + "}}", "overlaps"),
        ("{me {...F " + "...F " * 50 + "}} fragment F on User {id}", "overlaps"),
        ("{me {" + "... on User {id} " * 50 + "}}", "overlaps"),
        ("{" + "hello " * 1500 + "}", "tokens"),
        ("{hello}" + "#\n" * 1501, "tokens"),
        ("{hello}" + "#" * 20_000, "characters"),
        ("{...A1}" + "".join(f"fragment A{i} on Query {{...A{i + 1}}}" for i in range(1, 170)), "depth"),
    ],
)
def test_what_is_over_a_limit_is_refused_by_its_name(text: str, limit: str) -> None:
    errors = check(text)
    assert limit_of(errors) == limit
    assert len(errors) == 1
    assert str(getattr(LIMITS, limit)) in errors[0].message


def test_the_number_of_values_in_the_variables_is_limited_at_all_levels() -> None:
    text = "query($n: Int) {users(first: $n) {id}}"
    assert check(text, {"n": 3, "unused": [[0] * 30] * 30}) == []
    assert limit_of(check(text, {"n": 3, "unused": [[0] * 40] * 40})) == "values"


def test_fragments_that_double_are_refused_in_bounded_time() -> None:
    doubling = "".join(f"fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(90))
    started = time.process_time()
    errors = check("{me {...F0}}" + doubling + "fragment F90 on User {tweets(first: 5) {total}}")
    assert limit_of(errors) in ("cost", "overlaps", "selections")
    assert time.process_time() - started < 0.2


def test_circular_fragments_are_told_as_such() -> None:
    errors = check("{...A} fragment A on Query {hello ...B} fragment B on Query {...A}")
    assert code_of(errors) == "GRAPHQL_VALIDATION_FAILED"
    assert "within itself" in errors[0].message


def test_what_does_not_parse_and_what_does_not_validate_have_codes_and_places() -> None:
    syntax, unknown = check("{"), check("{ hello nothing }")
    assert code_of(syntax) == "GRAPHQL_PARSE_FAILED"
    assert code_of(unknown) == "GRAPHQL_VALIDATION_FAILED"
    assert [place.column for place in unknown[0].locations or ()] == [9]


def test_a_document_full_of_unknown_fields_is_refused_before_it_is_parsed() -> None:
    full = "{me {" + " ".join(f"x{i} y{i}: z{i}" for i in range(12)) + "}}"
    errors = check(full)
    assert len(errors) == LIMITS.errors + 1
    assert [error.message for error in errors[:2]] == ["No type has a field 'x0'.", "No type has a field 'z0'."]
    assert {code_of([error]) for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert "14 more" in errors[-1].message


def test_the_errors_of_an_invalid_document_are_few_and_short() -> None:
    errors = check("{me {" + "text " * 40 + "}}")
    assert len(errors) == LIMITS.errors + 1
    long = check("{me {" + "x" * 15_000 + "}}")
    assert max(len(error.message) for error in long) <= 400


@pytest.mark.parametrize(
    ("text", "name"),
    [("query A {hello} query B {hello}", None), ("query A {hello}", "B"), ("query A {hello}", "x\n" * 5000)],
)
def test_an_operation_that_is_not_there_is_a_bad_request(text: str, name: str | None) -> None:
    errors = check(text, name=name)
    assert code_of(errors) == "BAD_REQUEST"
    assert len(errors[0].message) < 200
    assert "\n" not in errors[0].message


def test_the_other_operations_of_a_document_do_not_count_against_the_one_that_runs() -> None:
    text = "query Light {hello} query Heavy {users(first:100){tweets(first:100){edges{node{id}}}}}"
    assert check(text, name="Light") == []
    assert limit_of(check(text, name="Heavy")) == "cost"


def test_a_text_met_again_is_neither_parsed_nor_validated_and_still_priced() -> None:
    documents = CachedDocuments(LIMITS)
    text = "query($n: Int) {users(first: $n) {tweets(first: $n) {edges {node {id}}}}}"
    first, errors = documents.check(SCHEMA, text, None, {"n": 5})
    assert not errors
    again, refused = documents.check(SCHEMA, text, None, {"n": 100})
    assert limit_of(list(refused)) == "cost"
    once_more, errors = documents.check(SCHEMA, text, None, {"n": 6})
    assert not errors
    assert first is again is once_more


def test_a_flood_of_documents_pushes_no_trusted_one_out() -> None:
    documents = CachedDocuments(LIMITS, size=4)
    assert not documents.trust(SCHEMA, "{hello}")
    trusted, _ = documents.check(SCHEMA, "{hello}", None, {})
    for i in range(10):
        documents.check(SCHEMA, f"{{hello}} # {i}", None, {})
    assert documents.check(SCHEMA, "{hello}", None, {})[0] is trusted
    assert len(documents) == 4


def test_a_document_that_cannot_run_is_not_trusted() -> None:
    documents = CachedDocuments(LIMITS, size=4)
    assert [error.extensions for error in documents.trust(SCHEMA, "{nothing}")] == [
        {"code": "GRAPHQL_VALIDATION_FAILED"}
    ]
    assert documents.check(SCHEMA, "{nothing}", None, {})[0] is None


def test_the_cache_holds_few_long_documents_and_forgets_the_oldest() -> None:
    documents = CachedDocuments(LIMITS, size=4)
    kept, _ = documents.check(SCHEMA, "{hello}", None, {})
    for i in range(3):
        documents.check(SCHEMA, f"{{hello}} # {i}", None, {})
    assert documents.check(SCHEMA, "{hello}", None, {})[0] is kept
    documents.check(SCHEMA, "{hello} # one too many", None, {})
    assert len(documents) == 4
    assert documents.check(SCHEMA, "{hello}", None, {})[0] is kept
    documents.check(
        SCHEMA, "{me {" + " ".join(f"... {{ {'id ' * 5} }}" for _ in range(8)) + "id " * 400 + "}}", None, {}
    )
    assert documents.check(SCHEMA, "{hello}", None, {})[0] is kept
    for i in range(3):
        documents.check(SCHEMA, f"{{hello}} # {i} " + "#" * 19_000, None, {})
    assert len(documents) <= 2


@pytest.mark.parametrize(
    "hostile",
    [
        '"' + '\\"' * 9_000,
        '"""' + '\\"""' * 4_000,
        '"' * 19_999,
        "\\" * 19_999,
        "-" * 19_999,
        "1." * 9_000,
        "." * 19_999,
    ],
)
def test_no_text_makes_the_scan_slow(hostile: str) -> None:
    def took_s() -> float:
        started = time.process_time()
        prepare("{" + hostile, LIMITS)
        return time.process_time() - started

    # What a neighbour on the machine costs is not the scan's: the best of three is.
    assert min(took_s() for _ in range(3)) < 0.05
