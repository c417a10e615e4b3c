"""The short way for plain fields answers what graphql-core answers: data, errors, paths, and nulls that bubble up."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import DocumentNode, Executor, execute, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.calls import shorten_calls
from schema.executor import PlainExecutor
from schema.plans import PLANS, Plans


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


async def later(root: Any) -> "Leaf":
    return root.child  # type: ignore[no-any-return]


async def failing() -> int:
    raise ValueError("it fails")


@strawberry.type
class Leaf:
    text: str
    maybe: str | None
    number: int
    flag: bool
    ident: strawberry.ID
    when: datetime
    colour: Colour
    texts: list[str]

    @strawberry.field
    def doubled(self, by: int = 2) -> int:
        return by * 2


@strawberry.type
class Branch:
    leaf: Leaf
    maybe: Leaf | None
    leaves: list[Leaf]
    holes: list[Leaf | None]
    maybe_leaves: list[Leaf] | None
    late: Leaf = strawberry.field(resolver=later)
    fails: int | None = strawberry.field(resolver=failing)
    fails_hard: int = strawberry.field(resolver=failing)
    branches: list["Branch"]

    @classmethod
    def is_type_of(cls, value: object, _info: Any) -> bool:
        return isinstance(value, SimpleNamespace) and hasattr(value, "branches")


@strawberry.type
class Query:
    @strawberry.field
    def root(self, info: strawberry.Info[Any, None]) -> Branch:
        return info.context  # type: ignore[no-any-return]


FAST = strawberry.Schema(Query, execution_context_class=PlainExecutor)
shorten_calls(FAST._schema, FAST.schema_converter)
STOCK = strawberry.Schema(Query, execution_context_class=StrawberryGraphQLCoreExecutionContext)
ODD = [None, 3, "text", "", 2**40, True, ValueError("a value that is an error"), 1.5, object, [], ["a", None]]
odd = st.sampled_from(ODD)


@st.composite
def leaves(draw: st.DrawFn) -> Any:
    good: dict[str, Any] = {
        "text": "a",
        "maybe": None,
        "number": 7,
        "flag": False,
        "ident": "i",
        "when": datetime(2026, 1, 1, tzinfo=UTC),
        "colour": Colour.BLUE,
        "texts": ["x", "y"],
    }
    for name in draw(st.lists(st.sampled_from(sorted(good)), max_size=1)):
        good[name] = draw(odd)
    return draw(odd) if draw(st.integers(0, 12)) == 0 else SimpleNamespace(**good)


@st.composite
def branches(draw: st.DrawFn, depth: int = 2) -> Any:
    below = st.lists(branches(depth - 1), max_size=2) if depth else st.just([])
    some = st.lists(leaves(), max_size=3)
    branch = SimpleNamespace(
        leaf=draw(leaves()),
        maybe=draw(st.none() | leaves()),
        leaves=draw(some),
        holes=draw(st.lists(st.none() | leaves(), max_size=3)),
        maybe_leaves=draw(st.none() | some),
        child=draw(leaves()),
        branches=draw(below),
    )
    for name in draw(st.lists(st.sampled_from(["leaf", "leaves", "holes", "branches", "child"]), max_size=1)):
        if draw(st.integers(0, 3)) == 0:
            setattr(branch, name, draw(odd))
    return branch


PLAIN = [
    "text",
    "maybe",
    "number",
    "flag",
    "ident",
    "when",
    "colour",
    "texts",
    "doubled",
    "doubled(by: 3)",
    "__typename",
]
leaf_selections = st.lists(st.sampled_from(PLAIN), min_size=1, max_size=5, unique=True).map(
    lambda names: "{ " + " ".join(f"f{at}: {name}" for at, name in enumerate(names)) + " }"
)


@st.composite
def selections(draw: st.DrawFn, depth: int = 2) -> str:
    names = ["leaf", "maybe", "leaves", "holes", "maybeLeaves", "late", "fails", "failsHard", "branches", "__typename"]
    parts = []
    for at, name in enumerate(draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))):
        if name in {"fails", "failsHard", "__typename"}:
            parts.append(f"b{at}: {name}")
        elif name == "branches":
            parts.append(f"b{at}: {name} {draw(selections(depth - 1))}" if depth else f"b{at}: __typename")
        else:
            parts.append(f"b{at}: {name} {draw(leaf_selections)}")
    return "{ " + " ".join(parts) + " }"


DIRECTIVES = ["", "@include(if: $one)", "@skip(if: $one)", "@skip(if: $other)", "@include(if: $one) @skip(if: $other)"]


@st.composite
def steered(draw: st.DrawFn) -> str:
    """Selections of which variables decide what is selected."""
    parts = []
    for at, name in enumerate(draw(st.lists(st.sampled_from(["leaf", "leaves", "late", "branches"]), min_size=1))):
        inner = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=3, unique=True))
        fields = " ".join(f"f{n}: {each} {draw(st.sampled_from(DIRECTIVES))}" for n, each in enumerate(inner))
        below = "leaf { ...Steered }" if name == "branches" else f"{fields} ...Steered"
        parts.append(f"b{at % 3}{name}: {name} {draw(st.sampled_from(DIRECTIVES))} {{ __typename {below} }}")
    spread = f"fragment Steered on Leaf {{ text number {draw(st.sampled_from(DIRECTIVES))} }}"
    return f"query ($one: Boolean!, $other: Boolean = false) {{ root {{ __typename {' '.join(parts)} }} }} {spread}"


def answered(result: Any) -> Any:
    errors = [(error.message, error.path, error.locations) for error in result.errors or ()]
    return result.data, sorted(errors, key=repr)


@settings(max_examples=200, deadline=None)
@given(branches(), selections())
async def test_any_document_over_any_values_answers_alike(root: Any, selection: str) -> None:
    document = "{ root " + selection + " }"

    fast = await FAST.execute(document, context_value=root)
    stock = await STOCK.execute(document, context_value=root)

    assert answered(fast) == answered(stock)


async def run(schema: strawberry.Schema, executor: type[Executor[Any]], document: DocumentNode, **given: Any) -> Any:
    result = execute(schema._schema, document, executor_class=executor, **given)
    return answered(await result if isinstance(result, Awaitable) else result)


flags = st.fixed_dictionaries({"one": st.booleans()}, optional={"other": st.booleans()})


@settings(max_examples=60, deadline=None)
@given(steered(), st.lists(st.tuples(branches(1), flags), min_size=2, max_size=4))
async def test_what_is_kept_of_a_document_serves_other_values_of_its_variables(text: str, runs: list[Any]) -> None:
    document = parse(text)
    for root, variables in [*runs, *runs]:
        given_now = {"context_value": root, "variable_values": variables}

        fast = await run(FAST, PlainExecutor, document, **given_now)
        stock = await run(STOCK, StrawberryGraphQLCoreExecutionContext, document, **given_now)

        assert fast == stock


def leaf() -> SimpleNamespace:
    return SimpleNamespace(text="a", maybe=None, number=1, flag=True, ident="i", texts=[], colour=Colour.RED)


async def test_a_document_is_looked_at_once_for_each_set_of_values_that_steers_it() -> None:
    schema = strawberry.Schema(Query, execution_context_class=PlainExecutor)
    document = parse("query ($one: Boolean!, $by: Int) { root { leaf { text @skip(if: $one) doubled(by: $by) } } }")
    plans = schema._schema.extensions[PLANS] = Plans()
    sizes = []
    for by in range(3):
        for one in (True, False):
            variables = {"one": one, "by": by}
            context = SimpleNamespace(leaf=leaf(), branches=[])
            await run(schema, PlainExecutor, document, context_value=context, variable_values=variables)
            sizes.append(plans.size)

    assert len(plans) == 1
    assert sizes[0] < sizes[1] == sizes[-1]


@pytest.mark.parametrize("size_max", [0, 10, 40])
async def test_what_is_kept_of_documents_is_bounded(size_max: int) -> None:
    schema = strawberry.Schema(Query, execution_context_class=PlainExecutor)
    plans = schema._schema.extensions[PLANS] = Plans(size_max)
    documents = [parse(f"{{ root {{ leaf {{ f{n}: text number flag }} }} }}") for n in range(20)]
    for document in [*documents, *documents]:
        context = SimpleNamespace(leaf=leaf(), branches=[])
        data, errors = await run(schema, PlainExecutor, document, context_value=context)
        assert errors == [] and list(data["root"]["leaf"].values()) == ["a", 1, True]

    # The one that ran last may still have grown beyond.
    assert plans.size <= size_max + 10
    assert len(plans) < 20


async def test_an_object_of_plain_fields_is_read_without_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("graphql-core was asked")

    context = SimpleNamespace(leaf=leaf(), leaves=[leaf(), leaf()], branches=[])
    document = parse("{ root { leaf { text colour } leaves { __typename number texts } } }")
    monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, "complete_list_value", refuse)

    data, errors = await run(FAST, PlainExecutor, document, context_value=context)

    assert errors == []
    assert data["root"]["leaf"] == {"text": "a", "colour": "RED"}
    assert data["root"]["leaves"] == [{"__typename": "Leaf", "number": 1, "texts": []}] * 2
