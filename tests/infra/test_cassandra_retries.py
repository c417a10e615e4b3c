"""What is sent to Cassandra once more: never more than the budget has, after random pauses, and nothing that counts."""

from collections.abc import Callable
from typing import Any

import pytest
from cassandra.policies import RetryPolicy  # type: ignore[import-untyped]

from infra.adapters.cassandra.driver import CONDITIONALS, Kind, Options, parse, profile
from infra.adapters.cassandra.retries import NEVER, RetryLimits
from infra.adapters.guard import Guard, GuardLimits

TARGET = parse("cassandra://127.0.0.1:9042/roost")
LIMITS = RetryLimits(retries_max=2, backoff_s=0.05, speculative_after_s=0.2, speculative_max=1)
SPARE = 4
SHARE = 0.25
REPEATABLE = sorted(set(Kind) - set(CONDITIONALS), key=str)
Fails = Callable[[Any, int], tuple[Any, ...]]
"""Asks a policy, as the driver asks it, what becomes of a statement that was tried again so many times already."""
FAULTS: dict[str, Fails] = {
    "a replica is late with a read": lambda policy, retries: policy.on_read_timeout(
        "a statement",
        retry_num=retries,
        consistency=6,
        required_responses=2,
        received_responses=1,
        data_retrieved=False,
    ),
    "a replica is late with a write": lambda policy, retries: policy.on_write_timeout(
        "a statement", retry_num=retries, consistency=6, required_responses=2, received_responses=1, write_type=0
    ),
    "too few replicas are seen": lambda policy, retries: policy.on_unavailable(
        "a statement", retry_num=retries, consistency=6, required_replicas=2, alive_replicas=1
    ),
    "a node is overloaded or gone": lambda policy, retries: policy.on_request_error(
        "a statement", 6, error=ConnectionError(), retry_num=retries
    ),
}


def new_guard() -> Guard:
    limits = GuardLimits(retry_share=SHARE, retries_spare=SPARE)
    return Guard("Cassandra", limits, lambda: 0.0, lambda: 0.0)


def retries_of(kind: Kind, guard: Guard | None) -> Any:
    return profile(kind, TARGET, Options(retries=LIMITS), lambda: guard).retry_policy


def reads_once_more(guard: Guard) -> Any:
    """Return the plan of one read, as the driver has one made before it sends it."""
    policy = profile(Kind.READ, TARGET, Options(retries=LIMITS), lambda: guard).speculative_execution_policy
    return policy.new_plan("roost", "a statement")


def calls(guard: Guard, count: int) -> None:
    for _ in range(count):
        with guard:
            pass


@pytest.mark.parametrize("kind", REPEATABLE)
@pytest.mark.parametrize("fails", FAULTS.values(), ids=FAULTS)
def test_what_fails_is_sent_to_the_next_node_so_many_times_with_a_growing_pause(kind: Kind, fails: Fails) -> None:
    policy = retries_of(kind, new_guard())

    decisions = [fails(policy, retries) for retries in range(LIMITS.retries_max + 1)]

    assert [decision[0] for decision in decisions] == [
        RetryPolicy.RETRY_NEXT_HOST,
        RetryPolicy.RETRY_NEXT_HOST,
        RetryPolicy.RETHROW,
    ]
    assert [decision[1] for decision in decisions] == [None] * 3, "never at a lower consistency"
    for retries, (_, _, pause_s) in enumerate(decisions[:2]):
        assert 0 <= pause_s <= LIMITS.backoff_s * 2**retries


def test_pauses_are_drawn_from_all_of_their_span() -> None:
    guard = Guard("Cassandra", GuardLimits(retries_spare=1_000), lambda: 0.0, lambda: 0.0)
    policy = retries_of(Kind.READ, guard)

    pauses_s = [FAULTS["a node is overloaded or gone"](policy, 1)[2] for _ in range(1_000)]

    span_s = 2 * LIMITS.backoff_s
    assert min(pauses_s) < 0.1 * span_s
    assert max(pauses_s) > 0.9 * span_s


@pytest.mark.parametrize("kind", CONDITIONALS)
@pytest.mark.parametrize("fails", FAULTS.values(), ids=FAULTS)
def test_a_lightweight_transaction_is_never_sent_twice(kind: Kind, fails: Fails) -> None:
    guard = new_guard()
    made = profile(kind, TARGET, Options(retries=LIMITS), lambda: guard)

    assert fails(made.retry_policy, 0)[0] == RetryPolicy.RETHROW
    assert made.speculative_execution_policy.new_plan("roost", "a statement").next_execution("a node") < 0


def test_where_everything_fails_retries_are_a_share_of_the_calls() -> None:
    guard = new_guard()
    policy = retries_of(Kind.WRITE, guard)
    fails = FAULTS["a node is overloaded or gone"]

    retried = 0
    for _ in range(100):
        calls(guard, 1)
        retried += sum(fails(policy, retries)[0] != RetryPolicy.RETHROW for retries in range(2))

    assert retried <= SPARE + 100 * SHARE


def test_before_a_session_lends_its_budget_nothing_is_sent_again() -> None:
    assert FAULTS["a node is overloaded or gone"](retries_of(Kind.READ, None), 0)[0] == RetryPolicy.RETHROW


def test_a_read_that_is_late_is_sent_to_one_more_node_and_taken_from_the_budget_when_it_is() -> None:
    guard = new_guard()
    plan = reads_once_more(guard)

    assert plan.next_execution("a node") == LIMITS.speculative_after_s
    left = sum(guard.may_retry() for _ in range(SPARE))
    assert left == SPARE, "that it may come to be late costs nothing"

    calls(guard, SPARE * round(1 / SHARE))
    assert plan.next_execution("another node") == NEVER
    left = sum(guard.may_retry() for _ in range(SPARE))
    assert left == SPARE - 1


def test_reads_of_a_cluster_that_is_slow_are_doubled_for_a_share_of_them_only() -> None:
    guard = new_guard()
    doubled = 0
    for _ in range(100):
        # Ten at a time are under way when the first of them turns out to be late.
        calls(guard, 10)
        plans = [reads_once_more(guard) for _ in range(10)]
        late = [plan for plan in plans if plan.next_execution("a node") > 0]
        for plan in late:
            plan.next_execution("another node")
        doubled += len(late)

    assert doubled <= SPARE + 1_000 * SHARE + 10
