"""GraphQL over HTTP: one request in, one coded answer out, and a stream of events where the client asks for one."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import count
from secrets import token_hex
from typing import Any, Final, cast

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult, SubscriptionExecutionResult
from strawberry.types.graphql import OperationType

from infra.asked import ASKED, Asked, asked_by
from infra.documents import Documents, DocumentUnknown
from infra.graphql_answers import REFUSED, RETRIED, finished, json_response, retry_after, status_of
from infra.graphql_errors import (
    BAD_REQUEST,
    BAD_USER_INPUT,
    INTERNAL,
    coded_error,
    internal_error,
    is_request_error,
    public_errors,
    roost_error,
)
from infra.media_types import Accepted, accepted, is_json_body
from loaders.errors import RoostError

_MEMBERS: Final[Mapping[str, type]] = {"variables": dict, "extensions": dict, "operationName": str}
_UNSENT: Final = Response()
"""Strawberry's contexts take a response to add to. Roost's do not."""
_is_json = lru_cache(maxsize=256)(is_json_body)


class RefusedRequest(Exception):
    """A request that is answered without any GraphQL: a status, an error, and headers that help."""

    def __init__(self, status: int, message: str, code: str = BAD_REQUEST, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = coded_error(message, code)
        self.headers = headers


class GraphQLEndpoint(GraphQL[Any, Any]):
    """The ASGI application behind /graphql. HTTP is answered here; sockets go to `graphql_transport_ws_handler_class`.

    Statuses follow graphql-http's audits. No exception leaves it: what is not a RoostError is logged in one line and
    masked. `page` answers a GET that asks for HTML. Override `get_context` to log viewers in (a RoostError raised there
    is answered with its status), `enter` and `enter_stream` to let few in at once, `execute` to run a query some other
    way, and `ended` to hear of each operation. `answered` counts answers by status; `clock_s` answers seconds, which
    never run backwards; `documents` finds what a request names instead of sending it.
    """

    def __init__(
        self,
        schema: BaseSchema,
        *,
        page: Callable[[], Response],
        subscription_protocols: Sequence[str] = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
        allowed_origins: Sequence[str] = (),
        connection_init_wait: timedelta = timedelta(seconds=5),
        max_operations_per_socket: int = 100,
        new_id: Callable[[], str] | None = None,
        clock_s: Callable[[], float] = time.perf_counter,
        documents: Documents | None = None,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=subscription_protocols,
            connection_init_wait_timeout=connection_init_wait,
            max_subscriptions_per_connection=max_operations_per_socket,
            allowed_origins=allowed_origins,
        )
        self.answered: Counter[int] = Counter()
        self.documents = documents or Documents()
        self._page = page
        self.new_id = new_id or _request_ids()
        self.clock_s = clock_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began_s = self.clock_s()
        request, asked = Request(scope, receive), self.begun(scope)
        ASKED.set(asked)
        request.state.asked = asked
        response = await self._answer(request, asked)
        response.raw_headers = finished(response.raw_headers, asked.correlation_id)
        self.answered[response.status_code] += 1
        self.ended(asked, response.status_code, self.clock_s() - began_s)
        await response(scope, receive, send)
        asked.is_over = True

    def begun(self, scope: Scope) -> Asked:
        """Begin what an HTTP request asks for."""
        return asked_by(scope["headers"], self.new_id)

    def ended(self, asked: Asked, status: int | None, seconds: float) -> None:
        """Take notice of an operation that has its answer, or its stream; the status is None on a socket."""

    async def enter(self) -> None:
        """Wait until an operation may start; a RoostError raised here refuses it."""

    async def enter_stream(self) -> None:
        """Wait until a live stream of a socket may begin; `NoRoom` raised here has the socket come again later."""

    def decode_json(self, data: str | bytes) -> object:
        """Strict JSON: UTF-8, no lone surrogates, nesting bounded. Raises json.JSONDecodeError for anything else."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """As text, since a socket's frames must not be binary."""
        return orjson.dumps(data).decode()

    async def process_result(self, request: Any, result: ExecutionResult) -> GraphQLHTTPResponse:
        """The answer's body; also that of each event of a stream."""
        payload: GraphQLHTTPResponse = {} if is_request_error(result) else {"data": result.data}
        if result.errors:
            asked: Asked = request.state.asked
            shown = public_errors(result.errors, asked.correlation_id)
            payload["errors"] = list(shown)
            asked.codes = [error["extensions"]["code"] for error in shown]
        if result.extensions:
            payload["extensions"] = result.extensions
        return payload

    async def execute(
        self, data: GraphQLRequestData, context: Any, allowed: Collection[OperationType]
    ) -> ExecutionResult:
        """Run one query or mutation: the single place where an HTTP request is executed.

        Raises InvalidOperationTypeError for what is not allowed: a mutation by GET, and any subscription, since it has
        no single answer.
        """
        return await self.schema.execute(
            data.query,
            variable_values=data.variables,
            context_value=context,
            operation_name=data.operation_name,
            allowed_operation_types=allowed,
            operation_extensions=data.extensions,
        )

    async def stream(
        self,
        request: Request,
        data: GraphQLRequestData,
        context: Any,
        allowed: Collection[OperationType],
    ) -> Response:
        """Run any operation, and answer each of its results as a server-sent event."""
        results = await self.schema.stream(
            data.query,
            variable_values=data.variables,
            context_value=context,
            operation_name=data.operation_name,
            allowed_operation_types=allowed,
            operation_extensions=data.extensions,
        )
        return await self._create_streaming_response(
            request, cast(SubscriptionExecutionResult, results), "sse", await self.get_sub_response(request)
        )

    async def _answer(self, request: Request, asked: Asked) -> Response:
        accept = accepted(request.headers.get("accept", ""))
        try:
            await self.enter()
            return await self._respond(request, accept)
        except RefusedRequest as refused:
            asked.codes = [refused.error["extensions"]["code"]]
            return json_response(accept, {"errors": [refused.error]}, refused.status, refused.headers)
        except RoostError as error:
            asked.codes = [error.code]
            # As of an invalid document: who reads plain JSON looks for errors in it, whatever the status.
            status = 200 if accept.plain and isinstance(error, DocumentUnknown) else REFUSED.get(error.code, 400)
            return json_response(accept, {"errors": [roost_error(error)]}, status, retry_after([roost_error(error)]))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            asked.codes = [INTERNAL]
            return json_response(accept, {"errors": [internal_error(error, asked.correlation_id)]}, 500)

    async def _respond(self, request: Request, accept: Accepted) -> Response:
        if request.method == "GET" and accept.page:
            return self._page()
        data = await self._request_data(request)
        asked: Asked = request.state.asked
        asked.query, asked.operation_name = data.query or "", data.operation_name
        streams = accept.events and GRAPHQL_SSE_PROTOCOL in self.protocols
        if accept.media is None and not streams:
            raise RefusedRequest(406, "Accept application/graphql-response+json or application/json.")
        context = await self.get_context(request, response=_UNSENT)
        asked.viewer_id = getattr(context, "viewer_id", None)
        allowed = {OperationType.QUERY} if request.method == "GET" else {OperationType.QUERY, OperationType.MUTATION}
        if accept.media is not None:
            try:
                result = await self.execute(data, context, allowed)
                return await self._single_response(request, accept, result)
            except CannotGetOperationTypeError as error:
                raise RefusedRequest(400, error.as_http_error_reason()) from error
            except InvalidOperationTypeError as error:
                if not (streams and error.operation_type is OperationType.SUBSCRIPTION):
                    raise _refused_operation(error.operation_type) from error
        return await self.stream(request, data, context, allowed | {OperationType.SUBSCRIPTION})

    async def _single_response(self, request: Request, accept: Accepted, result: ExecutionResult) -> Response:
        payload = await self.process_result(request, result)
        errors: Sequence[Any] = payload.get("errors") or ()
        status = status_of(accept, payload, errors)
        headers = retry_after(errors) if status in RETRIED.values() else {}
        return json_response(accept, payload, status, headers)

    async def _request_data(self, request: Request) -> GraphQLRequestData:
        if request.method == "POST":
            if not _is_json(request.headers.get("content-type", "")):
                raise RefusedRequest(415, "Send the request as application/json in UTF-8.", Accept="application/json")
            members = self._parsed(await _body(request), "body")
            if not isinstance(members, dict):
                raise RefusedRequest(400, "The body must be one JSON object; there is no batching.")
        elif request.method == "GET":
            members = dict(request.query_params)
            for name in ("variables", "extensions"):
                text = members.get(name)
                members[name] = self._parsed(text.encode("utf-8", "replace"), name) if text else None
        else:
            raise RefusedRequest(405, "Use GET or POST.", Allow="GET, POST")
        return _request_data(members, self.documents.text(members))

    def _parsed(self, text: bytes, what: str) -> Any:
        try:
            return self.decode_json(text)
        except orjson.JSONDecodeError as error:
            raise RefusedRequest(400, f"The {what} is no valid JSON in UTF-8: {error}.", BAD_USER_INPUT) from error


def _request_ids() -> Callable[[], str]:
    """Return what makes ids that no other process makes: they name requests, and are no secrets."""
    own, numbers = token_hex(8), count()
    return lambda: f"{own}{next(numbers):016x}"


async def _body(request: Request) -> bytes:
    """Return the whole body, which nearly always is one message; raises ClientDisconnect."""
    parts = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _request_data(members: Mapping[str, Any], query: object) -> GraphQLRequestData:
    if not isinstance(query, str) or not query:
        raise RefusedRequest(400, "`query` must be the text of a document.")
    for name, kind in _MEMBERS.items():
        if not isinstance(members.get(name), kind | None):
            raise RefusedRequest(400, f"`{name}` must be {'a string' if kind is str else 'an object'} or null.")
    return GraphQLRequestData(
        query=query,
        variables=members.get("variables"),
        operation_name=members.get("operationName") or None,
        extensions=members.get("extensions"),
    )


def _refused_operation(kind: OperationType) -> RefusedRequest:
    if kind is OperationType.MUTATION:
        return RefusedRequest(405, "Send mutations by POST.", Allow="POST")
    return RefusedRequest(400, "A subscription needs a socket, or Accept: text/event-stream.")
