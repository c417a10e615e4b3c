"""One line for an operation that failed, was slow, or is to be logged in any case."""

import logging
from collections.abc import Callable

import structlog

from infra.allowance import Allowance
from infra.asked import Asked
from infra.graphql_errors import INTERNAL
from infra.settings import Settings
from loaders.errors import Unavailable


class OperationLog:
    """Decides what is worth a line: failures and slow operations, but so many a second; the rest by the settings.

    A line has the operation's name, the milliseconds it took, the answer's status (none on a socket) and the code of
    its first error. It tells how many of its like were left out since the last one.
    """

    def __init__(self, settings: Settings, monotonic_s: Callable[[], float]) -> None:
        self._slow_s = settings.log_slow_ms / 1_000
        self._is_debug = settings.log_level == "debug"
        self._logs_all = self._is_debug or settings.log_requests == "all"
        self._usual_level = logging.INFO if settings.log_requests == "all" else logging.DEBUG
        self._allowance = Allowance(settings.log_failures_per_s, monotonic_s)
        self._told_of = 0

    def ended(self, asked: Asked, status: int | None, seconds: float) -> None:
        """Log an operation that has its answer now, if it is worth that."""
        is_slow = seconds >= self._slow_s
        is_notable = is_slow or bool(asked.codes) or (status is not None and status >= 400)
        if not (is_notable or self._logs_all):
            return
        if is_notable and not self._logs_all and not self._allowance.take():
            return
        fields: dict[str, object] = {"latencyMs": round(seconds * 1_000, 2)}
        if status is not None:
            fields["status"] = status
        if asked.codes:
            fields["code"] = asked.codes[0]
        if self._allowance.left_out > self._told_of:
            fields["leftOut"] = self._allowance.left_out - self._told_of
            self._told_of = self._allowance.left_out
        structlog.get_logger("roost").log(self._level(asked, is_slow, is_notable), "operation", **fields)

    def _level(self, asked: Asked, is_slow: bool, is_notable: bool) -> int:
        if INTERNAL in asked.codes:
            return logging.ERROR
        if is_slow or Unavailable.code in asked.codes:
            return logging.WARNING
        return logging.INFO if is_notable else self._usual_level
