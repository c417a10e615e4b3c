"""Failures, as one tree. What a person can fix is a value (`UserError`) in a payload; what a program handles is raised.

RoostError                   code                        a retry may help
├── Unauthenticated          UNAUTHENTICATED             after log-in
├── Forbidden                FORBIDDEN                   no
├── NotFound                 NOT_FOUND                   no
├── BadUserInput             BAD_USER_INPUT              with other input
├── QueryTooComplex          QUERY_TOO_COMPLEX           with a smaller query
├── RateLimited              RATE_LIMITED                after `retry_after_s`
├── NotConfigured            NOT_CONFIGURED              once an operator has set it up
└── Unavailable              UNAVAILABLE                 after `retry_after_s`
"""

from dataclasses import dataclass
from typing import ClassVar


class RoostError(Exception):
    """A failure with a code for programs; its text is public and holds no secret."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthenticated(RoostError):
    """The field needs a viewer, and there is none."""

    code = "UNAUTHENTICATED"


class Forbidden(RoostError):
    """The viewer may not do this."""

    code = "FORBIDDEN"


class NotFound(RoostError):
    """There is no such thing, or none that the viewer may see."""

    code = "NOT_FOUND"


class BadUserInput(RoostError):
    """An argument is malformed or out of its bounds; `column`, from 1 on, says where in a text, if that is known."""

    code = "BAD_USER_INPUT"
    column: int | None = None


class QueryTooComplex(RoostError):
    """The document asks for more than the limits allow."""

    code = "QUERY_TOO_COMPLEX"


class RateLimited(RoostError):
    """Too many tries; `retry_after_s` says when the next may pass."""

    code = "RATE_LIMITED"


class NotConfigured(RoostError):
    """This installation does not have what the field needs."""

    code = "NOT_CONFIGURED"


class Unavailable(RoostError):
    """A part cannot answer now; nothing was acknowledged."""

    code = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class UserError:
    """What a person can mend: a code, a sentence, and the path of the input that it is about."""

    code: str
    message: str
    path: tuple[str, ...] = ()
