"""Whatever is asked of Roost's own schema, its way of executing answers what graphql-core answers."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, execute, parse, validate
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from loaders.errors import RoostError
from resolvers.context import Context
from schema.mutation import Mutation
from schema.query import Query
from schema.subscription import Subscription
from schema.tweet import Tweet
from schema.user import User
from tests.answers import roost_schema
from tests.schema.any_documents import AnyDocuments
from tests.schema.test_contract_documents import populated
from tests.world import World

CASES = int(os.environ.get("TEST_DOCUMENTS", "5000"))
SEED = int(os.environ.get("TEST_DOCUMENTS_SEED", "1"))
GATHERED_EVERY = 250
VIEWERS = ("bob", "ada", None)
STOCK = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[Tweet, User],
    execution_context_class=StrawberryGraphQLCoreExecutionContext,
    config=StrawberryConfig(disable_field_suggestions=True),
)
"""The same types and resolvers, executed by graphql-core alone."""


def told(result: Any) -> tuple[Any, list[Any]]:
    """Return an answer's data and its errors, in an order that does not depend on who was awaited first."""
    errors = [(error.message, error.path, error.locations) for error in result.errors or ()]
    return result.data, sorted(errors, key=repr)


@pytest.fixture
def gathered() -> Iterator[Callable[[], None]]:
    """Have garbage collected only when asked for: of the coroutines that graphql-core leaves Python warns as they go,
    and it cannot while a named tuple is made, whose code has no builtins to import by.
    """
    gc.disable()

    def gather() -> None:
        gc.collect()

    yield gather
    gc.enable()


def is_meant(error: GraphQLError) -> bool:
    """Tell whether an error is told to who asked, and is no fault of Roost."""
    return error.original_error is None or isinstance(error.original_error, RoostError | GraphQLError)


async def test_any_query_is_answered_as_graphql_core_answers_it(
    world: World, gathered: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    ids, chance, counts = await populated(world), Random(SEED), Counter[str]()
    values: dict[str, Sequence[object]] = {
        "ID": [*ids.values(), "VHdlZXQ6MQ==", "rubbish", ""],
        "handle": ["ada", "BOB", "cy", "nobody", "no handle"],
        "name": ["roost", "#roost", "trend", ""],
        "query": ["hello", "#roost OR strange", "from:ada -quote", "(", "has:media", "a"],
        "after": [ids["cursor"], ids["notification"], "rubbish", ""],
        "before": [ids["cursor"], "rubbish"],
        "String": ["text"],
        "Int": [1, 2, 5, 5, 20, 0, -1, 101, 2**31],
        "Boolean": [True, False],
    }
    documents = AnyDocuments(STOCK._schema, chance, values)
    seen: Counter[str] = Counter()
    while seen["cases"] < CASES:
        if not seen["cases"] % GATHERED_EVERY:
            gathered()
        text = documents.query()
        document = parse(text)
        if validate(STOCK._schema, document):
            counts["invalid"] += 1
            continue
        for viewer in (chance.choice(VIEWERS), chance.choice(VIEWERS)):
            variables = documents.variables()
            viewer_id = None if viewer is None else await world.account(viewer)
            given: dict[str, Any] = {"variable_values": variables}
            fast: Any = await roost_schema().execute(text, context_value=Context(world.services, viewer_id), **given)
            if any("too complex" in error.message for error in fast.errors or ()):
                counts["too complex"] += 1
                break
            stock: Any = execute(
                STOCK._schema,
                document,
                context_value=Context(world.services, viewer_id),
                executor_class=StrawberryGraphQLCoreExecutionContext,
                **given,
            )
            stock = await stock if isinstance(stock, Awaitable) else stock

            assert told(fast) == told(stock), (text, variables, viewer)
            assert [error for error in stock.errors or () if not is_meant(error)] == [], (text, variables, viewer)
            seen["cases"] += 1
            counts["answered with data"] += stock.data is not None
            counts["answered with errors"] += bool(stock.errors)
    with capsys.disabled():
        sys.stdout.write(f"\n{seen['cases']} queries, TEST_DOCUMENTS_SEED={SEED}: {dict(counts)}\n")
    assert counts["answered with data"] > CASES / 3
    assert counts["answered with errors"] > CASES / 20
