"""OpenSearch of one node on free loopback ports, with a small heap."""

import asyncio
import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.stack.artefacts import OPENSEARCH, jars
from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import java, setpriv
from infra.stack.server import Node, Server

HOST = "127.0.0.1"
PREFIX = "roost"
JAVA_OLDEST = 21
HEAP = "512m"
READY_S = 300.0
NOBODY = 65_534
LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p [%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


def opensearch_server(
    folder: Path, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None
) -> Server:
    """Return an OpenSearch, not started yet, its distribution fetched.

    Raises `Missing` if this machine has no Java 21 or the distribution cannot be had, `Tampered` if it is not the
    pinned one.
    """
    program, home = java(environ, oldest=JAVA_OLDEST), jars(OPENSEARCH, environ)
    ports = ports_of(folder, ("opensearch", "opensearch transport"), chance or random.Random())
    port, place = ports["opensearch"], folder.resolve() / "opensearch"
    conf, scratch = place / "conf", place / "tmp"
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "opensearch.yml").write_text(yaml_of(place, port, ports["opensearch transport"]), encoding="utf-8")
    (conf / "log4j2.properties").write_text(LOG4J, encoding="ascii")

    async def prepare() -> None:
        # Java leaves there what it unpacks at each start.
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        scratch.mkdir()

    process = Process([*_as_nobody(environ), program, *java_options(home, conf, scratch)], place)
    node = Node("opensearch", HOST, port, process, lambda: has_all_shards(HOST, port))
    return Server("opensearch", f"opensearch://{HOST}:{port}/{PREFIX}", (node,), READY_S, node.probe, prepare)


def yaml_of(place: Path, port: int, transport_port: int) -> str:
    """Return the text of opensearch.yml. Nobody who writes to what is not there makes it, with a guessed shape."""
    values = {
        "cluster.name": "roost",
        "node.name": "opensearch",
        "discovery.type": "single-node",
        "network.host": HOST,
        "http.port": port,
        "transport.port": transport_port,
        "path.data": str(place / "data"),
        "path.logs": str(place / "logs"),
        "action.auto_create_index": False,
        "cluster.routing.allocation.disk.threshold_enabled": False,
    }
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def java_options(home: Path, conf: Path, scratch: Path) -> Sequence[str]:
    """Return Java's options and the main class: what the distribution's script comes to, without its three Javas."""
    return (
        f"-Xms{HEAP}", f"-Xmx{HEAP}", "-Xss1m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError", "-XX:-HeapDumpOnOutOfMemoryError", "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true", "-Djava.net.preferIPv4Stack=true", f"-Djava.io.tmpdir={scratch}",
        f"-Djna.tmpdir={scratch}", "-Djna.nosys=true", "-Dio.netty.noUnsafe=true",
        "-Dio.netty.noKeySetOptimization=true", "-Dlog4j.shutdownHookEnabled=false", "-Dlog4j2.disable.jmx=true",
        "-Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1",
        f"-javaagent:{home / 'agent' / 'opensearch-agent.jar'}", f"-Dopensearch.path.home={home}",
        f"-Dopensearch.path.conf={conf}", "-Dopensearch.distribution.type=zip", "-Dopensearch.bundled_jdk=false",
        "-cp", str(home / "lib" / "*"), "org.opensearch.bootstrap.OpenSearch",
    )  # fmt: skip


def _as_nobody(environ: Mapping[str, str]) -> Sequence[str]:
    """Return what runs a command as a user who is not root, and who may read and write what root keeps to itself.

    OpenSearch refuses root. A change of user takes away the signal by which the guard ends it, so it is set again.
    """
    if os.geteuid() != 0:
        return ()
    return (
        setpriv(environ), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup", "--pdeathsig", "KILL",
    )  # fmt: skip


async def has_all_shards(host: str, port: int) -> bool:
    """Tell whether a node serves every index that it holds."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        path = "/_cluster/health?wait_for_status=yellow&timeout=2s"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
