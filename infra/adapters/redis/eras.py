"""Whether a server may have lost pushes that it acknowledged: then its lists go, and are rebuilt when read (F4)."""

from collections.abc import Mapping, Sequence

from infra.adapters.redis.connection import RETRY_AFTER_S, Call, RedisConnection
from infra.adapters.redis.sweep import sweep
from infra.adapters.redis.urls import Address
from loaders.errors import Unavailable


class Eras:
    """Keeps beside the lists of each hash tag the replication id of the server that took all that was pushed into them.

    A replica that takes over begins a history of its own, under another id, and brings the old id along beside its
    lists: what its master had not told it yet is missing in them. Nobody needs to remember anything, so that whoever
    looks first finds it, even if those who pushed died with the master. A tag that moves to another server is dropped
    likewise, which is harmless.
    """

    def __init__(self, connection: RedisConnection, heads: Sequence[str], pattern: str) -> None:
        self._connection = connection
        self._heads = heads
        self._pattern = pattern
        self._seen: Sequence[str] = ()

    async def check(self) -> int:
        """Drop the lists of the tags whose server has changed; answer how many tags those were. Any number may run."""
        ids = await self._ids()
        keys = [f"{head}era" for head in self._heads]
        owners = [self._connection.nodes.owner(key) for key in keys]
        now = [ids.get(owner, "") if owner is not None else "" for owner in owners]
        if not all(now):
            raise Unavailable("Redis is being resharded", RETRY_AFTER_S)
        if now == self._seen:
            return 0
        eras = await self._connection.run([Call(key, ("GET", key)) for key in keys])
        stale = [at for at, era in enumerate(eras) if era is None or era.decode() != now[at]]
        if stale:
            await sweep(self._connection, self._pattern, {self._heads[at] for at in stale})
            # Only now, so that whoever is interrupted leaves the rest to the next.
            await self._connection.run([Call(keys[at], ("SET", keys[at], now[at])) for at in stale])
        self._seen = now
        return len(stale)

    async def _ids(self) -> Mapping[Address, str]:
        found = {}
        for master in await self._connection.masters():
            lines = (await self._connection.ask(master, "INFO", "replication")).decode().splitlines()
            told = dict(line.split(":", 1) for line in lines if ":" in line)
            found[master] = told["master_replid"]
        return found
