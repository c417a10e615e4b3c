"""Kafka without ZooKeeper, one broker or three, on free loopback ports."""

import asyncio
import base64
import os
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.stack.artefacts import KAFKA, jars
from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import java
from infra.stack.server import Node, Server

HOST = "127.0.0.1"
READY_S = 300.0
CLUSTER_ID_FILE = "cluster.id"
JVM = (
    "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true", "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)  # fmt: skip
METADATA = struct.pack(">hhih5si", 3, 1, 1, 5, b"roost", 0)
"""A request for metadata in its version 1, of no topic: what it answers begins with the brokers that are alive."""


def kafka_server(
    folder: Path, brokers: int = 1, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None
) -> Server:
    """Return a Kafka, not started yet, its jars fetched.

    Raises `Missing` if this machine has no Java or the jars cannot be had, `Tampered` if they are not the pinned ones.
    """
    lot = chance or random.Random()
    program, library = java(environ), jars(KAFKA, environ)
    names = [f"kafka-{number}" for number in range(1, brokers + 1)]
    ports = ports_of(folder, [*names, *(f"{name} controller" for name in names)], lot)
    voters = [ports[f"{name} controller"] for name in names]
    base = (program, *JVM, "-cp", str(library / "*"))
    cluster_id = _cluster_id(folder, lot)
    formats: list[tuple[Path, Process]] = []
    nodes: list[Node] = []
    for number, name in enumerate(names, 1):
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        (home / "server.properties").write_text(properties(number, ports[name], voters), encoding="utf-8")
        format_command = [*base, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties"]
        formats.append((home / "data" / "meta.properties", Process(format_command, home)))
        nodes.append(_node(name, ports[name], Process([*base, "kafka.Kafka", "server.properties"], home), brokers))

    async def prepare() -> None:
        await asyncio.gather(*(process.finish() for made, process in formats if not made.exists()))

    async def is_whole() -> bool:
        return all(await asyncio.gather(*(node.probe() for node in nodes)))

    url = "kafka://" + ",".join(f"{HOST}:{ports[name]}" for name in names)
    return Server("kafka", url, nodes, READY_S, is_whole, prepare)


def properties(number: int, port: int, voters: Sequence[int]) -> str:
    """Return the text of server.properties for the broker of that number, from 1; `voters` are the controllers' ports.

    An acknowledged record is on all brokers but one at least, and no broker that lacks it may lead.
    """
    replicas = min(3, len(voters))
    in_sync = max(1, replicas - 1)
    quorum = ",".join(f"{each}@{HOST}:{voter}" for each, voter in enumerate(voters, 1))
    settings: dict[str, object] = {
        "node.id": number,
        "process.roles": "broker,controller",
        "controller.quorum.voters": quorum,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{voters[number - 1]}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        "unclean.leader.election.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 2,
        "background.threads": 2,
        "log.cleaner.dedupe.buffer.size": 8_388_608,
        "log.segment.bytes": 16_777_216,
        "broker.session.timeout.ms": 6_000,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _cluster_id(folder: Path, chance: random.Random) -> str:
    path = folder / CLUSTER_ID_FILE
    if not path.exists():
        # Kafka takes 22 characters, of which the first must not look like the begin of an option.
        drawn = b"R" + base64.urlsafe_b64encode(chance.randbytes(16))[1:22]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(drawn)
    return path.read_text(encoding="ascii")


def _node(name: str, port: int, process: Process, brokers: int) -> Node:
    async def probe() -> bool:
        return await alive_brokers(HOST, port) == brokers

    return Node(name, HOST, port, process, probe)


async def alive_brokers(host: str, port: int) -> int:
    """Ask a broker how many brokers it knows to be alive."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack(">i", len(METADATA)) + METADATA)
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        _, brokers = struct.unpack_from(">ii", await reader.readexactly(length))
        return int(brokers)
    finally:
        writer.close()
