"""What is measured of operations: told apart by name as long as there are few, and by the codes that clients saw."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from graphql import GraphQLError
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from strawberry.types.execution import ExecutionResult

from infra.measures import Measures
from infra.telemetry import Exposition
from loaders.errors import RateLimited, Unavailable

DONE = ExecutionResult(data={}, errors=None)
WAIT_S = 10.0


@pytest.fixture
def measures() -> Measures:
    return Measures(lambda: 0.0, names_max=4)


def counted(measures: Measures, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name, by the values of their labels."""
    text = generate_latest(measures.registry).decode()
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_operations_are_told_apart_by_the_name_asked_for_or_that_of_the_document(measures: Measures) -> None:
    measures.executed("query One { a } query Two { b }", "Two", 0.25, DONE)
    measures.executed("mutation Post($a: Int) { a }", None, 0.5, DONE)
    measures.executed("{ a }", None, 0.5, DONE)

    assert counted(measures, "roost_operation_duration_seconds_count") == {("Two",): 1, ("Post",): 1, ("anonymous",): 1}
    assert counted(measures, "roost_operation_duration_seconds_sum")["Two",] == 0.25


def test_no_flood_of_names_makes_more_series_and_refused_documents_use_none_up(measures: Measures) -> None:
    for number in range(50):
        measures.executed(f"query Refused{number} {{ a }}", None, 0.1, ExecutionResult(None, [GraphQLError("no")]))
        measures.failed(f"query Failed{number} {{ a }}", None, 0.1, ValueError("no"))
    for number in range(50):
        measures.executed(f"query Q{number} {{ a }}", None, 0.1, DONE)

    assert counted(measures, "roost_operation_duration_seconds_count") == {("other",): 148, ("Q0",): 1, ("Q1",): 1}


def test_errors_count_by_the_codes_that_clients_see(measures: Measures) -> None:
    slow = GraphQLError("later", path=["a"], original_error=Unavailable("later"))
    broken = GraphQLError("secret", path=["b"], original_error=ValueError("secret"))
    measures.executed("query Q { a b }", None, 0.1, ExecutionResult({"a": None}, [slow, broken, slow]))
    measures.failed("query Q { a b }", None, 0.1, RateLimited("slower"))

    assert counted(measures, "roost_operation_errors_total") == {
        ("UNAVAILABLE", "Q"): 2,
        ("INTERNAL_SERVER_ERROR", "Q"): 1,
        ("RATE_LIMITED", "Q"): 1,
    }


@pytest.fixture
async def watched(measures: Measures) -> AsyncIterator[Measures]:
    watching = asyncio.ensure_future(measures.watch_loop())
    yield measures
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_the_event_loop_is_looked_at_all_the_time(watched: Measures) -> None:
    async with asyncio.timeout(WAIT_S):
        while counted(watched, "roost_event_loop_lag_seconds_count")[()] < 2:  # noqa: ASYNC110 - it counts by itself
            await asyncio.sleep(0.01)

    assert counted(watched, "roost_event_loop_tasks")[()] >= 2
    assert counted(watched, "python_gc_collections_total")


async def test_what_garbage_collection_takes_is_counted_by_generation_while_the_loop_is_watched() -> None:
    steps = iter(range(1_000))
    measures = Measures(lambda: float(next(steps)))
    watching = asyncio.ensure_future(measures.watch_loop())
    await asyncio.sleep(0)
    gc.disable()
    try:
        gc.collect(2)
        gc.collect(2)
    finally:
        gc.enable()
    took = counted(measures, "roost_gc_pause_seconds_total")

    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    gc.collect(2)

    assert took["2",] == 2.0
    assert counted(measures, "roost_gc_pause_seconds_total") == took


async def test_parts_that_say_nothing_for_a_while_are_told_as_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.telemetry.ASKED_S", 0.01)
    is_well, never = True, asyncio.Event()

    async def states() -> dict[str, dict[str, object]]:
        if not is_well:
            await never.wait()
        return {"log": {"ready": True, "lag_events": 3, "lag_s": 0.5}, "timelines": {"ready": True, "degraded": "away"}}

    measures = Measures(lambda: 0.0)
    shown = Exposition(measures, states)
    well = (await shown.text()).decode()
    is_well = False
    frozen = (await shown.text()).decode()

    assert 'roost_part_ready{part="log"} 1.0' in well
    assert 'roost_part_degraded{part="timelines"} 1.0' in well
    assert 'roost_lag_events{group="log"} 3.0' in well
    assert 'roost_lag_seconds{group="log"} 0.5' in well
    assert 'roost_part_ready{part="log"} 0.0' in frozen
    assert 'roost_part_ready{part="timelines"} 0.0' in frozen
