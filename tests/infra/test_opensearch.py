"""OpenSearch's adapter without a server: what it is asked, what is sent again, and what a failure comes to."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from opensearchpy.exceptions import ConnectionError as NotReached
from opensearchpy.exceptions import ConnectionTimeout, NotFoundError, TransportError

from infra.adapters.breaker import BreakerLimits
from infra.adapters.guard import GuardLimits, Refused
from infra.adapters.opensearch.connection import OpenSearchConnection, OpenSearchLimits
from infra.adapters.opensearch.filling import OpenSearchFilling, Write
from infra.adapters.opensearch.queries import query_of
from infra.adapters.opensearch.search_index import OpenSearchSearchIndex
from infra.adapters.opensearch.urls import parse_url
from loaders.errors import Unavailable
from loaders.ids import ID_MAX
from loaders.search_query import QueryLimits, parse
from loaders.words import Phrase

DONE, NEWER, FULL, REFUSED, MISSING = 201, 409, 429, 400, 404


class Server:
    """Answers bulks item by item with the statuses that it was given, the last of them for good; keeps what it got."""

    def __init__(self, **statuses: Sequence[int]) -> None:
        self.statuses = {name: list(given) for name, given in statuses.items()}
        self.got: list[list[str]] = []
        self.searches: list[Mapping[str, Any]] = []
        self.answers: list[Any] = []

    async def bulk(self, body: Sequence[Mapping[str, Any]], params: object) -> object:
        del params
        ids = [line["index"]["_id"] for line in body[::2]]
        self.got.append(ids)
        return {"items": [{"index": {"status": self._status(each), "error": {"reason": "no"}}} for each in ids]}

    async def search(self, index: str, body: Mapping[str, Any], params: object) -> object:
        del index, params
        self.searches.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _status(self, name: str) -> int:
        left = self.statuses.get(f"id{name}", [DONE])
        return left.pop(0) if len(left) > 1 else left[0]


def connection(server: Server, failures_max: int = 5) -> OpenSearchConnection:
    guard = GuardLimits(calls_max=2, breaker=BreakerLimits(failures_max=failures_max))
    limits = OpenSearchLimits(timeout_s=5.0, items_retried_max=3, guard=guard)
    return OpenSearchConnection(server, "roost", limits, lambda: 0.0)  # type: ignore[arg-type]


def filling(server: Server) -> OpenSearchFilling:
    return OpenSearchFilling(connection(server), None, None, 1, lambda: 0)  # type: ignore[arg-type]


def writes(*ids: int) -> list[Write]:
    return [Write("roost-tweets", each, 1, {}) for each in ids]


async def test_only_the_documents_without_room_are_sent_again() -> None:
    server = Server(id2=[FULL, FULL, DONE], id3=[NEWER])

    await filling(server).put(writes(1, 2, 3))

    assert server.got == [["1", "2", "3"], ["2"], ["2"]]


async def test_what_never_finds_room_is_told_after_a_bounded_number_of_tries() -> None:
    server = Server(id2=[FULL])

    with pytest.raises(Unavailable, match="no room for 1 documents"):
        await filling(server).put(writes(1, 2))

    assert server.got == [["1", "2"], ["2"], ["2"]]


async def test_a_document_that_is_refused_is_the_events_own_fault_and_a_missing_index_the_operators() -> None:
    with pytest.raises(ValueError, match="refuses 7"):
        await filling(Server(id7=[REFUSED])).put(writes(7))
    with pytest.raises(Unavailable, match="roost migrate"):
        await filling(Server(id7=[MISSING])).put(writes(7))


@pytest.mark.parametrize(
    ("error", "said", "is_refusal"),
    [
        (NotReached("N/A", "cannot connect", OSError()), "does not answer", False),
        (ConnectionTimeout("TIMEOUT", "slow", OSError()), "does not answer", False),
        (TransportError(503, "shards", {}), "fails: shards", False),
        (TransportError(429, "busy", {}), "too much to do", True),
        (NotFoundError(404, "index_not_found_exception", {}), "index_not_found", True),
    ],
)
async def test_every_failure_is_unavailable_and_a_refusal_says_that_the_server_is_well(
    error: Exception, said: str, is_refusal: bool
) -> None:
    server = Server()
    server.answers = [error]
    index = OpenSearchSearchIndex(connection(server), lambda: True)

    with pytest.raises(Unavailable, match=said) as raised:
        await index.newest(Phrase(("cat",)), ID_MAX, 0, 1)

    assert isinstance(raised.value, Refused) is is_refusal


async def test_who_fails_in_a_row_is_asked_no_more_for_a_while() -> None:
    server = Server()
    server.answers = [NotReached("N/A", "no", OSError())] * 2
    index = OpenSearchSearchIndex(connection(server, failures_max=2), lambda: True)

    for _ in range(3):
        with pytest.raises(Unavailable):
            await index.newest(Phrase(("cat",)), ID_MAX, 0, 1)

    assert len(server.searches) == 2


async def test_a_search_that_ran_out_of_time_does_not_pass_for_one_that_found_little() -> None:
    server = Server()
    server.answers = [{"timed_out": True, "hits": {"hits": []}}]

    with pytest.raises(Unavailable, match="too long"):
        await OpenSearchSearchIndex(connection(server), lambda: True).newest(Phrase(("cat",)), ID_MAX, 0, 1)


async def test_more_than_one_answer_holds_is_read_on_below_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.adapters.opensearch.search_index.READ_AT_ONCE", 2)
    server = Server()
    hits = [{"sort": [each], "fields": {"author_id": [1]}} for each in (9, 7, 5)]
    server.answers = [{"hits": {"hits": hits[:2]}}, {"hits": {"hits": hits[2:]}}]

    found = await OpenSearchSearchIndex(connection(server), lambda: True).newest(Phrase(("cat",)), 10, 2, 4)

    assert [each.id for each in found] == [9, 7, 5]
    ranges = [body["query"]["bool"]["filter"][1]["range"]["id"] for body in server.searches]
    assert ranges == [{"gte": 2, "lt": 10}, {"gte": 2, "lt": 7}]


def test_a_query_becomes_filters() -> None:
    root = parse('(cat OR "big dog") -#food lang:en 犬', QueryLimits()).root

    assert query_of(root) == {
        "bool": {
            "filter": [
                {
                    "bool": {
                        "should": [{"term": {"words": "cat"}}, {"match_phrase": {"words": "big dog"}}],
                        "minimum_should_match": 1,
                    }
                },
                {"term": {"lang": "en"}},
                {"prefix": {"words": "犬"}},
            ],
            "must_not": [{"term": {"hashtags": "food"}}],
        }
    }


def test_a_url_names_nodes_credentials_and_indices() -> None:
    assert parse_url("opensearchs://us%40er:p%2Fw@one:9201,[::1]:9202,three/tweets-x") == (
        (("one", 9201), ("::1", 9202), ("three", 9200)),
        True,
        ("us@er", "p/w"),
        "tweets-x",
    )
    with pytest.raises(ValueError, match="name of its indices"):
        parse_url("opensearch://user:secret@one:9200")
