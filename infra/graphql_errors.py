"""Errors as clients see them: each with a code and public text only, and one log line for what broke inside."""

import math
from collections.abc import Sequence
from typing import Any, Final

import structlog
from graphql import (
    ArgumentNode,
    GraphQLError,
    ValueNode,
    VariableDefinitionNode,
)
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from loaders.errors import BadUserInput, RoostError

BAD_REQUEST: Final = "BAD_REQUEST"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
INTERNAL: Final = "INTERNAL_SERVER_ERROR"
MESSAGE_LENGTH: Final = 400
LOCATIONS: Final = 4
MOST_ERRORS: Final = 100

_REQUEST_ERRORS: Final = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)

log = structlog.get_logger(__name__)


def public_errors(errors: Sequence[GraphQLError], correlation_id: str) -> list[dict[str, Any]]:
    """The errors as they go out, at most `MOST_ERRORS` and a last one that counts the rest.

    A RoostError keeps its text and code, so does what the checks and the type system say about the request. Any other
    exception is masked, and logged once per kind, in one line, under the same correlation id.
    """
    shown = [_public(error, correlation_id) for error in errors[:MOST_ERRORS]]
    _log_masked(errors, correlation_id)
    if len(errors) > MOST_ERRORS:
        shown.append(coded_error(f"{len(errors) - MOST_ERRORS} more errors are not shown.", "TOO_MANY_ERRORS"))
    return shown


def codes_of(errors: Sequence[GraphQLError]) -> list[str]:
    """Return the codes of errors as clients see them."""
    return [_public(error, "")["extensions"]["code"] for error in errors[:MOST_ERRORS]]


def roost_error(error: RoostError) -> dict[str, Any]:
    """A failure outside of any field, such as of the log-in, in the form of a GraphQL error."""
    return {"message": str(error)[:MESSAGE_LENGTH], "extensions": _extensions(error)}


def internal_error(error: Exception, correlation_id: str) -> dict[str, Any]:
    """Log what broke outside of any field, and answer its mask."""
    _log(error, correlation_id, path=None, count=1)
    return {"message": "Internal error", "extensions": _masked_extensions(correlation_id)}


def coded_error(message: str, code: str) -> dict[str, Any]:
    """An error of the transport, in the form of a GraphQL error."""
    return {"message": message[:MESSAGE_LENGTH], "extensions": {"code": code}}


def is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: by the specification the answer then has no `data` at all."""
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and bool(result.errors) and all(error.path is None for error in result.errors or ())


def _public(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    cause = _cause(error)
    if isinstance(cause, RoostError):
        message, extensions = str(cause), _extensions(cause)
    elif _is_masked(error, cause):
        message, extensions = "Internal error", _masked_extensions(correlation_id)
    else:
        message, extensions = error.message, {"code": _code_of(error), **(error.extensions or {})}
    shown: dict[str, Any] = {"message": message[:MESSAGE_LENGTH]}
    if error.locations:
        shown["locations"] = [location.formatted for location in error.locations[:LOCATIONS]]
    if error.path is not None:
        shown["path"] = error.path
    shown["extensions"] = extensions
    return shown


def _cause(error: GraphQLError) -> Exception | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _is_masked(error: GraphQLError, cause: Exception | None) -> bool:
    if cause is not None:
        return not isinstance(cause, (RoostError, *_REQUEST_ERRORS))
    if error.path is None or "code" in (error.extensions or {}):
        return False
    # Without a code and at a field, only what names an argument is about the input; the rest is an answer that does
    # not fit its type, and quotes it.
    return not _is_about_input(error)


def _is_about_input(error: GraphQLError) -> bool:
    return bool(error.nodes and isinstance(error.nodes[0], (VariableDefinitionNode, ArgumentNode, ValueNode)))


def _code_of(error: GraphQLError) -> str:
    return BAD_USER_INPUT if _is_about_input(error) else BAD_REQUEST


def _extensions(error: RoostError) -> dict[str, Any]:
    if isinstance(error, BadUserInput) and error.column is not None:
        return {"code": error.code, "column": error.column}
    if error.retry_after_s is None:
        return {"code": error.code}
    return {"code": error.code, "retryAfter": math.ceil(error.retry_after_s)}


def _masked_extensions(correlation_id: str) -> dict[str, Any]:
    return {"code": INTERNAL, "correlationId": correlation_id}


def _log_masked(errors: Sequence[GraphQLError], correlation_id: str) -> None:
    kinds: dict[str, list[GraphQLError]] = {}
    for error in errors:
        cause = _cause(error)
        if _is_masked(error, cause):
            kinds.setdefault(type(cause or error).__name__, []).append(error)
    for alike in kinds.values():
        first = alike[0]
        _log(_cause(first) or first, correlation_id, path=first.path, count=len(alike))


def _log(error: Exception, correlation_id: str, path: list[str | int] | None, count: int) -> None:
    text = error.message if isinstance(error, GraphQLError) else str(error)
    log.error(
        "graphql.internal_error",
        correlationId=correlation_id,
        error=type(error).__name__,
        text=ascii(text[:200]),  # in one line, whatever the text holds
        at=_origin(error),
        path=".".join(map(str, path or ())),
        count=count,
    )


def _origin(error: Exception) -> str:
    """Where it was raised: file, line and function of the innermost frame."""
    frame = error.__traceback__
    if frame is None:
        return "unknown"
    while frame.tb_next:
        frame = frame.tb_next
    code = frame.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{frame.tb_lineno} {code.co_name}"
