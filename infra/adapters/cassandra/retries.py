"""What the driver sends once more: to another node, after a random pause, and within one budget.

The driver's own policies know no budget: one asks every node in turn where each is overloaded, the other doubles the
reads of a cluster that is slow. Lightweight transactions are not its business: they are never sent twice.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cassandra.policies import (  # type: ignore[import-untyped]
    RetryPolicy,
    SpeculativeExecutionPlan,
    SpeculativeExecutionPolicy,
)

from infra.adapters.guard import Guard

NEVER = -1
"""What the driver takes for: no further execution."""
Decision = tuple[int, int | None, float | None]


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Seconds, and times. A pause is drawn between 0 and `backoff_s`, which doubles each time.

    A read that was not answered within `speculative_after_s` is sent to `speculative_max` other nodes as well.
    """

    retries_max: int = 2
    backoff_s: float = 0.05
    speculative_after_s: float = 0.2
    speculative_max: int = 1


Lent = Callable[[], Guard | None]
"""Whose budget pays: the guard of the session that sends; before there is one, nothing is sent again."""


class BudgetedRetries(RetryPolicy):  # type: ignore[misc]
    """Tries what failed again, on the next node of the statement's plan; the driver calls it in threads of its own."""

    def __init__(self, lent: Lent, limits: RetryLimits, chance: Callable[[], float] = random.random) -> None:
        super().__init__()
        self._lent = lent
        self._limits = limits
        self._chance = chance

    def on_read_timeout(self, *_given: Any, retry_num: int, **_more: Any) -> Decision:
        """Decide on a read whose replicas did not answer the node that was asked."""
        return self._again(retry_num)

    def on_write_timeout(self, *_given: Any, retry_num: int, **_more: Any) -> Decision:
        """Decide on a write likewise: it may have been done, and doing it again changes nothing."""
        return self._again(retry_num)

    def on_unavailable(self, *_given: Any, retry_num: int, **_more: Any) -> Decision:
        """Decide where the node that was asked sees too few replicas: another may see more."""
        return self._again(retry_num)

    def on_request_error(self, *_given: Any, retry_num: int, **_more: Any) -> Decision:
        """Decide where a node is overloaded, or the connection to it broke."""
        return self._again(retry_num)

    def _again(self, retries: int) -> Decision:
        guard = self._lent()
        if retries >= self._limits.retries_max or guard is None or not guard.may_retry():
            return self.RETHROW, None, None
        return self.RETRY_NEXT_HOST, None, self._chance() * self._limits.backoff_s * 2**retries


class BudgetedReads(SpeculativeExecutionPolicy):  # type: ignore[misc]
    """Has a read that is late outrun by another node.

    The driver asks before it knows that the read will be late, and asks again once it has sent the second one: that is
    when it is taken from the budget.
    """

    def __init__(self, lent: Lent, limits: RetryLimits) -> None:
        self._lent = lent
        self._limits = limits

    def new_plan(self, keyspace: str, statement: object) -> "_Plan":
        """Return the plan of one read."""
        del keyspace, statement
        return _Plan(self._lent, self._limits)


class _Plan(SpeculativeExecutionPlan):  # type: ignore[misc]
    def __init__(self, lent: Lent, limits: RetryLimits) -> None:
        self._lent = lent
        self._after_s = limits.speculative_after_s
        self._left = limits.speculative_max
        self._is_waited_for = False

    def next_execution(self, host: object) -> float:
        """Return after how many seconds the read is sent once more."""
        del host
        guard = self._lent()
        if guard is None:
            return NEVER
        if self._is_waited_for:
            self._is_waited_for = False
            guard.retried()
        if self._left < 1 or not guard.has_retries:
            return NEVER
        self._left -= 1
        self._is_waited_for = True
        return self._after_s
