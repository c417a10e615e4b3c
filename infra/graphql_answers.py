"""Answers to HTTP requests: their statuses, their headers, and how they are made."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.responses import Response

from infra.graphql_errors import INTERNAL
from infra.media_types import JSON, Accepted

RETRIED: Final = {"UNAVAILABLE": 503, "RATE_LIMITED": 429}
REFUSED: Final = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, **RETRIED}
_OWN_HEADERS: Final = frozenset((b"x-content-type-options", b"x-request-id"))


def finished(headers: Sequence[tuple[bytes, bytes]], correlation_id: str) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with those that every answer has."""
    finished = [header for header in headers if header[0] not in _OWN_HEADERS]
    if all(name != b"cache-control" for name, _ in finished):
        finished.append((b"cache-control", b"no-store"))
    finished += ((b"x-content-type-options", b"nosniff"), (b"x-request-id", correlation_id.encode()))
    return finished


def status_of(accept: Accepted, payload: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> int:
    """Return an answer's status, as graphql-http's audits want it."""
    if not errors or payload.get("data") is not None:
        return 200
    codes = [error["extensions"]["code"] for error in errors]
    for code, status in RETRIED.items():
        if code in codes:
            return status
    if "data" in payload:
        return 200
    if INTERNAL in codes:
        return 500
    return 200 if accept.plain else 400


def retry_after(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The longest of the waits that the errors ask for; a second where none says."""
    waits = [error["extensions"].get("retryAfter") or 1 for error in errors if error["extensions"]["code"] in RETRIED]
    return {"Retry-After": str(math.ceil(max(waits)))} if waits else {}


def json_response(
    accept: Accepted, payload: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON answer of the type that the client takes, or else of application/json."""
    return _Json(orjson.dumps(payload), status, accept.media or JSON, headers or {})


class _Json(Response):
    """A JSON answer, whose headers are written as they are: nearly all answers are one."""

    def __init__(self, body: bytes, status: int, media: str, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"%s; charset=utf-8" % media.encode("latin-1")),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]
