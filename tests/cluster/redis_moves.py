"""Moving a slot of a Redis Cluster to another master, step by step, as its own tools do."""

import asyncio
from collections.abc import Sequence

from infra.adapters.redis.connection import RedisConnection
from infra.adapters.redis.urls import Address

AGREED_S = 30.0
LOOK_AGAIN_S = 0.05


class Move:
    """A slot on its way to another master."""

    def __init__(self, connection: RedisConnection, slot: int, source: Address, target: Address) -> None:
        self._connection = connection
        self._slot = slot
        self._source = source
        self._target = target
        self._ids: dict[Address, bytes] = {}

    @classmethod
    async def begin(cls, connection: RedisConnection, key: str) -> "Move":
        """Open the slot of a key on both of its nodes."""
        masters = await connection.masters()
        slot = await connection.ask(masters[0], "CLUSTER", "KEYSLOT", key)
        # What others say of a slot that has just moved may be old: its owner knows.
        (source,) = await until_one(connection, slot)
        target = next(master for master in masters if master != source)
        move = cls(connection, slot, source, target)
        for node in (source, target):
            move._ids[node] = await connection.ask(node, "CLUSTER", "MYID")
        await connection.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", move._ids[source])
        await connection.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", move._ids[target])
        return move

    async def carry(self, keys: Sequence[str]) -> None:
        """Take keys to the new node, those that exist."""
        host, port = self._target
        await self._connection.ask(self._source, "MIGRATE", host, port, "", 0, 5_000, "KEYS", *keys)

    async def end(self, keys: Sequence[str]) -> None:
        """Take the remaining keys there, and give the slot away."""
        await self.carry(keys)
        others = [each for each in await self._connection.masters() if each not in {self._target, self._source}]
        for node in (self._target, self._source, *others):
            await self._connection.ask(node, "CLUSTER", "SETSLOT", self._slot, "NODE", self._ids[self._target])


async def until_one(connection: RedisConnection, slot: int) -> Sequence[Address]:
    """Wait until just one master holds itself for a slot's owner, and return it."""
    async with asyncio.timeout(AGREED_S):
        while True:
            owners = [each for each in await connection.masters() if await _owns(connection, each, slot)]
            if len(owners) == 1:
                return owners
            await asyncio.sleep(LOOK_AGAIN_S)


async def _owns(connection: RedisConnection, node: Address, slot: int) -> bool:
    told: bytes = await connection.ask(node, "CLUSTER", "NODES")
    (own,) = [line.split() for line in told.decode().splitlines() if "myself" in line]
    ranges = [each.partition("-") for each in own[8:] if not each.startswith("[")]
    return any(int(first) <= slot <= int(last or first) for first, _, last in ranges)
