import gc
import json
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from structlog.testing import capture_logs

from tests.infra.toy import GRAPHQL_JSON, JSON, client_of, code_of, post

CPU_BOUND_S = 0.05


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of() as opened:
        yield opened


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
    "unknown fields": (body("{me{" + " ".join(f"x{i}" for i in range(1000)) + "}}"), "GRAPHQL_VALIDATION_FAILED"),
    "long operation name": (
        json.dumps({"query": "query A{hello}", "operationName": "x\n" * 30_000}).encode(),
        "BAD_REQUEST",
    ),
}


@pytest.fixture(autouse=True, scope="module")
def settled_memory() -> Iterator[None]:
    """As a server does once it is up: what the test run has allocated so far is no matter of a request's."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


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
