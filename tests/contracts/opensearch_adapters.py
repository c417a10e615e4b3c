"""The adapter for OpenSearch, as contracts open it: in one pair of indices, emptied each time."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from infra.adapters.opensearch.connection import OpenSearchConnection, OpenSearchLimits
from infra.adapters.opensearch.filling import OpenSearchFilling
from infra.adapters.opensearch.indices import Indices
from infra.adapters.opensearch.search_index import OpenSearchSearchIndex
from loaders.ports import GraphStore, SearchIndex, UserStore
from loaders.records import UserId
from realtime.ports import Logged

PATIENT = OpenSearchLimits(timeout_s=60.0)
"""On a busy machine a contract is no test of speed."""


def named_url(url: str, name: str) -> str:
    """Return the URL of other indices of the same server."""
    return f"{url.rpartition('/')[0]}/{name}"


@dataclass(frozen=True, slots=True)
class Opened:
    """An empty index, what fills it, and what lets its contents be found at once."""

    index: SearchIndex
    filling: OpenSearchFilling
    indices: Indices

    async def apply(self, batch: Sequence[Logged]) -> None:
        """Take in events."""
        await self.filling.apply(batch)
        await self.indices.refresh(self.indices.aliases)

    async def look(self, ids: Sequence[UserId]) -> None:
        """Take in accounts."""
        await self.filling.put_users(ids)
        await self.indices.refresh(self.indices.aliases)


class Place:
    """The indices of this run of the tests. Each time they are opened they are of a later epoch."""

    def __init__(self) -> None:
        self.url = ""
        self._epochs = itertools.count(1)

    def use(self, request: pytest.FixtureRequest) -> None:
        """Make the indices, when the first test needs them."""
        if self.url:
            return
        self.url = named_url(request.getfixturevalue("opensearch_url"), "contracts")
        asyncio.run(self._make())

    async def _make(self) -> None:
        async with OpenSearchConnection.open(self.url, PATIENT) as connection:
            await Indices(connection).ensure(is_whole=True, label=str(time.time_ns()))

    @asynccontextmanager
    async def emptied(self, users: UserStore, graph: GraphStore) -> AsyncIterator[Opened]:
        """Open the indices with nothing in them."""
        async with OpenSearchConnection.open(self.url, PATIENT) as connection:
            indices, epoch = Indices(connection), next(self._epochs)
            await connection.call(
                lambda client: client.delete_by_query(
                    index=",".join(indices.aliases),
                    body={"query": {"match_all": {}}},
                    params={"refresh": "true", "conflicts": "proceed"},
                )
            )
            filling = OpenSearchFilling(connection, users, graph, epoch, time.time_ns)
            yield Opened(OpenSearchSearchIndex(connection, lambda: True), filling, indices)


PLACE = Place()
