"""What an operator should know of a Redis or a Redis Cluster: facts, each with what to do where it is not well."""

from collections.abc import Mapping, Sequence

from infra.adapters.examined import Examined, examined
from infra.adapters.redis.connection import RedisConnection
from infra.adapters.redis.urls import Address
from loaders.errors import Unavailable

VERSION_MIN = (7, 0)
EVICTING_IDLE = ("volatile-ttl", "volatile-lru", "volatile-lfu", "allkeys-lru", "allkeys-lfu")


async def check(connection: RedisConnection) -> Sequence[Examined]:
    """Answer the facts, of every master; only that it cannot be reached, if so. It raises nothing."""
    try:
        facts: list[Examined] = []
        for master in await connection.masters():
            facts += await _check_node(connection, master)
        if connection.is_cluster:
            facts.append(await _check_slots(connection))
    except Unavailable as error:
        return [
            Examined("redis reach", False, f"{error}: see that it runs, that the URL is right, and what lies between")
        ]
    return [Examined("redis reach", True, ""), *facts]


async def _check_node(connection: RedisConnection, node: Address) -> Sequence[Examined]:
    server = await _info(connection, node, "server")
    memory = await _info(connection, node, "memory")
    persistence = await _info(connection, node, "persistence")
    where = f"redis {node.host}:{node.port}"
    version, policy = server["redis_version"], memory["maxmemory_policy"]
    is_new = tuple(map(int, version.split(".")[:2])) >= VERSION_MIN
    is_bounded = int(memory["maxmemory"]) > 0
    keeps = persistence["aof_enabled"] != "0" or await _saves(connection, node)
    return [
        examined(f"{where} version {version}", is_new, "upgrade to Redis 7 or later: sharded pub/sub needs it"),
        examined(
            f"{where} memory limit", is_bounded, "set maxmemory, so that the system does not kill Redis for growing"
        ),
        examined(
            f"{where} eviction policy {policy}",
            policy in EVICTING_IDLE,
            "set maxmemory-policy volatile-ttl: lists are evicted whole, the one read longest ago first; with "
            "noeviction a full Redis refuses pushes and rebuilds, and at random it evicts the timelines of the active",
        ),
        examined(
            f"{where} keeps nothing on disk",
            not keeps,
            'set save "" and appendonly no: a Redis that starts on an old snapshot shows timelines with holes, while '
            "one that starts empty has them rebuilt",
        ),
    ]


async def _check_slots(connection: RedisConnection) -> Examined:
    told = _lines(await connection.ask(connection.nodes.masters()[0], "CLUSTER", "INFO"))
    is_whole = told["cluster_state"] == "ok" and told["cluster_slots_ok"] == told["cluster_slots_assigned"] == "16384"
    return examined(
        "redis cluster slots", is_whole, "see redis-cli --cluster check: some slots have no master that answers"
    )


async def _saves(connection: RedisConnection, node: Address) -> bool:
    try:
        found = await connection.ask(node, "CONFIG", "GET", "save")
    except Unavailable:
        # Hosted servers forbid the question, and persist by means of their own.
        return False
    return bool(found and found[1])


async def _info(connection: RedisConnection, node: Address, section: str) -> Mapping[str, str]:
    return _lines(await connection.ask(node, "INFO", section))


def _lines(told: bytes) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in told.decode().splitlines())
    return {name: value for name, _, value in pairs}
