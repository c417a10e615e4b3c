"""Documents that clients name: trusted ones from a file, and those that clients sent with their hash."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.documents import Documents, DocumentUnknown, DocumentUntrusted, documents_of, read_documents
from infra.settings import Settings
from loaders.errors import BadUserInput
from schema.api import create_schema
from schema.limits import Limits
from tests.infra.live import contract, eventually, open_world
from tests.infra.toy import GRAPHQL_JSON, JSON, code_of, toy_app

HELLO, NAME = "{ hello }", "query Name { me { name } }"


def hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def hashed(text: str, **more: Any) -> dict[str, Any]:
    """Return a request as Apollo Client sends it, once without and once with its text."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}, **more}


def test_what_was_sent_with_its_hash_is_known_by_it_from_then_on() -> None:
    documents = Documents()
    with pytest.raises(DocumentUnknown, match=r"^PersistedQueryNotFound$"):
        documents.text(hashed(HELLO))
    assert documents.text(hashed(HELLO, query=HELLO)) == HELLO
    assert documents.text(hashed(HELLO)) == HELLO
    assert documents.text({"documentId": f"sha256:{hash_of(HELLO)}"}) == HELLO


def test_trusted_documents_are_known_by_id_and_by_hash() -> None:
    documents = Documents({"hello.1": HELLO})
    for named in ({"documentId": "hello.1"}, {"documentId": hash_of(HELLO)}, hashed(HELLO)):
        assert documents.text(named) == HELLO
    with pytest.raises(DocumentUnknown):
        documents.text({"documentId": "hello.2"})


def test_those_told_of_are_few_and_short_and_push_no_trusted_one_out() -> None:
    documents = Documents({"name": NAME}, told_max=2, length_max=40)
    texts = [f"{{ hello }} # {number}" for number in range(3)]
    for text in texts:
        documents.text(hashed(text, query=text))
        documents.text(hashed(texts[0]))
    assert documents.text(hashed(texts[0])) == texts[0], "what is used stays"
    assert documents.text({"documentId": "name"}) == NAME
    long = "{ hello } #" + "x" * 40
    documents.text(hashed(long, query=long))
    for gone in (texts[1], long):
        with pytest.raises(DocumentUnknown):
            documents.text(hashed(gone))
    assert len(documents) == 3


def test_where_only_trusted_documents_run_nothing_else_does_however_it_comes() -> None:
    documents = Documents({"name": NAME}, only_trusted=True)
    assert documents.text({"query": NAME}) == documents.text({"documentId": "name"}) == NAME
    for request in ({"query": HELLO}, hashed(HELLO, query=HELLO), {}, {"query": [NAME]}):
        with pytest.raises(DocumentUntrusted):
            documents.text(request)
    with pytest.raises(DocumentUnknown):
        documents.text(hashed(HELLO))


@pytest.mark.parametrize(
    "request_",
    [
        {"query": HELLO, "documentId": "hello"},
        {"documentId": 7},
        hashed(HELLO, query=NAME),
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": hash_of(HELLO)}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "abc"}}},
        {"extensions": {"persistedQuery": None}},
    ],
)
def test_names_that_are_none_are_bad_input(request_: dict[str, Any]) -> None:
    with pytest.raises(BadUserInput):
        Documents({"hello": HELLO}).text(request_)


@pytest.mark.parametrize(
    "content",
    [
        {"hello": HELLO},
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "hello", "body": HELLO}]},
    ],
)
def test_a_file_lists_documents_by_id_or_as_apollos_manifest(tmp_path: Path, content: object) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(content))
    assert read_documents(file) == {"hello": HELLO}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "holds no documents"),
        ("[1]", "holds no documents"),
        ('{"a": 1}', "holds no documents"),
        ('{"operations": [{"id": "a"}]}', "holds no documents"),
        (json.dumps({f"sha256:{hash_of(NAME)}": HELLO}), "is not the hash"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_lists_none_is_refused_with_the_reason(tmp_path: Path, content: str | None, reason: str) -> None:
    file = tmp_path / "documents.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadUserInput, match=reason):
        read_documents(file)


def test_a_document_that_cannot_run_is_named_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"good": "{ viewer { id } }", "bad": "{ viewer { height } }"}))
    settings = Settings.for_tests(tmp_path, documents_file=str(file))
    with pytest.raises(BadUserInput, match=r"'bad'.*height"):
        documents_of(settings, create_schema(Limits(), 10))


def test_trusting_alone_needs_something_to_trust(tmp_path: Path) -> None:
    with pytest.raises(BadUserInput, match="ROOST_DOCUMENTS_FILE"):
        documents_of(Settings.for_tests(tmp_path, documents="trusted"), create_schema(Limits(), 10))


def http(documents: Documents) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(toy_app(documents=documents)), base_url="http://roost.test")


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (GRAPHQL_JSON, 400)])
async def test_over_http_a_client_is_asked_for_the_text_once(accept: str, status: int) -> None:
    async with http(Documents()) as client:
        client.headers["accept"] = accept
        unknown = await client.post("/graphql", json=hashed(HELLO))
        assert (unknown.status_code, code_of(unknown)) == (status, "PERSISTED_QUERY_NOT_FOUND")
        assert (await client.post("/graphql", json=hashed(HELLO, query=HELLO))).json() == {"data": {"hello": "world"}}
        extensions = json.dumps(hashed(HELLO)["extensions"])
        assert (await client.get("/graphql", params={"extensions": extensions})).json() == {"data": {"hello": "world"}}


async def test_over_http_a_trusted_document_runs_by_its_id_and_another_text_is_refused() -> None:
    async with http(Documents({"name": NAME}, only_trusted=True)) as client:
        client.headers["accept"] = GRAPHQL_JSON
        assert (await client.get("/graphql", params={"documentId": "name"})).json() == {"data": {"me": {"name": "Ada"}}}
        refused = await client.post("/graphql", json={"query": HELLO})
        assert (refused.status_code, code_of(refused)) == (400, "DOCUMENT_NOT_TRUSTED")


async def test_a_stream_of_events_runs_by_its_documents_id() -> None:
    async with http(Documents({"count": "subscription { count(to: 1) }"})) as client:
        client.headers["accept"] = "text/event-stream"
        streamed = await client.post("/graphql", json={"documentId": "count"})
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert '{"data":{"count":0}}' in streamed.text


async def test_on_a_socket_a_stream_runs_by_its_documents_id_and_an_unknown_one_ends_that_operation_alone(
    tmp_path: Path,
) -> None:
    text = contract("HomeTimelineUpdates")
    async with open_world(tmp_path, documents=Documents({"live": text})) as world:
        await world.person("bob", "ada")
        async with world.client("bob") as client:
            await client.send({"id": "1", "type": "subscribe", "payload": {"documentId": "nothing"}})
            failed = await client.read()
            assert (failed["id"], failed["type"]) == ("1", "error")
            assert failed["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
            heard = world.engine.hub.stream_count()
            await client.send({"id": "2", "type": "subscribe", "payload": {"documentId": "live"}})
            await eventually(lambda: world.engine.hub.stream_count() > heard)
            await world.post("ada", "by its name")
            told = await client.read()
            assert told["payload"]["data"]["homeTimelineUpdates"]["tweet"]["text"] == "by its name"
