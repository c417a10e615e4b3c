"""SearchIndex on OpenSearch: filters without scores, newest first, page by page below the last one's id."""

from collections.abc import Callable, Sequence
from typing import Any

from infra.adapters.opensearch.connection import OpenSearchConnection
from infra.adapters.opensearch.indices import aliases_of
from infra.adapters.opensearch.queries import newest_query, users_query
from loaders.errors import Unavailable
from loaders.ports import Found, FoundUser, SearchIndex
from loaders.records import TweetId, UserId
from loaders.search_query import Node

READ_AT_ONCE = 5_000
"""OpenSearch answers at most 10,000 hits to one search."""
PARAMETERS = {
    # A shard that does not answer makes the search fail: what it holds would be missing unseen.
    "allow_partial_search_results": "false",
    "filter_path": "timed_out,hits.hits.sort,hits.hits.fields,hits.hits._source",
}


class OpenSearchSearchIndex:
    """The index of a cluster, as searches read it. `is_complete` is asked of who watches those that fill it."""

    def __init__(self, connection: OpenSearchConnection, is_complete: Callable[[], bool]) -> None:
        self._connection = connection
        self._aliases = aliases_of(connection.name)
        self._is_complete = is_complete

    @property
    def is_complete(self) -> bool:
        """See `SearchIndex`."""
        return self._is_complete()

    async def newest(
        self, root: Node, below: int, lowest: int, limit: int, with_words: bool = False
    ) -> Sequence[Found]:
        """See `SearchIndex`."""
        found: list[Found] = []
        while len(found) < limit:
            size = min(READ_AT_ONCE, limit - len(found))
            hits = await self._hits(
                self._aliases.tweets,
                {
                    "query": newest_query(root, below, lowest),
                    "sort": [{"id": "desc"}],
                    "size": size,
                    "docvalue_fields": ["author_id"],
                    "_source": ["words"] if with_words else False,
                },
            )
            found += [
                Found(
                    TweetId(hit["sort"][0]),
                    UserId(hit["fields"]["author_id"][0]),
                    hit["_source"]["words"] if with_words else "",
                )
                for hit in hits
            ]
            if len(hits) < size:
                break
            below = found[-1].id
        return found

    async def users(self, prefixes: Sequence[str], below: FoundUser | None, limit: int) -> Sequence[FoundUser]:
        """See `SearchIndex`."""
        body: dict[str, Any] = {
            "query": users_query(list(prefixes)),
            "sort": [{"followers": "desc"}, {"user_id": "desc"}],
            "size": limit,
            "_source": False,
        }
        if below is not None:
            body["search_after"] = [below.followers, below.id]
        hits = await self._hits(self._aliases.users, body)
        return [FoundUser(UserId(hit["sort"][1]), hit["sort"][0]) for hit in hits]

    async def _hits(self, index: str, body: dict[str, Any]) -> Sequence[Any]:
        timeout_ms = int(1_000 * self._connection.limits.timeout_s)
        body |= {"track_total_hits": False, "timeout": f"{timeout_ms}ms"}
        answer = await self._connection.call(lambda client: client.search(index=index, body=body, params=PARAMETERS))
        if answer.get("timed_out"):
            raise Unavailable("The search takes too long: ask for rarer words", retry_after_s=1.0)
        hits: Sequence[Any] = answer.get("hits", {}).get("hits", ())
        return hits


_: type[SearchIndex] = OpenSearchSearchIndex
