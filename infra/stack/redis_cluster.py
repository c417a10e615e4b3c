"""A Redis Cluster of three masters with a replica each, on free loopback ports."""

import asyncio
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import redis
from infra.stack.redis import HOST, ask, is_pong, redis_conf, redis_process
from infra.stack.server import Node, Server

MASTERS = 3
NODE_TIMEOUT_MS = 2_000
READY_S = 60.0
SLOTS = 16_384


def redis_cluster_server(
    folder: Path, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None
) -> Server:
    """Return a Redis Cluster, not started yet. Raises `Missing` if this machine has no Redis."""
    binary, client = redis(environ)
    names = [f"redis-{number}" for number in range(1, 2 * MASTERS + 1)]
    ports = ports_of(folder, [*names, *(f"{name} bus" for name in names)], chance or random.Random())
    nodes = [_node(folder / name, name, binary, ports[name], ports[f"{name} bus"]) for name in names]
    url = "redis-cluster://" + ",".join(f"{node.host}:{node.port}" for node in nodes)

    async def form() -> None:
        # The nodes keep who they are in nodes.conf: a cluster is made once in the life of its folder.
        if "cluster_slots_assigned:0" in await ask(nodes[0].host, nodes[0].port, "CLUSTER", "INFO"):
            await _create(client, nodes)

    async def is_whole() -> bool:
        return all(await asyncio.gather(*(_knows_all(node) for node in nodes)))

    return Server("redis-cluster", url, nodes, READY_S, is_whole, form=form)


def _node(folder: Path, name: str, binary: str, port: int, bus: int) -> Node:
    process = redis_process(folder, binary, redis_conf(port, *cluster_lines(bus)))
    return Node(name, HOST, port, process, lambda: is_pong(HOST, port))


def cluster_lines(bus: int) -> Sequence[str]:
    """Return what a cluster's node has in redis.conf besides."""
    return (
        "cluster-enabled yes",
        "cluster-config-file nodes.conf",
        f"cluster-port {bus}",
        f"cluster-node-timeout {NODE_TIMEOUT_MS}",
        # A replica that was cut off for long may still be made a master: what it lacks is rebuilt.
        "cluster-replica-validity-factor 0",
        "repl-diskless-sync-delay 0",
    )


async def _create(client: str, nodes: Sequence[Node]) -> None:
    addresses = [f"{node.host}:{node.port}" for node in nodes]
    creating = Process(
        [client, "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"],
        nodes[0].process.folder.with_name("create"),
    )
    await creating.finish()


async def _knows_all(node: Node) -> bool:
    cluster, replication, known = await asyncio.gather(
        ask(node.host, node.port, "CLUSTER", "INFO"),
        ask(node.host, node.port, "INFO", "replication"),
        ask(node.host, node.port, "CLUSTER", "NODES"),
    )
    is_linked = "role:master" in replication or "master_link_status:up" in replication
    is_served = "cluster_state:ok" in cluster and f"cluster_slots_ok:{SLOTS}" in cluster
    # News travels by gossip: the node may not know yet which of the others replicate, or that they are back.
    lines = known.splitlines()
    roles = [sum(role in line for line in lines) for role in ("master", "slave", "fail", "disconnected", "handshake")]
    return is_linked and is_served and roles == [MASTERS, MASTERS, 0, 0, 0]
