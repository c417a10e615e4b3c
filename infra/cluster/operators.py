"""What an operator's commands do on a cluster: find and draw accounts, audit, repair, wait."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from infra.clocks import Clocks
from infra.cluster.gateway import ClusterGateway, open_gateway
from infra.settings import Settings
from loaders.errors import NotFound, Unavailable
from loaders.records import UserId
from realtime.audit import AuditStores
from realtime.events import RepairRequested
from realtime.worker import FANOUT

DRAINED_WITHIN_S = 3_600.0
TOKEN_MIN, TOKEN_MAX = -(1 << 63), (1 << 63) - 1

Account = tuple[UserId, str]
"""An id and a handle."""


class Operator:
    """A gateway without clients, for one command."""

    def __init__(self, gateway: ClusterGateway) -> None:
        self._gateway = gateway
        self._services = gateway.services

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> "AsyncIterator[Operator]":
        """Connect to the cluster that the settings name."""
        async with open_gateway(settings, Clocks()) as gateway:
            yield cls(gateway)

    @property
    def audit(self) -> AuditStores:
        """What an audit reads."""
        return self._services.audit

    async def account_of(self, handle: str) -> Account:
        """Answer the account with a handle, in any case; raises `NotFound`."""
        key = handle.removeprefix("@").lower()
        found = (await self._services.users.by_handles([key])).get(key)
        if found is None:
            raise NotFound(f"There is no account {handle!r} in the cluster.")
        return found.id, found.handle

    async def draw(self, count: int, seed: int | None) -> Sequence[Account]:
        """Answer up to `count` accounts, each the next on the ring from a point drawn by lot."""
        lot = random.Random(seed)
        points = [lot.randint(TOKEN_MIN, TOKEN_MAX) for _ in range(count)]
        return await self._gateway.connected.accounts_from(points)

    async def drained(self) -> None:
        """Wait until every group has handled what the log holds now."""
        if not await self._gateway.drained(DRAINED_WITHIN_S):
            raise Unavailable(f"The group {FANOUT} does not get on: is `roost work` running?")

    async def repair(self, user_ids: Sequence[UserId]) -> None:
        """Ask for what the log holds to be applied again, and for these accounts' lists to be built anew."""
        log = self._services.log
        requests = []
        for partition in range(log.layout.partitions):
            first, _ = await log.bounds(partition)
            requests.append(RepairRequested(user_ids, first, partition))
        await log.append(requests)
