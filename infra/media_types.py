"""What a request says about media types: which one to answer with, and whether its body is JSON."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
EVENTS: Final = "text/event-stream"
HTML: Final = "text/html"

_WILDCARDS: Final = frozenset({"*/*", "application/*"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the client takes. `media` is the JSON type to answer with, None if it takes neither.

    `plain` says that it asked for application/json by name: then the outcome of a well-formed request is told in the
    body alone, under status 200, as clients of that type expect and graphql-http's audits want.
    """

    media: str | None
    plain: bool
    events: bool
    page: bool


@lru_cache(maxsize=256)
def accepted(header: str) -> Accepted:
    """Read an Accept header; a missing or empty one takes anything."""
    ranges = _ranges(header[:1000]) or {"*/*": 1.0}
    json, graphql = ranges.get(JSON, 0.0), ranges.get(GRAPHQL_JSON, 0.0)
    wildcard = max((quality for name, quality in ranges.items() if name in _WILDCARDS), default=0.0)
    fallback = JSON if json or wildcard else None
    media = GRAPHQL_JSON if graphql and graphql >= json else fallback
    return Accepted(
        media=media,
        plain=media == JSON and json > 0,
        events=ranges.get(EVENTS, 0.0) > 0,
        page=ranges.get(HTML, 0.0) > 0 and not json and not graphql,
    )


def is_json_body(header: str) -> bool:
    """Whether a Content-Type says JSON in UTF-8; no charset means UTF-8."""
    media, *parameters = (part.strip().lower() for part in header[:1000].split(";"))
    charsets = [value.strip(' "') for name, _, value in (p.partition("=") for p in parameters) if name == "charset"]
    return media == JSON and all(charset in ("utf-8", "utf8") for charset in charsets)


def _ranges(header: str) -> dict[str, float]:
    ranges: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            ranges[name] = min((_quality(parameter) for parameter in parameters), default=1.0)
    return ranges


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
