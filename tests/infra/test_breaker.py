"""A breaker against a model of it: whatever calls are made and however they end, in whatever order."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from infra.adapters.breaker import Breaker, BreakerLimits, State
from loaders.errors import Unavailable

LIMITS = BreakerLimits(failures_max=3, open_min_s=1.0, open_max_s=8.0, probe_max_s=10.0)
STEPS_S = st.sampled_from([0.0, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0])


class Calls(RuleBasedStateMachine):
    """Calls begin, and end well or badly much later; time passes."""

    calls: Bundle[int] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 100.0
        self.chance = 0.0
        self.breaker = Breaker("It", LIMITS, lambda: self.now_s, lambda: self.chance)
        self.in_a_row = 0
        self.probes_since_s: list[float] = []

    @rule(step_s=STEPS_S)
    def time_passes(self, step_s: float) -> None:
        self.now_s += step_s

    @rule(chance=st.floats(0, 1))
    def luck_changes(self, chance: float) -> None:
        self.chance = chance

    @rule(target=calls)
    def begin(self) -> int:
        before = self.breaker.state
        try:
            self.breaker.admit()
        except Unavailable as refused:
            assert before is not State.CLOSED
            assert refused.retry_after_s is not None
            assert 0 < refused.retry_after_s <= LIMITS.open_max_s
            if before is State.HALF_OPEN:
                assert self.probes_since_s, "somebody is trying"
                assert self.now_s < self.probes_since_s[-1] + LIMITS.probe_max_s
            return 0
        assert before is not State.OPEN
        if before is State.HALF_OPEN:
            assert not self.probes_since_s or self.now_s >= self.probes_since_s[-1] + LIMITS.probe_max_s
            self.probes_since_s.append(self.now_s)
        return 1

    @rule(call=consumes(calls))
    def end_well(self, call: int) -> None:
        if call:
            self.breaker.succeeded()
            self.in_a_row, self.probes_since_s = 0, []
            assert self.breaker.state is State.CLOSED

    @rule(call=consumes(calls))
    def end_badly(self, call: int) -> None:
        if not call:
            return
        before, opened = self.breaker.state, self.breaker.opened
        self.breaker.failed()
        self.in_a_row += 1
        if before is State.CLOSED:
            assert (self.breaker.state is State.OPEN) is (self.in_a_row >= LIMITS.failures_max)
            assert self.breaker.opened == opened + (self.in_a_row >= LIMITS.failures_max)
        else:
            assert self.breaker.opened == opened
            if self.probes_since_s:
                assert self.breaker.state is State.OPEN
            else:
                assert self.breaker.state is before
        if self.breaker.state is State.OPEN and before is not State.OPEN:
            self.probes_since_s = []

    @rule(call=consumes(calls))
    def give_up(self, call: int) -> None:
        if call:
            before = self.breaker.state
            self.breaker.given_up()
            assert self.breaker.state is before
            self.probes_since_s = []

    @invariant()
    def it_opens_only_after_enough_failures_in_a_row(self) -> None:
        if self.in_a_row < LIMITS.failures_max:
            assert self.breaker.state is State.CLOSED

    @invariant()
    def it_never_stays_shut_for_long(self) -> None:
        now_s, self.now_s = self.now_s, self.now_s + LIMITS.open_max_s
        assert self.breaker.state is not State.OPEN
        self.now_s = now_s


Calls.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestBreaker = Calls.TestCase


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.failed()


def test_who_fails_again_when_tried_is_left_alone_for_longer_each_time() -> None:
    now = [0.0]
    breaker = Breaker("It", LIMITS, lambda: now[0], lambda: 0.0)
    failing(breaker, 3)
    waits = []
    for _ in range(5):
        began = now[0]
        while breaker.state is State.OPEN:
            now[0] += 0.25
        waits.append(now[0] - began)
        failing(breaker, 1)

    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_one_success_makes_it_forget_all_failures() -> None:
    now = [0.0]
    breaker = Breaker("It", LIMITS, lambda: now[0], lambda: 1.0)
    states = []
    for failures in (2, 2, 1):
        failing(breaker, failures)
        states.append(breaker.state)
        if len(states) == 1:
            breaker.succeeded()
    now[0] += 0.5  # by chance half of the time was taken off
    breaker.admit()
    breaker.succeeded()
    states.append(breaker.state)

    assert states == [State.CLOSED, State.CLOSED, State.OPEN, State.CLOSED]
