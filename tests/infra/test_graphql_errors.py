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
from tests.infra.toy import GRAPHQL_JSON, JSON, client_of, code_of, post


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as opened:
        yield opened


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
    assert record["correlationId"] == response.headers["x-request-id"] == "req-7"
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
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Any:  # noqa: ARG002
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
