"""Cassandra on loopback: one node, or two data centres of three and one, each node at an address of its own."""

import asyncio
import os
import random
import struct
from collections.abc import Mapping
from pathlib import Path

from infra.stack.artefacts import CASSANDRA, jars
from infra.stack.cassandra_files import Place, java_options, write_files
from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import java
from infra.stack.server import Node, Server

KEYSPACE = "roost"
JAVA_NEWEST = 17
"""Later ones took the security manager away, which Cassandra 5.0 starts with."""
ONE_NODE_S, EACH_NODE_S = 300.0, 150.0
"""Twenty times what an idle machine needs: two cores may be busy with other tests."""
DATA_CENTRES = {1: ("dc1",), 2: ("dc1", "dc1", "dc1", "dc2")}
"""With fewer than three nodes in the first, one that is dead would break LOCAL_QUORUM."""

ANY_VERSION = b"\x04\x00\x00\x00"
STARTUP, READY, QUERY, RESULT = 0x01, 0x02, 0x07, 0x08
ONE, ALL = 0x0001, 0x0005
READ_ONE = "SELECT release_version FROM system.local"
COUNT_OTHERS = "SELECT count(tokens) FROM system.peers"
READ_ALL = "SELECT parent_id FROM system_distributed.parent_repair_history"
"""Cassandra's own table with three replicas: read to its end from all of them, it needs every node of four alive."""


def cassandra_server(
    folder: Path, dcs: int = 1, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None
) -> Server:
    """Return a Cassandra of one node, or with `dcs=2` of three nodes in dc1 and one in dc2; not started, jars fetched.

    Two data centres listen on 127.0.1.1 to 127.0.1.4, of which the last, cassandra-4, is dc2. Raises `Missing` if this
    machine has no Java or the jars cannot be had, `Tampered` if they are not the pinned ones.
    """
    program, library = java(environ, JAVA_NEWEST), jars(CASSANDRA, environ)
    data_centres = DATA_CENTRES[dcs]
    hosts = [f"127.0.1.{number}" for number in range(1, 5)] if dcs > 1 else ["127.0.0.1"]
    names = [f"cassandra-{number}" for number in range(1, len(hosts) + 1)]
    # Each node finds the others by its own ports, so that these are the same on all addresses.
    ports = ports_of(
        folder, ["native", "storage", *(f"{name} jmx" for name in names)], chance or random.Random(), hosts
    )
    nodes = []
    for name, host, data_centre in zip(names, hosts, data_centres, strict=True):
        place = Place(folder / name, host, data_centre, hosts[0], ports["native"], ports["storage"])
        write_files(place)
        command = [program, *java_options(place, library, ports[f"{name} jmx"])]
        nodes.append(_node(name, host, ports["native"], Process(command, place.folder, {"MALLOC_ARENA_MAX": "2"})))

    async def is_whole() -> bool:
        if not all(await asyncio.gather(*(knows_others(node.host, node.port, len(nodes) - 1) for node in nodes))):
            return False
        reading = [can_read(node.host, node.port, READ_ALL if len(nodes) > 1 else READ_ONE, ALL) for node in nodes]
        return all(await asyncio.gather(*reading))

    seeds = ",".join(
        f"{host}:{ports['native']}" for host, where in zip(hosts, data_centres, strict=True) if where == "dc1"
    )
    url = f"cassandra://{seeds}/{KEYSPACE}?dc=dc1"
    ready_s = ONE_NODE_S + EACH_NODE_S * (len(nodes) - 1)
    return Server("cassandra", url, nodes, ready_s, is_whole, first_alone=True)


def _node(name: str, host: str, port: int, process: Process) -> Node:
    return Node(name, host, port, process, lambda: can_read(host, port, READ_ONE, ONE))


async def knows_others(host: str, port: int, count: int) -> bool:
    """Tell whether a node knows the tokens of so many others: until then their data centres are unknown to it."""
    found = await asked(host, port, COUNT_OTHERS, ONE)
    return found is not None and struct.unpack(">q", found[-8:])[0] == count


async def can_read(host: str, port: int, query: str, consistency: int) -> bool:
    """Tell whether a node answers a query."""
    return await asked(host, port, query, consistency) is not None


async def asked(host: str, port: int, query: str, consistency: int) -> bytes | None:
    """Return the body of a node's result, None if it answers otherwise.

    It is asked in version 4 of CQL's protocol, over a connection of its own.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await _send(writer, STARTUP, struct.pack(">H", 1) + _string("CQL_VERSION") + _string("3.0.0"))
        if (await _answer(reader))[0] != READY:
            return None
        text = query.encode()
        await _send(writer, QUERY, struct.pack(">i", len(text)) + text + struct.pack(">HB", consistency, 0))
        kind, body = await _answer(reader)
        return body if kind == RESULT else None
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, kind: int, body: bytes) -> None:
    writer.write(ANY_VERSION + struct.pack(">BI", kind, len(body)) + body)
    await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    header = await reader.readexactly(9)
    kind, length = struct.unpack_from(">BI", header, 4)
    return int(kind), await reader.readexactly(length)


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
