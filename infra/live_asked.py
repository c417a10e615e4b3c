"""Operations on sockets, as log lines tell of them, and what went wrong with one, as its client is told."""

from typing import Any

from strawberry.http import GraphQLRequestData

from infra.asked import ASKED, Asked
from infra.graphql_errors import internal_error, public_errors, roost_error
from infra.live_shared import Refused
from loaders.errors import RoostError
from loaders.records import UserId


def begun(data: GraphQLRequestData, viewer_id: UserId | None, correlation_id: str) -> Asked:
    """Begin an operation, for which the running task works from now on."""
    asked = Asked(correlation_id)
    asked.query, asked.operation_name, asked.viewer_id = data.query or "", data.operation_name, viewer_id
    ASKED.set(asked)
    return asked


def errors_of(error: Exception, asked: Asked) -> list[dict[str, Any]]:
    """Return an operation's failure as its client is told, and note its codes."""
    if isinstance(error, Refused):
        errors = public_errors(error.errors, asked.correlation_id)
    elif isinstance(error, RoostError):
        errors = [roost_error(error)]
    else:
        errors = [internal_error(error, asked.correlation_id)]
    asked.codes = codes_in(errors)
    return errors


def codes_in(errors: list[dict[str, Any]]) -> list[str]:
    """Return the codes of errors as clients are told them."""
    return [each["extensions"]["code"] for each in errors]
