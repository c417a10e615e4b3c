import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.infra.toy import GRAPHQL_JSON, JSON, client_of, code_of, post


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as opened:
        yield opened


# --- media types and statuses, in the manner of graphql-http's audits -------------------------------------------------


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
    "bad",
    [("{",), ("{nothing}",), ("query($x: [Int!]!) {sum(numbers: $x)}", {"x": None}), ("{" + "hello " * 20 + "}",)],
)
@pytest.mark.parametrize(("accept", "status"), [(GRAPHQL_JSON, 400), ("*/*", 400), (JSON, 200)])
async def test_a_bad_document_is_400_and_200_for_those_who_ask_for_plain_json(
    client: httpx.AsyncClient, bad: tuple[Any, ...], accept: str, status: int
) -> None:
    response = await post(client, bad[0], accept, members={"variables": dict(*bad[1:])})
    assert response.status_code == status
    assert "data" not in response.json()


async def test_a_variable_that_does_not_fit_its_type_is_bad_user_input(client: httpx.AsyncClient) -> None:
    response = await post(client, "query($x: [Int!]!) {sum(numbers: $x)}", members={"variables": {"x": ["one"]}})
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("value", [{"obj": "ect"}, 0, False, ["array"], None, ""])
async def test_the_query_must_be_a_text(client: httpx.AsyncClient, value: object) -> None:
    response = await post(client, value)
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("member", ["variables", "extensions", "operationName"])
@pytest.mark.parametrize("value", ["string", {"obj": "ect"}, 0, False, ["array"]])
async def test_a_member_of_a_wrong_type_is_a_bad_request(client: httpx.AsyncClient, member: str, value: object) -> None:
    right = str if member == "operationName" else dict
    response = await post(client, "query string {hello}", members={member: value})
    assert response.status_code == (200 if isinstance(value, right) else 400)
    assert "errors" not in response.json() if isinstance(value, right) else code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("member", ["variables", "extensions", "operationName"])
@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_a_null_member_is_as_good_as_none(client: httpx.AsyncClient, member: str, accept: str) -> None:
    response = await post(client, "{hello}", accept, members={member: None})
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


# --- server-sent events -----------------------------------------------------------------------------------------------


def events_of(response: httpx.Response) -> list[tuple[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-content-type-options"] == "nosniff"
    events = []
    for block in response.text.removesuffix("\r\n\r\n").split("\r\n\r\n"):
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
