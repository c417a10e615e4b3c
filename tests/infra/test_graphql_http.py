import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from infra.graphql_http import GraphQLEndpoint
from loaders.errors import Unauthenticated, Unavailable
from tests.infra.toy import toy_app

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
CPU_BOUND_S = 0.05


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(GraphQLEndpoint) as opened:
        yield opened


def client_of(endpoint: type[GraphQLEndpoint]) -> httpx.AsyncClient:
    """A client whose application may raise nothing: whatever leaves it fails the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(toy_app(endpoint)), base_url="http://roost.test")


async def post(
    client: httpx.AsyncClient,
    query: object,
    accept: str = GRAPHQL_JSON,
    headers: dict[str, str] | None = None,
    **members: object,
) -> httpx.Response:
    return await client.post(
        "/graphql", json={"query": query, **members}, headers={"accept": accept, **(headers or {})}
    )


def code_of(response: httpx.Response) -> str:
    errors = response.json()["errors"]
    assert all(error["message"] and error["extensions"]["code"] for error in errors)
    return str(errors[0]["extensions"]["code"])


def body(query: str, **variables: object) -> bytes:
    return json.dumps({"query": query, "variables": variables}).encode()


NESTED = "tweets(first:10){author{"
ATTACKS: dict[str, tuple[bytes, str]] = {
    "depth": (body("{me" + "{tweets(first:1){author" * 25 + "{name}" + "}}" * 25 + "}"), "QUERY_TOO_COMPLEX"),
    "fan-out": (body("{me{" + NESTED * 4 + "name" + "}}" * 4 + "}}"), "QUERY_TOO_COMPLEX"),
    "unbounded first": (body("{me{tweets(first:100000){id}}}"), "BAD_USER_INPUT"),
    "unbounded first by variable": (body("query($n:Int!){me{tweets(first:$n){id}}}", n=100_000), "BAD_USER_INPUT"),
    "negative first": (body("{me{tweets(first:-1){id}}}"), "BAD_USER_INPUT"),
    "unbounded nested first": (body("{me{tweets(first:99){author{tweets(first:99999){id}}}}}"), "QUERY_TOO_COMPLEX"),
    "alias flood": (body("{" + " ".join(f"a{i}:me{{name}}" for i in range(1000)) + "}"), "QUERY_TOO_COMPLEX"),
    "alias flood within the tokens": (
        body("{" + " ".join(f"a{i}:hello" for i in range(400)) + "}"),
        "QUERY_TOO_COMPLEX",
    ),
    "alias brute force": (
        body("mutation{" + " ".join(f'a{i}:login(user:"ann",password:"{i}")' for i in range(1000)) + "}"),
        "QUERY_TOO_COMPLEX",
    ),
    "array batch": (json.dumps([{"query": "{hello}"}] * 1000).encode(), "BAD_REQUEST"),
    "directive flood": (body("{hello " + "@include(if:true)" * 1000 + "}"), "QUERY_TOO_COMPLEX"),
    "unknown directives": (body("{__typename " + "@aa" * 50 + "}"), "GRAPHQL_VALIDATION_FAILED"),
    "overlapping fields": (body("{" + "me{tweets{author{tweets{id}}}}" * 200 + "}"), "QUERY_TOO_COMPLEX"),
    "overlapping fields below": (body("{me{" + "tweets{author{name}}" * 150 + "}}"), "QUERY_TOO_COMPLEX"),
    "fragment doubling": (
        body("{...F0}" + "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(20))),
        "QUERY_TOO_COMPLEX",
    ),
    "circular fragments": (
        body("{...A} fragment A on Query{hello ...B} fragment B on Query{...A}"),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "circular introspection": (
        body("{__schema{types{" + "fields{type{" * 4 + "name" + "}}" * 4 + "}}}"),
        "QUERY_TOO_COMPLEX",
    ),
    "field duplication": (body("{" + "hello " * 10_000 + "}"), "QUERY_TOO_COMPLEX"),
    "field duplication within the tokens": (body("{me{" + "name " * 1400 + "}}"), "QUERY_TOO_COMPLEX"),
    "big comment": (body("#" + "x" * 90_000 + "\n{hello}"), "QUERY_TOO_COMPLEX"),
    "many comments": (body("#\n" * 9_000 + "{hello}"), "QUERY_TOO_COMPLEX"),
    "ten thousand tokens": (body("{" + "a " * 9_998 + "}"), "QUERY_TOO_COMPLEX"),
    "parse bomb": (body("{a(x:" + "[" * 90_000), "QUERY_TOO_COMPLEX"),
    "parse bomb within the tokens": (body("{a(x:" + "[" * 1_400), "GRAPHQL_PARSE_FAILED"),
    "unclosed string": (body('{a(x:"' + '\\"' * 9_000 + ")}"), "GRAPHQL_PARSE_FAILED"),
    "deep JSON": (b"[" * 90_000, "BAD_USER_INPUT"),
    "deep JSON objects": (b'{"a":' * 15_000, "BAD_USER_INPUT"),
    "a number": (b"1", "BAD_REQUEST"),
    "a string": (b'"x"', "BAD_REQUEST"),
    "null": (b"null", "BAD_REQUEST"),
    "nothing": (b"", "BAD_USER_INPUT"),
    "malformed JSON": (b'{"query": "{hello}"', "BAD_USER_INPUT"),
    "no UTF-8": (b'{"query": "{hello} #\xff"}', "BAD_USER_INPUT"),
    "lone surrogate": (b'{"query": "{hello} #\\ud800"}', "BAD_USER_INPUT"),
    "huge variables": (body("query($x:[Int!]!){sum(numbers:$x)}", x=[1] * 30_000), "QUERY_TOO_COMPLEX"),
    "deep variables": (
        b'{"query":"query($x:[Int!]!){sum(numbers:$x)}","variables":{"x":' + b"[" * 900 + b"]" * 900 + b"}}",
        "BAD_USER_INPUT",
    ),
    "body of a megabyte": (body("{hello}", x="x" * 1_000_000), "BODY_TOO_LARGE"),
    "integer beyond 32 bits": (body("query($n:Int!){me{tweets(first:$n){id}}}", n=99_999_999_999), "BAD_USER_INPUT"),
    "integer literal beyond 32 bits": (body("{me{tweets(first:99999999999){id}}}"), "GRAPHQL_VALIDATION_FAILED"),
    "integer of many digits": (body("{me{tweets(first:" + "9" * 15_000 + "){id}}}"), "GRAPHQL_VALIDATION_FAILED"),
    "unknown fields": (body("{me{" + " ".join(f"x{i}" for i in range(200)) + "}}"), "GRAPHQL_VALIDATION_FAILED"),
    "long operation name": (
        json.dumps({"query": "query A{hello}", "operationName": "x\n" * 30_000}).encode(),
        "BAD_REQUEST",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_gets_a_short_coded_answer_in_bounded_time(client: httpx.AsyncClient, attack: str) -> None:
    content, code = ATTACKS[attack]
    headers = {"content-type": JSON, "accept": GRAPHQL_JSON}
    await post(client, "{hello}")
    with capture_logs() as logs:
        started = time.process_time()
        response = await client.post("/graphql", content=content, headers=headers)
        spent = time.process_time() - started
    assert code_of(response) == code
    assert response.status_code in (200, 400, 413)
    assert len(response.content) < 3_000
    assert len(response.json()["errors"]) <= 11
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    assert logs == []
    assert spent < CPU_BOUND_S
    assert (await post(client, "{hello}")).json() == {"data": {"hello": "world"}}


# --- media types and statuses, in the manner of graphql-http's audits ------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL_JSON, GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL_JSON),
        (f"{JSON}, {GRAPHQL_JSON};q=0.9", JSON),
        (f"{JSON};q=0.1, {GRAPHQL_JSON};q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON};q=0, */*", JSON),
    ],
)
async def test_the_answer_has_the_media_type_that_the_client_takes(
    client: httpx.AsyncClient, accept: str | None, media: str
) -> None:
    client.headers.pop("accept")
    headers = {"accept": accept} if accept else {}
    response = await client.post("/graphql", json={"query": "{hello}"}, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"
    assert response.json() == {"data": {"hello": "world"}}


async def test_a_client_that_takes_no_json_is_not_acceptable(client: httpx.AsyncClient) -> None:
    response = await post(client, "{hello}", accept="application/xml")
    assert response.status_code == 406
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "bad", [("{",), ("{nothing}",), ("query($id: ID!) {hello}", {"id": None}), ("{" + "hello " * 20 + "}",)]
)
@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL_JSON, 400), ("*/*", 400), (JSON, 200)])
async def test_a_bad_document_is_400_and_200_for_those_who_ask_for_plain_json(
    client: httpx.AsyncClient, bad: tuple[Any, ...], accept: str, status: int
) -> None:
    response = await post(client, bad[0], accept, variables=dict(*bad[1:]))
    assert response.status_code == status
    assert "data" not in response.json()


async def test_a_variable_that_does_not_fit_its_type_is_bad_user_input(client: httpx.AsyncClient) -> None:
    response = await post(client, "query($id: ID!) {hello}", variables={"id": None})
    assert code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize("value", [{"obj": "ect"}, 0, False, ["array"], None, ""])
async def test_the_query_must_be_a_text(client: httpx.AsyncClient, value: object) -> None:
    response = await post(client, value)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("member", ["variables", "extensions", "operationName"])
@pytest.mark.parametrize("value", ["string", {"obj": "ect"}, 0, False, ["array"]])
async def test_a_member_of_a_wrong_type_is_a_bad_request(client: httpx.AsyncClient, member: str, value: object) -> None:
    right = str if member == "operationName" else dict
    response = await post(client, "query string {hello}", **{member: value})
    assert response.status_code == (200 if isinstance(value, right) else 400)
    assert "errors" not in response.json() if isinstance(value, right) else code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("member", ["variables", "extensions", "operationName"])
@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_a_null_member_is_as_good_as_none(client: httpx.AsyncClient, member: str, accept: str) -> None:
    response = await post(client, "{hello}", accept, **{member: None})
    assert response.json() == {"data": {"hello": "world"}}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/plain; a=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonx",
    ],
)
async def test_a_post_that_a_foreign_page_could_send_is_unsupported(
    client: httpx.AsyncClient, content_type: str | None
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = await client.post("/graphql", content=b'{"query": "{hello}"}', headers=headers)
    assert (response.status_code, code_of(response)) == (415, "BAD_REQUEST")


async def test_json_is_taken_to_be_utf_8(client: httpx.AsyncClient) -> None:
    for content_type in (JSON, "Application/JSON;charset=UTF-8"):
        response = await client.post(
            "/graphql", content='{"query": "{hello} # é日本"}'.encode(), headers={"content-type": content_type}
        )
        assert response.json() == {"data": {"hello": "world"}}


async def test_a_get_runs_queries_only(client: httpx.AsyncClient) -> None:
    query = {"query": "query Sum($x: [Int!]!) {sum(numbers: $x)}", "variables": '{"x": [1, 2]}', "operationName": "Sum"}
    response = await client.get("/graphql", params=query, headers={"accept": GRAPHQL_JSON})
    assert response.json() == {"data": {"sum": 3.0}}
    mutation = {"query": 'mutation {login(user: "ann", password: "right")}'}
    for accept in (JSON, GRAPHQL_JSON, "*/*"):
        response = await client.get("/graphql", params=mutation, headers={"accept": accept})
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "params", [{}, {"query": ""}, {"query": "{hello}", "variables": "{"}, {"query": "{hello}", "variables": "[]"}]
)
async def test_a_get_with_bad_parameters_is_a_bad_request(client: httpx.AsyncClient, params: dict[str, str]) -> None:
    response = await client.get("/graphql", params=params)
    assert response.status_code == 400
    assert code_of(response) in ("BAD_REQUEST", "BAD_USER_INPUT")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_with_those_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_a_browser_gets_the_page_and_never_runs_a_query_by_it(client: httpx.AsyncClient) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for params in ({}, {"query": "{hello}"}):
        response = await client.get("/graphql", params=params, headers=browser)
        assert response.text == "<title>GraphiQL</title>"
        assert response.headers["cache-control"] == "no-store"


async def test_every_answer_forbids_caching_and_sniffing(client: httpx.AsyncClient) -> None:
    for response in (await post(client, "{hello}"), await post(client, "{"), await client.put("/graphql")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


# --- errors ----------------------------------------------------------------------------------------------------------


async def test_an_unexpected_error_is_masked_and_logged_once_in_one_line(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await post(client, "{a: broken b: broken hello}", headers={"x-request-id": "req-7"})
    assert response.status_code == 200
    assert response.json()["data"] == {"a": None, "b": None, "hello": "world"}
    for error, alias in zip(response.json()["errors"], "ab", strict=True):
        assert error["message"] == "Internal error"
        assert error["path"] == [alias]
        assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "correlationId": "req-7"}
    assert "secret" not in response.text
    (record,) = logs
    assert record["correlation_id"] == response.headers["x-request-id"] == "req-7"
    assert (record["error"], record["count"], record["log_level"]) == ("ValueError", 2, "error")
    assert record["at"].startswith("toy.py:")
    assert not any("\n" in str(value) for value in record.values())


async def test_a_value_that_does_not_fit_its_type_is_masked(client: httpx.AsyncClient) -> None:
    response = await post(client, "{tooLarge}")
    assert code_of(response) == "INTERNAL_SERVER_ERROR"
    assert str(2**40) not in response.text


async def test_a_forged_correlation_id_is_replaced(client: httpx.AsyncClient) -> None:
    response = await post(client, "{hello}", headers={"x-request-id": "a" * 65})
    assert len(response.headers["x-request-id"]) == 32


async def test_a_known_failure_keeps_its_text_and_code(client: httpx.AsyncClient) -> None:
    response = await post(client, "{missing hello}")
    (error,) = response.json()["errors"]
    assert (error["message"], error["extensions"]) == ("There is no such thing.", {"code": "NOT_FOUND"})
    assert (response.status_code, response.json()["data"]["hello"]) == (200, "world")


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
@pytest.mark.parametrize(
    ("query", "status", "code", "after"),
    [("{away}", 503, "UNAVAILABLE", "3"), ("{throttled}", 429, "RATE_LIMITED", "1")],
)
async def test_a_whole_request_that_may_be_tried_again_says_when(
    client: httpx.AsyncClient, accept: str, query: str, status: int, code: str, after: str
) -> None:
    response = await post(client, query, accept)
    assert response.json()["data"] is None
    assert (response.status_code, code_of(response), response.headers["retry-after"]) == (status, code, after)


class LoggedOut(GraphQLEndpoint):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:
        raise {"away": Unavailable("Away.", retry_after_s=2), "bug": ValueError("secret")}.get(
            request.headers.get("authorization", ""), Unauthenticated("The token has expired.")
        )


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [("expired", 401, "UNAUTHENTICATED"), ("away", 503, "UNAVAILABLE"), ("bug", 500, "INTERNAL_SERVER_ERROR")],
)
async def test_a_failure_before_any_field_has_its_status(header: str, status: int, code: str) -> None:
    async with client_of(LoggedOut) as client:
        with capture_logs() as logs:
            response = await post(client, "{hello}", headers={"authorization": header})
    assert (response.status_code, code_of(response)) == (status, code)
    assert "data" not in response.json()
    assert "secret" not in response.text
    assert len(logs) == (1 if code == "INTERNAL_SERVER_ERROR" else 0)
    assert response.headers.get("retry-after") == ("2" if status == 503 else None)


# --- server-sent events ----------------------------------------------------------------------------------------------


def events_of(response: httpx.Response) -> list[tuple[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-content-type-options"] == "nosniff"
    events = []
    for block in response.text.strip().split("\r\n\r\n"):
        name, _, data = block.partition("\r\n")
        payload = data.removeprefix("data: ")
        events.append((name.removeprefix("event: "), json.loads(payload) if payload else None))
    return events


@pytest.mark.parametrize("accept", ["text/event-stream", f"{GRAPHQL_JSON}, {JSON}, text/event-stream"])
async def test_a_subscription_streams_events_to_who_takes_them(client: httpx.AsyncClient, accept: str) -> None:
    expected = [("next", {"data": {"count": 0}}), ("next", {"data": {"count": 1}}), ("complete", None)]
    posted = await post(client, "subscription {count(to: 2)}", accept)
    assert events_of(posted) == expected
    got = await client.get("/graphql", params={"query": "subscription {count(to: 2)}"}, headers={"accept": accept})
    assert events_of(got) == expected


async def test_a_query_is_answered_as_json_by_who_takes_both(client: httpx.AsyncClient) -> None:
    response = await post(client, "{hello}", f"{JSON}, text/event-stream")
    assert response.json() == {"data": {"hello": "world"}}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription {nothing}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {" + "count(to: 1) " * 20 + "}", "QUERY_TOO_COMPLEX"),
        ("{broken}", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_a_stream_tells_errors_with_their_codes(client: httpx.AsyncClient, query: str, code: str) -> None:
    (name, payload), end = events_of(await post(client, query, "text/event-stream"))
    assert (name, end) == ("next", ("complete", None))
    assert payload["errors"][0]["extensions"]["code"] == code


async def test_a_get_stream_runs_no_mutation(client: httpx.AsyncClient) -> None:
    params = {"query": 'mutation {login(user: "ann", password: "right")}'}
    response = await client.get("/graphql", params=params, headers={"accept": "text/event-stream"})
    (_, payload), _ = events_of(response)
    assert payload["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_subscription_without_a_stream_is_a_bad_request(client: httpx.AsyncClient) -> None:
    response = await post(client, "subscription {count(to: 2)}")
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
