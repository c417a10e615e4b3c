"""A request takes a shorter way than Strawberry's, and comes out the same."""

from typing import Any

import pytest
import strawberry
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from schema.api import create_schema
from schema.limits import Limits
from tests.answers import contract

SCHEMA = create_schema(Limits(), 100)
QUERIES = (OperationType.QUERY,)
TAG = "query Tag($name: String!) { hashtag(name: $name) { name } } query Other { __typename }"


async def both(*given: Any, **named: Any) -> tuple[Any, Any]:
    """Return what both ways answer, or raise."""
    told: list[Any] = []
    for execute in (SCHEMA.execute, lambda *g, **n: strawberry.Schema.execute(SCHEMA, *g, **n)):
        try:
            result = await execute(*given, **named)
            errors = [(each.message, each.path, each.locations, each.extensions) for each in result.errors or ()]
            told.append((type(result).__name__, result.data, errors, result.extensions or {}))
        except Exception as error:
            told.append((type(error).__name__, vars(error)))
    return told[0], told[1]


@pytest.mark.parametrize(
    "named",
    [
        {"query": "{ __typename }"},
        {"query": TAG, "variable_values": {"name": "Roost"}, "operation_name": "Tag"},
        {"query": TAG, "variable_values": {"name": "#"}, "operation_name": "Tag"},
        {"query": TAG, "variable_values": {"name": 7}, "operation_name": "Tag"},
        {"query": TAG, "operation_name": "Tag"},
        {"query": TAG, "operation_name": "Other"},
        {"query": TAG},
        {"query": TAG, "operation_name": "Nobody"},
        {"query": "{ nothing }"},
        {"query": "{"},
        {"query": "{ a: __typename " + "b: __typename " * 40 + "}"},
        {"query": "{ viewer { id } }"},
        {"query": ""},
        {"query": None},
        {"query": contract()["RenewToken"], "allowed_operation_types": QUERIES},
        {"query": contract()["HomeTimelineUpdates"], "allowed_operation_types": QUERIES},
    ],
)
async def test_what_is_answered_or_raised_is_what_strawberry_answers_or_raises(named: dict[str, Any]) -> None:
    ours, strawberrys = await both(**named)

    assert ours == strawberrys


async def test_what_is_missing_or_not_allowed_raises() -> None:
    with pytest.raises(MissingQueryError):
        await SCHEMA.execute("")
    with pytest.raises(InvalidOperationTypeError):
        await SCHEMA.execute(contract()["RenewToken"], allowed_operation_types=QUERIES)
