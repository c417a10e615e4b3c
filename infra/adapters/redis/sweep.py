"""Forgetting every key of a pattern, exactly, on all nodes, in small bites."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from infra.adapters.redis.connection import RETRY_AFTER_S, Call, RedisConnection
from infra.adapters.redis.urls import Address
from loaders.errors import Unavailable

SCAN_COUNT = 2_000
"""Keys that Redis looks at in one go: about a millisecond."""
PASSES_MAX = 20
MOVING_PAUSE_FAILURES = 4


def unlink(keys: Sequence[str]) -> Call:
    """Return the call that forgets keys of one hash tag, without Redis waiting for their memory."""
    apart = None if len(keys) == 1 else lambda: [unlink([key]) for key in keys]
    return Call(keys[0], ("UNLINK", *keys), apart=apart)


async def sweep(connection: RedisConnection, pattern: str, heads: Collection[str] | None = None) -> None:
    """Forget every key of a pattern that exists when this begins; `Unavailable` if that cannot be made sure.

    With `heads` only keys count whose text up to the end of the hash tag is one of them.
    SCAN answers each key that is there all the time. A key could still slip from a node that is to be scanned to one
    that was, so a pass counts only if no slot moved while it ran.
    """
    for _ in range(PASSES_MAX):
        before = await _slots(connection)
        for master, _ in before:
            await _sweep_node(connection, master, pattern, heads)
        if not any("[" in slots for _, slots in before) and await _slots(connection) == before:
            return
        await connection.pause(MOVING_PAUSE_FAILURES)
    raise Unavailable("Redis is being resharded", RETRY_AFTER_S)


async def _sweep_node(
    connection: RedisConnection, master: Address, pattern: str, heads: Collection[str] | None
) -> None:
    cursor: bytes | int = 0
    while True:
        cursor, keys = await connection.ask(master, "SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT)
        by_tag: defaultdict[str, list[str]] = defaultdict(list)
        for key in map(bytes.decode, keys):
            head = key[: key.index("}") + 1]
            if heads is None or head in heads:
                by_tag[head].append(key)
        if by_tag:
            await connection.run([unlink(few) for few in by_tag.values()])
        if int(cursor) == 0:
            return


async def _slots(connection: RedisConnection) -> Sequence[tuple[Address, str]]:
    """Answer every master and what it says of its slots, those that are on the move in brackets."""
    masters = await connection.masters()
    if not connection.is_cluster:
        return [(masters[0], "")]
    found = []
    for master in masters:
        lines = (await connection.ask(master, "CLUSTER", "NODES")).decode().splitlines()
        own = next(line.split() for line in lines if "myself" in line.split()[2])
        found.append((master, " ".join(own[8:])))
    return found
