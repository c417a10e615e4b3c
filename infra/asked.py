"""What is under way and on whose behalf: the names by which log lines, traces and events in the log tell of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from realtime.ports import Origin

_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2}).*")
_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_NAMED: Final = re.compile(r"\b(query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]{0,63})")
CORRELATION_ID: Final = "correlation-id"
TRACEPARENT: Final = "traceparent"
ANONYMOUS: Final = "anonymous"


class Traceparent(NamedTuple):
    """Where a caller's trace is (W3C Trace Context), and whether the caller records it."""

    trace_id: str
    span_id: str
    is_sampled: bool


class Asked:
    """One operation from its request to its answer; it is filled in as more is known.

    `correlation_id` is the caller's, or else the trace's, or else new. `codes` are those of the errors in the answer.
    Whether it `is_traced` is decided later for what comes on a socket. What goes on once it `is_over` is not told as a
    part of it.
    """

    __slots__ = (
        "codes",
        "correlation_id",
        "is_over",
        "is_traced",
        "operation_name",
        "parent",
        "query",
        "trace_id",
        "viewer_id",
    )

    def __init__(self, correlation_id: str, parent: Traceparent | None = None) -> None:
        self.correlation_id = correlation_id
        self.parent = parent
        self.viewer_id: int | None = None
        self.query = ""
        self.operation_name: str | None = None
        self.codes: Sequence[str] = ()
        self.trace_id = "" if parent is None else parent.trace_id
        self.is_traced: bool | None = None
        self.is_over = False

    @property
    def kind(self) -> str:
        """Whether it is a query, a mutation or a subscription, as far as the text tells at a glance."""
        found = _NAMED.search(self.query)
        return "query" if found is None else found[1]

    @property
    def operation(self) -> str:
        """The operation's name as a line may show it: what a client gives as one and is none stays unsaid."""
        if self.operation_name is not None:
            return self.operation_name if _NAME.fullmatch(self.operation_name) else ANONYMOUS
        found = _NAMED.search(self.query)
        return ANONYMOUS if found is None else found[2]


ASKED: Final[ContextVar[Asked | None]] = ContextVar("asked", default=None)
"""What the running task works for."""
TRACE: Final[ContextVar[str]] = ContextVar("trace", default="")
"""The traceparent of the span that what is appended to the log belongs to; empty unless it is traced."""


def asked_by(headers: Iterable[tuple[bytes, bytes]], new_id: Callable[[], str]) -> Asked:
    """Begin what a request asks for: named by its X-Request-ID, or else by the trace that it is a part of."""
    given, parent = b"", None
    for name, value in headers:
        if name == b"x-request-id":
            given = value
        elif name == b"traceparent":
            parent = traceparent_of(value.decode("latin-1"))
    correlation_id = given.decode("latin-1")
    if not _CORRELATION_ID.fullmatch(correlation_id):
        correlation_id = new_id() if parent is None else parent.trace_id
    return Asked(correlation_id, parent)


def traceparent_of(text: str) -> Traceparent | None:
    """Read a traceparent of any version; None for what is none."""
    found = _TRACEPARENT.fullmatch(text)
    return None if found is None else Traceparent(found[1], found[2], bool(int(found[3], 16) & 1))


def headers_of(came_from: Origin | None) -> list[tuple[str, bytes]]:
    """Return what a record of the log says of an event's origin."""
    if came_from is None:
        return []
    headers = [(CORRELATION_ID, came_from.correlation_id.encode())]
    return [*headers, (TRACEPARENT, came_from.trace.encode())] if came_from.trace else headers


def origin_in(headers: Any) -> Origin | None:
    """Read an event's origin from a record's headers, whoever wrote them; None where they tell nothing."""
    if not headers:
        return None
    told = {name: value.decode("latin-1") for name, value in headers if isinstance(value, bytes)}
    correlation_id, trace = told.get(CORRELATION_ID, ""), told.get(TRACEPARENT, "")
    if not _CORRELATION_ID.fullmatch(correlation_id):
        return None
    return Origin(correlation_id, trace if _TRACEPARENT.fullmatch(trace) else "")


def origin() -> Origin | None:
    """Return what an event that is appended now goes back to, for whoever handles it later."""
    asked = ASKED.get()
    return None if asked is None else Origin(asked.correlation_id, TRACE.get())
