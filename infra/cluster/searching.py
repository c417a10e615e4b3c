"""The search of a cluster: the index on OpenSearch, what fills it from the log and the stores, and how far that is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from infra.adapters.cassandra.account_changes import CassandraAccountChanges
from infra.adapters.cassandra.positions import move, place_of, position_of
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.opensearch.connection import OpenSearchConnection, OpenSearchLimits
from infra.adapters.opensearch.filling import OpenSearchFilling
from infra.adapters.opensearch.indices import Indices
from infra.adapters.opensearch.search_index import OpenSearchSearchIndex
from infra.cluster.policies import Policies
from infra.settings import Settings
from loaders.errors import Unavailable
from loaders.ports import GraphStore, UserStore
from realtime.ports import Logged
from realtime.worker import SEARCH, STORE

LAG_EVENTS_MAX = 2_000
"""Further behind, as after a bulk import, searches say that they are not complete."""
LOOK_EVERY_S = 1.0
ACCOUNTS = "search accounts"
ACCOUNTS_OVERLAP_MS = 10_000
"""So far back accounts are looked for again: clocks differ, and what is being noted cannot be seen yet."""


class Searching:
    """The index of a cluster as gateways ask it, and as the members of the group `search` fill it.

    Its place in the log, and in the changes of accounts, is kept beside the stores.
    """

    def __init__(
        self,
        connection: OpenSearchConnection,
        indices: Indices,
        filling: OpenSearchFilling,
        session: CassandraSession,
        accounts: CassandraAccountChanges,
        epoch: int,
        partitions: int,
    ) -> None:
        self.connection = connection
        self.indices = indices
        self.filling = filling
        self.is_complete = False
        self.index = OpenSearchSearchIndex(connection, lambda: self.is_complete)
        self._session = session
        self._accounts = accounts
        self._epoch = epoch
        self._partitions = partitions

    async def handle(self, batch: Sequence[Logged], _previous: int) -> None:
        """Handle events of a partition, then move on after them: a crash between the two is a replay."""
        await self.filling.apply(batch)
        await move(self._session, SEARCH, self._epoch, batch[-1].partition, batch[-1].offset)

    async def position(self, partition: int) -> int:
        """Return how far the group has come in a partition."""
        return await position_of(self._session, SEARCH, self._epoch, partition)

    async def place(self) -> Sequence[int]:
        """Return how far the group has come in every partition."""
        return await place_of(self._session, SEARCH, self._epoch, self._partitions)

    async def look_for_accounts(self) -> None:
        """Take in accounts that came or changed since the last time."""
        place_ms, has_more = await position_of(self._session, ACCOUNTS, 0, 0) - ACCOUNTS_OVERLAP_MS, True
        while has_more:
            ids, place_ms, has_more = await self._accounts.since(place_ms)
            await self.filling.put_users(ids)
            await move(self._session, ACCOUNTS, 0, 0, place_ms)

    async def watch(self) -> None:
        """Keep `is_complete` up to date."""
        while True:
            with suppress(Unavailable):  # a server's own state tells; what was true last stands
                self.is_complete = await self.indices.is_whole() and await self._lag() <= LAG_EVENTS_MAX
            await asyncio.sleep(LOOK_EVERY_S)

    async def _lag(self) -> int:
        applied = await place_of(self._session, STORE, self._epoch, self._partitions)
        return sum(max(0, there - here) for there, here in zip(applied, await self.place(), strict=True))


@asynccontextmanager
async def open_searching(
    settings: Settings,
    policies: Policies,
    session: CassandraSession,
    users: UserStore,
    graph: GraphStore,
    epoch: int,
    clock_ms: Callable[[], int],
) -> AsyncIterator[Searching]:
    """Open the search that the settings name; it connects when it is first used."""
    limits = OpenSearchLimits(policies.search.timeout_s, guard=policies.search.guard)
    async with OpenSearchConnection.open(settings.search_url, limits) as connection:
        yield Searching(
            connection,
            Indices(connection, settings.replication - 1),
            OpenSearchFilling(connection, users, graph, epoch, clock_ms),
            session,
            CassandraAccountChanges(session, clock_ms),
            epoch,
            settings.log_partitions + settings.like_partitions,
        )


async def follow_accounts(searching: Searching, is_ours: Callable[[], bool]) -> None:
    """Take in accounts each second, while this process is the one to do it."""
    while True:
        if is_ours():
            await searching.look_for_accounts()
        await asyncio.sleep(LOOK_EVERY_S)
