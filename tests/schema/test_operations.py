"""Operations made ready once answer what graphql-core answers, whatever their variables, arguments and resolvers."""

from typing import Any

import strawberry
from graphql import DocumentNode, ExecutionResult, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.calls import shorten_calls
from schema.executor import begun
from schema.operations import Operations
from schema.plans import PLANS, Plans


@strawberry.input
class Wish:
    text: str
    times: int | None = None
    deeper: "Wish | None" = None


@strawberry.type
class Said:
    text: str
    times: int

    @strawberry.field
    def again(self, by: int = 1) -> str:
        return self.text * by


class Broken:
    text = "a"
    times = "many"


async def say(
    text: str, times: int | None = 3, more: int | None = None, flag: bool = True, wishes: list[int] | None = None
) -> Said | None:
    return answer(text, [text, times, more, flag, wishes])


async def insist(given: Wish, info: strawberry.Info) -> Said:
    return answer(given.text, [given.times, given.deeper, info.path.key])  # type: ignore[return-value]


async def number(of: int) -> int | None:
    if of == 3:
        raise ValueError("three is too many")
    return None if of == 4 else of


def answer(text: str, told: list[Any]) -> Said | None:
    match text:
        case "fail":
            raise ValueError(f"it fails with {told}")
        case "none":
            return None
        case "error":
            return ValueError("a value that is an error")  # type: ignore[return-value]
        case "broken":
            return Broken()  # type: ignore[return-value]
        case _:
            return Said(text=repr(told), times=len(told))


@strawberry.type
class Query:
    say: Said | None = strawberry.field(resolver=say)
    insist: Said = strawberry.field(resolver=insist)
    number: int | None = strawberry.field(resolver=number)


@strawberry.type
class Mutation:
    insist: Said = strawberry.field(resolver=insist)


FAST = strawberry.Schema(Query, Mutation)
shorten_calls(FAST._schema, FAST.schema_converter)
STOCK = strawberry.Schema(Query, Mutation, execution_context_class=StrawberryGraphQLCoreExecutionContext)
OPERATIONS = Operations(FAST._schema, 4)

SELECTED = ["{ text times }", "{ t: text __typename }", "{ text again(by: 2) }", "{ times ...More } "]
DOCUMENTS = [
    "query ($text: String!, $times: Int, $more: Int, $flag: Boolean) {"
    " say(text: $text, times: $times, more: $more, flag: $flag) %s }",
    "query ($text: String! = %r, $times: Int = 9) { said: say(text: $text, times: $times, wishes: [1, $times]) %%s }",
    'query ($times: Int) { say(text: "by name", wishes: [1, 2]) %s }',
    "query ($text: String!, $one: Boolean!) { say(text: $text) @include(if: $one) %s }",
    'query ($text: String = "may be null") { say(text: $text) %s }',
    "query ($wish: Wish!) { insist(given: $wish) %s }",
    "mutation ($wish: Wish!) { wished: insist(given: $wish) %s }",
    "query ($text: String!, $times: Int) { insist(given: {text: $text, times: $times}) %s }",
    "query A ($text: String!) { say(text: $text) %s } query B ($times: Int!) { number(of: $times) }",
    "query ($text: String!) { one: say(text: $text) %s two: number(of: 3) }",
]
FRAGMENT = " fragment More on Said { text }"
texts = st.sampled_from(["hello", "fail", "none", "error", "broken", "", None, 7])
wishes = st.recursive(
    st.fixed_dictionaries({"text": texts}, optional={"times": st.sampled_from([None, 1, "x", 2**40])}),
    lambda deeper: st.fixed_dictionaries({"text": texts, "deeper": deeper}),
    max_leaves=3,
)
variables = st.fixed_dictionaries(
    {},
    optional={
        "text": texts,
        "times": st.sampled_from([None, 0, 3, 4, "x", 1.5, True]),
        "more": st.sampled_from([None, 5]),
        "flag": st.sampled_from([None, True, False, "x"]),
        "one": st.sampled_from([True, False, None]),
        "wish": wishes | st.none() | st.just("x"),
        "another": st.just(1),
    },
)
documents = st.builds(
    lambda document, selected: parse((document % selected) + (FRAGMENT if "More" in selected else "")),
    st.sampled_from([document.replace("%r", '"by default"').replace("%%s", "%s") for document in DOCUMENTS]),
    st.sampled_from(SELECTED),
)


def told(result: ExecutionResult) -> Any:
    errors = [(error.message, error.path, error.locations) for error in result.errors or ()]
    return result.data, sorted(errors, key=repr)


async def run_fast(document: DocumentNode, name: str | None, given: dict[str, Any], operations: Operations) -> Any:
    executor = begun(FAST._schema, operations, document, name, given, None, None)
    if isinstance(executor, list):
        return told(ExecutionResult(None, executor))
    result: Any = executor.execute_operation()
    return told(result if isinstance(result, ExecutionResult) else await result)


async def run_stock(document: DocumentNode, name: str | None, given: dict[str, Any]) -> Any:
    executor: Any = StrawberryGraphQLCoreExecutionContext.build(STOCK._schema, document, None, None, given, name)
    if isinstance(executor, list):
        return told(ExecutionResult(None, executor))
    result = executor.execute_operation()
    return told(result if isinstance(result, ExecutionResult) else await result)


@settings(max_examples=300, deadline=None)
@given(documents, st.sampled_from([None, None, "A", "B"]), st.lists(variables, min_size=1, max_size=4))
@example(parse("query ($t: Int!) { number(of: $t) }"), None, [{"t": 3}, {"t": 4}, {"t": 5}, {}])
async def test_any_operation_answers_alike_the_first_time_and_every_other(
    document: DocumentNode, name: str | None, runs: list[dict[str, Any]]
) -> None:
    for given_now in [*runs, *runs]:
        fast = await run_fast(document, name, given_now, OPERATIONS)

        assert fast == await run_stock(document, name, given_now)


async def test_an_only_root_field_is_executed_without_graphql_core(monkeypatch: Any) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("graphql-core was asked")

    operations = Operations(FAST._schema)
    document = parse("query ($text: String!, $times: Int) { say(text: $text, times: $times) { text times } }")
    first = await run_fast(document, None, {"text": "a"}, operations)
    for name in ("execute_fields", "execute_field", "complete_value"):
        monkeypatch.setattr(StrawberryGraphQLCoreExecutionContext, name, refuse)

    assert await run_fast(document, None, {"text": "a"}, operations) == first
    assert first == ({"say": {"text": "['a', 3, None, True, None]", "times": 5}}, [])


async def test_operations_are_bounded() -> None:
    operations = Operations(FAST._schema, 3)
    FAST._schema.extensions[PLANS] = Plans()
    for text in "abcdefg":
        document = parse(f'{{ {text}: say(text: "{text}") {{ times }} }}')
        assert (await run_fast(document, None, {}, operations))[0] == {text: {"times": 5}}

    assert len(operations) == 3
