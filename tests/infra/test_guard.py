"""What stands before a dependency against a model of it: room, the breaker behind it, and the budget of retries."""

import timeit

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from infra.adapters.breaker import BreakerLimits, State
from infra.adapters.guard import Crowded, Guard, GuardLimits, Refused
from loaders.errors import Unavailable

LIMITS = GuardLimits(
    calls_max=4, retry_share=0.25, retries_spare=3.0, breaker=BreakerLimits(failures_max=3, open_min_s=1.0)
)
ENDS = st.sampled_from([None, Unavailable("gone"), Refused("no"), Crowded("full"), ValueError("ours")])
COST_MAX_S = 5e-6
"""On a machine with other work; alone it is a tenth."""


class Calls(RuleBasedStateMachine):
    """Calls begin and end in any order and in every way; some want to be tried again."""

    calls: Bundle[bool] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.guard = Guard("It", LIMITS, lambda: self.now_s, lambda: 0.0)
        self.under_way = self.begun = self.retried = self.failed_in_a_row = 0

    @rule(step_s=st.sampled_from([0.1, 1.0, 8.0]))
    def time_passes(self, step_s: float) -> None:
        self.now_s += step_s

    @rule(target=calls)
    def begin(self) -> bool:
        state = self.guard.breaker.state
        try:
            self.guard.__enter__()
        except Crowded:
            assert self.under_way == LIMITS.calls_max
            return False
        except Unavailable:
            assert state is not State.CLOSED
            return False
        assert self.under_way < LIMITS.calls_max
        assert state is not State.OPEN
        self.under_way += 1
        self.begun += 1
        return True

    @rule(call=consumes(calls), error=ENDS)
    def end(self, call: bool, error: Exception | None) -> None:
        if not call:
            return
        self.guard.__exit__(None if error is None else type(error), error, None)
        self.under_way -= 1
        if error is None or isinstance(error, Refused):
            self.failed_in_a_row = 0
            assert self.guard.breaker.state is State.CLOSED, "an answer of any kind is an answer"
        elif isinstance(error, Unavailable) and not isinstance(error, Crowded):
            self.failed_in_a_row += 1

    @rule()
    def try_again(self) -> None:
        self.retried += self.guard.may_retry()

    @invariant()
    def as_many_are_under_way_as_began_and_did_not_end(self) -> None:
        assert self.guard.under_way == self.under_way

    @invariant()
    def it_opens_for_failures_only_and_after_enough_of_them(self) -> None:
        assert (self.guard.breaker.state is State.CLOSED) is (self.failed_in_a_row < LIMITS.breaker.failures_max)

    @invariant()
    def retries_are_a_share_of_the_calls(self) -> None:
        assert self.retried <= LIMITS.retries_spare + LIMITS.retry_share * self.begun


Calls.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestGuard = Calls.TestCase


def test_a_call_that_is_turned_away_leaves_room_and_breaker_as_they_were() -> None:
    guard = Guard("It", LIMITS, lambda: 0.0, lambda: 0.0)
    for _ in range(LIMITS.calls_max):
        guard.__enter__()

    with pytest.raises(Crowded) as refused, guard:
        raise AssertionError("it was let in")

    assert refused.value.retry_after_s
    assert (guard.under_way, guard.turned_away, guard.breaker.state) == (LIMITS.calls_max, 1, State.CLOSED)


def test_it_costs_a_call_next_to_nothing() -> None:
    guard = Guard("It", LIMITS, lambda: 0.0, lambda: 0.0)

    def call() -> None:
        with guard:
            pass

    assert min(timeit.repeat(call, number=2_000, repeat=5)) / 2_000 < COST_MAX_S
