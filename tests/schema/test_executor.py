"""The short way for plain fields answers what graphql-core answers: data, errors, paths, and nulls that bubble up."""

from datetime import UTC, datetime
from enum import Enum
from types import SimpleNamespace
from typing import Any

import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.executor import PlainExecutor


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
    names = ["leaf", "maybe", "leaves", "holes", "maybeLeaves", "late", "fails", "failsHard", "branches"]
    parts = []
    for at, name in enumerate(draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))):
        if name in {"fails", "failsHard"}:
            parts.append(f"b{at}: {name}")
        elif name == "branches":
            parts.append(f"b{at}: {name} {draw(selections(depth - 1))}" if depth else f"b{at}: __typename")
        else:
            parts.append(f"b{at}: {name} {draw(leaf_selections)}")
    return "{ " + " ".join(parts) + " }"


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
