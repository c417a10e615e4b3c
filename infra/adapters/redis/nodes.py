"""The nodes of a Redis or a Redis Cluster: a client of bounded connections for each, and which has which slot."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import RedisError, ResponseError

from infra.adapters.redis.urls import Address, RedisUrl

Words = tuple[str | bytes | int, ...]
"""A command and its arguments."""
Reply = Any
"""What Redis answers: bytes, a number, None, a list of such, or the error that it refused the command with."""

Shuffle = Callable[[list[Address]], None]
ASK_SEEDS_MAX = 5


class Nodes:
    """Clients made when they are first needed, and the table of slots; a Redis alone has every slot.

    `connections_max` bounds the connections to each node; what is `under_way` beyond that waits. Nothing is retried
    here, and errors are those of redis-py.
    """

    def __init__(
        self, url: RedisUrl, connections_max: int, timeout_s: float, connect_timeout_s: float, shuffle: Shuffle
    ) -> None:
        self.is_cluster = url.is_cluster
        self.version = 0
        self.under_way = 0
        self._url = url
        self._connections_max = connections_max
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._shuffle = shuffle
        self._clients: dict[Address, Redis] = {}
        self._known = {*url.seeds}
        self._owners: list[Address | None] = [None if url.is_cluster else url.seeds[0]] * REDIS_CLUSTER_HASH_SLOTS
        self._refreshing = asyncio.Lock()

    @property
    def connections_max(self) -> int:
        """How many connections there may be to all nodes that were asked so far."""
        return self._connections_max * max(1, len(self._clients))

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def owner(self, key: str) -> Address | None:
        """Return the node that has a key, as far as is known."""
        return self._owners[key_slot(key.encode()) if self.is_cluster else 0]

    def masters(self) -> Sequence[Address]:
        """Return the nodes that have slots."""
        # A Redis alone is asked for each second: of its slots, all alike, one tells.
        owners = self._owners if self.is_cluster else self._owners[:1]
        return sorted({owner for owner in owners if owner is not None})

    def moved(self, key: str, owner: Address) -> None:
        """Take notice of where a node said that a key's slot is now."""
        self._known.add(owner)
        self._owners[key_slot(key.encode())] = owner

    def client(self, address: Address) -> Redis:
        """Return the client of a node."""
        if address not in self._clients:
            pool = BlockingConnectionPool(
                max_connections=self._connections_max, timeout=self._timeout_s, **self._connecting(address)
            )
            client = self._clients[address] = Redis.from_pool(pool)
            # Replies stay as Redis sent them.
            client.response_callbacks.clear()
        return self._clients[address]

    def listener(self, address: Address) -> Redis:
        """Return a client of one connection, for listening; who asked closes it."""
        return Redis.from_pool(
            BlockingConnectionPool(max_connections=1, timeout=self._timeout_s, **self._connecting(address))
        )

    async def send(self, address: Address, commands: Sequence[Words]) -> Sequence[Reply]:
        """Send commands to one node in one go, and answer what each came to; raise if the node does not answer."""
        self.under_way += 1
        try:
            return await self._sent(address, commands)
        finally:
            self.under_way -= 1

    async def _sent(self, address: Address, commands: Sequence[Words]) -> Sequence[Reply]:
        client = self.client(address)
        if len(commands) == 1:
            try:
                return [await client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
            except ResponseError as error:
                return [error]
        async with client.pipeline(transaction=False) as pipeline:
            for words in commands:
                pipeline.execute_command(*words)
            replies: Sequence[Reply] = await pipeline.execute(raise_on_error=False)
            return replies

    async def refresh(self, seen: int) -> None:
        """Ask for the table of slots, unless that was done since `version` was `seen`; keep the old if none answers."""
        if not self.is_cluster:
            return
        async with self._refreshing:
            if self.version != seen:
                return
            known = [*self._known]
            self._shuffle(known)
            for address in known[:ASK_SEEDS_MAX]:
                try:
                    # One that hangs must not take the time of those that would answer.
                    async with asyncio.timeout(self._timeout_s / ASK_SEEDS_MAX):
                        (ranges,) = await self.send(address, [("CLUSTER", "SLOTS")])
                except (RedisError, OSError, TimeoutError):
                    continue
                if isinstance(ranges, list) and ranges:
                    self._take(ranges, address.host)
                    self.version += 1
                    for gone in self._clients.keys() - self._known:
                        await self._clients.pop(gone).aclose()
                    return

    def _take(self, ranges: Sequence[Reply], asked_host: str) -> None:
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        known = {*self._url.seeds}
        for first, last, *replicas in ranges:
            # A node that does not know its own name is the one that was asked.
            addresses = [Address((host or b"").decode() or asked_host, port) for host, port, *_ in replicas]
            known.update(addresses)
            owners[first : last + 1] = [addresses[0]] * (last + 1 - first)
        self._owners, self._known = owners, known

    def _connecting(self, address: Address) -> dict[str, Any]:
        return {
            "connection_class": SSLConnection if self._url.is_encrypted else Connection,
            "host": address.host,
            "port": address.port,
            "db": self._url.database,
            "username": self._url.username,
            "password": self._url.password,
            "socket_timeout": self._timeout_s,
            "socket_connect_timeout": self._connect_timeout_s,
            # Of all retries there is one place, `RedisConnection`.
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        }
