"""Moving a slot of a Redis Cluster to another master, step by step, as its own tools do."""

from collections.abc import Sequence

from infra.adapters.redis.connection import RedisConnection
from infra.adapters.redis.urls import Address


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
        source = connection.nodes.owner(key)
        target = next(master for master in masters if master != source)
        assert source is not None
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
        for node in (self._target, self._source):
            await self._connection.ask(node, "CLUSTER", "SETSLOT", self._slot, "NODE", self._ids[self._target])
