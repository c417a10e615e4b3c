"""Arguments become what Strawberry makes of them, and resolvers are handed what Strawberry hands them."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.relay import GlobalID
from strawberry.types.arguments import convert_argument

from resolvers.inputs import LogInInput, PostTweetInput, SignUpInput, UpdateProfileInput
from schema.calls import Conversions, shorten_calls


@strawberry.enum
class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.input
class Inner:
    number: int
    colour: Colour = Colour.RED
    texts: list[str] | None = strawberry.field(default_factory=lambda: ["of the factory"])
    again: Annotated["Outer", strawberry.lazy("tests.schema.test_calls")] | None = None


@strawberry.input
class Outer:
    inner: Inner
    maybe: Inner | None
    several: list[Inner]
    holes: list[Inner | None] | None = strawberry.UNSET
    nested: list[list[int]] | None = None
    node: GlobalID | None = None
    nodes: list[GlobalID] | None = None
    given: strawberry.Maybe[int | None] = None
    renamed: str | None = strawberry.field(name="otherName", default="default")


@strawberry.type
class Source:
    number: int

    @strawberry.field
    def method(self, by: int = 2) -> int:
        return self.number * by


async def described(root: Source, info: strawberry.Info[Any, None], outer: Outer | None = None, by: int = 3) -> str:
    return f"{root.number} {info.context} {info.field_name} {outer!r} {by}"


def plain(first: Annotated[list[int], strawberry.argument(name="numbers")], second: str | None = "second") -> str:
    first.append(len(first))
    return f"{first} {second}"


def number_of(above: strawberry.Parent[Source], fail: bool = False) -> int:
    if fail:
        raise ValueError("as it was asked to")
    return above.number


class Doubling(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return 2 * next_(source, info, **kwargs)


@strawberry.type
class Below(Source):
    described: str = strawberry.field(resolver=described)
    plain: str = strawberry.field(resolver=plain)
    of_parent: int | None = strawberry.field(resolver=number_of)
    doubled = strawberry.field(resolver=number_of, extensions=[Doubling()])


@strawberry.type
class Root:
    @strawberry.field
    def below(self) -> Below:
        return Below(number=7)


SHORT, STOCK = strawberry.Schema(Root), strawberry.Schema(Root)
shorten_calls(SHORT._schema, SHORT.schema_converter)
colours = st.sampled_from(Colour)
global_ids = st.just("VHdlZXQ6MQ==")


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Values as graphql-core hands them on: coerced, by GraphQL's names, what is optional left out or null."""
    inner = st.fixed_dictionaries(
        {"number": st.integers()},
        optional={"colour": colours, "texts": st.none() | st.lists(st.text()), "again": st.none()},
    )
    outer = st.fixed_dictionaries(
        {"inner": inner, "several": st.lists(inner, max_size=2)},
        optional={
            "maybe": st.none() | inner,
            "holes": st.none() | st.lists(st.none() | inner, max_size=2),
            "nested": st.none() | st.lists(st.lists(st.integers(), max_size=2), max_size=2),
            "node": st.none() | global_ids,
            "nodes": st.none() | st.lists(global_ids, max_size=2),
            "given": st.none() | st.integers(),
            "otherName": st.none() | st.text(),
        },
    )
    deep = st.builds(lambda top, below: {**top, "inner": {"number": 1, "again": below}}, outer, outer)
    kinds: dict[str, st.SearchStrategy[Any]] = {"outer": outer | deep, "inner": inner}
    return kinds[kind]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_value_is_converted_as_strawberry_converts_it(data: st.DataObject) -> None:
    converter = SHORT.schema_converter
    kind: Any
    kind, values = data.draw(
        st.sampled_from(
            [
                (Outer, values_of("outer")),
                (Outer | None, st.none() | st.just(strawberry.UNSET) | values_of("outer")),
                (list[Inner | None], st.lists(st.none() | values_of("inner"))),
                (list[Colour] | None, st.none() | st.lists(colours)),
                (list[str | None], st.lists(st.none() | st.text())),
                (int | None, st.none() | st.integers()),
                (GlobalID, global_ids),
                (list[GlobalID], st.lists(global_ids)),
            ]
        )
    )
    value = data.draw(values)
    resolved = StrawberryAnnotation(kind, namespace=globals()).resolve()

    convert = Conversions(converter).of(resolved)
    ours = value if convert is None else convert(value)
    strawberrys = convert_argument(value, resolved, converter.scalar_registry, converter.config)

    assert ours == strawberrys
    assert (ours is value) == (strawberrys is value)


texts = st.text(max_size=3)
Fields = dict[str, st.SearchStrategy[Any]]
OWN: dict[type, tuple[Fields, Fields]] = {
    SignUpInput: ({"handle": texts, "displayName": texts, "password": texts}, {}),
    LogInInput: ({"handle": texts, "password": texts}, {}),
    PostTweetInput: (
        {"text": texts},
        {"inReplyToId": texts, "quotedTweetId": texts, "mediaIds": st.lists(texts), "idempotencyKey": texts},
    ),
    UpdateProfileInput: (
        {},
        {"displayName": texts, "bio": texts, "avatarMediaId": texts, "expectedVersion": st.integers()},
    ),
}


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_every_input_of_roost_becomes_what_strawberry_makes_of_it(kind: type, data: st.DataObject) -> None:
    required, optional = OWN[kind]
    nullable = {name: st.none() | values for name, values in optional.items()}
    value = data.draw(st.fixed_dictionaries(required, optional=nullable))
    converter = SHORT.schema_converter
    convert = Conversions(converter).of(kind)
    assert convert is not None

    assert convert(value) == convert_argument(value, kind, converter.scalar_registry, converter.config)


def test_a_global_id_that_is_none_is_told_as_strawberry_tells_it() -> None:
    convert = Conversions(SHORT.schema_converter).of(GlobalID)
    assert convert is not None
    with pytest.raises(Exception, match="cannot represent a GlobalID"):
        convert("no id")


@dataclass
class Answer:
    data: Any
    errors: list[tuple[str, Any]]


async def answer(schema: strawberry.Schema, fields: str) -> Answer:
    result = await schema.execute(f"{{ below {{ {fields} }} }}", context_value="context")
    return Answer(result.data, [(error.message, error.path) for error in result.errors or ()])


@pytest.mark.parametrize(
    "fields",
    [
        "described",
        "described(by: 5)",
        'described(outer: {inner: {number: 1}, several: [{number: 2, colour: BLUE}], otherName: "x", given: null})',
        'described(outer: {inner: {number: 1, again: {inner: {number: 2}, several: []}}, several: [], node: "bad"})',
        "plain(numbers: [1, 2])",
        "plain(numbers: 1, second: null)",
        "plain(numbers: [])",
        "ofParent",
        "ofParent(fail: true)",
        "doubled",
        "number method method(by: 3)",
        "again: method(by: 4)",
        "number described ofParent(fail: true) plain(numbers: [1])",
    ],
)
async def test_a_resolver_called_directly_answers_as_before(fields: str) -> None:
    ours, strawberrys = await answer(SHORT, fields), await answer(STOCK, fields)

    assert ours == strawberrys
    assert ours.data is not None or ours.errors


async def test_a_default_list_that_a_resolver_changes_is_whole_for_the_next_request() -> None:
    first, second = await answer(SHORT, "plain(numbers: [4])"), await answer(SHORT, "plain(numbers: [4])")

    assert first == second
