"""Messages of graphql-transport-ws as they come in, each checked for its shape."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from strawberry.http import GraphQLRequestData

from infra.documents import PERSISTED

OPERATION_ID_LENGTH_MAX: Final = 255

_MEMBERS: Final[Mapping[str, type]] = {"variables": dict, "extensions": dict, "operationName": str}
_AUTHORIZATION: Final = "authorization"


class Malformed(Exception):
    """A message that breaks the protocol; its text is short, and the reason of the close."""


def message_of(text: str | None, decode: Callable[[str], object]) -> dict[str, Any]:
    """Return the message in a frame; None stands for a binary frame."""
    if text is None:
        raise Malformed("Messages must be text")
    try:
        message = decode(text)
    except json.JSONDecodeError as error:
        raise Malformed("Messages must be JSON") from error
    if not isinstance(message, dict):
        raise Malformed("Messages must be JSON objects")
    return message


def payload_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message's payload, an empty one where there is none."""
    payload = message.get("payload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise Malformed("A payload must be an object")
    return payload


def operation_id_of(message: Mapping[str, Any]) -> str:
    """Return the id that the client has given to an operation."""
    operation_id = message.get("id")
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= OPERATION_ID_LENGTH_MAX:
        raise Malformed(f"An id must be a string of 1 to {OPERATION_ID_LENGTH_MAX} characters")
    return operation_id


def request_of(message: Mapping[str, Any]) -> GraphQLRequestData:
    """Return the request in a `subscribe` message; its document may be named instead of sent."""
    payload = payload_of(message)
    query, extensions = payload.get("query"), payload.get("extensions")
    is_named = "documentId" in payload or (isinstance(extensions, dict) and PERSISTED in extensions)
    if not isinstance(query, str) and not (query is None and is_named):
        raise Malformed("payload.query must be the text of a document")
    for name, kind in _MEMBERS.items():
        if not isinstance(payload.get(name), kind | None):
            raise Malformed(f"payload.{name} must be {'a string' if kind is str else 'an object'} or null")
    return GraphQLRequestData(
        query=query,
        variables=payload.get("variables"),
        operation_name=payload.get("operationName") or None,
        extensions=extensions,
    )


def authorization_of(message: Mapping[str, Any]) -> str | None:
    """Return what a `connection_init` says of the viewer, at the top or among `headers`, in any case of the name."""
    payload = payload_of(message)
    headers = payload.get("headers")
    for members in (payload, headers if isinstance(headers, dict) else {}):
        for name, value in members.items():
            if name.lower() == _AUTHORIZATION and value is not None:
                if not isinstance(value, str):
                    raise Malformed("payload.authorization must be a string")
                return value
    return None


def head_of(operation_id: str) -> bytes:
    """Return a `next` message up to its payload, which a closing brace is to follow."""
    return b'{"id":' + orjson.dumps(operation_id) + b',"type":"next","payload":'
