"""Flink in one process: its SQL client on loopback, which runs one job beside itself and begins where that stopped."""

import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path

from infra.flink.rest import RUNNING, jobs
from infra.stack.artefacts import FLINK, jars
from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import java
from infra.stack.server import Node, Server

HOST = "127.0.0.1"
READY_S = 300.0
JAVA_NEWEST = 21
"""The latest that Flink 2 is made for."""
AT_WORK = frozenset((RUNNING, "RESTARTING"))
OPENED = (
    "java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "java.text", "java.time", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch",
)  # fmt: skip
JVM = (
    "-Xms64m", "-Xmx256m", "-XX:MaxMetaspaceSize=256m", "-XX:MaxDirectMemorySize=128m", "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData", "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.flink.runtime.executiongraph=info",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
)  # fmt: skip
CONFIG = """\
execution:
  target: local
parallelism:
  default: 1
restart-strategy:
  type: fixed-delay
  fixed-delay:
    attempts: 2147483647
    delay: 1 s
taskmanager:
  memory:
    managed:
      size: 32m
    network:
      min: 8m
      max: 8m
"""
"""A job whose topics are not made yet, or whose Kafka is away, is begun anew until they are there."""


def flink_server(
    folder: Path, job: str, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None
) -> Server:
    """Return a Flink that runs one job of SQL, not started yet, its jars fetched.

    Its checkpoints are kept in the folder: at every start the job goes on from the newest. It answers as soon as the
    job runs, or waits for its topics. Raises `Missing` if this machine has no Java or the jars cannot be had,
    `Tampered` if they are not the pinned ones.
    """
    program, library = java(environ, JAVA_NEWEST), jars(FLINK, environ)
    port = ports_of(folder, ("flink",), chance or random.Random())["flink"]
    home = folder / "flink"
    scratch, checkpoints = home / "scratch", home / "checkpoints"
    options = (f"-Djava.io.tmpdir={scratch.resolve()}", "-cp", str(library / "*"))
    command = (program, *JVM, *options, "org.apache.flink.table.client.SqlClient", "-f", "job.sql")
    process = Process(command, home, {"FLINK_CONF_DIR": ".", "MALLOC_ARENA_MAX": "2"})

    async def prepare() -> None:
        if process.is_running:
            return
        # A process that was killed leaves its unpacked jars behind, 70 MB of them.
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        newest = newest_checkpoint(checkpoints)
        (home / "config.yaml").write_text(CONFIG, encoding="utf-8")
        (home / "job.sql").write_text(job_text(port, checkpoints.resolve(), newest, job), encoding="utf-8")

    node = Node("flink", HOST, port, process, lambda: is_at_work(HOST, port))
    return Server("flink", f"flink://{HOST}:{port}", (node,), READY_S, node.probe, prepare)


def job_text(port: int, checkpoints: Path, newest: Path | None, job: str) -> str:
    """Return a job with what is particular to this process: its port, its checkpoints, and the one to begin from."""
    settings = {
        "rest.bind-address": HOST,
        "rest.bind-port": str(port),
        "execution.checkpointing.dir": checkpoints.as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "table.dml-sync": "true",
    }
    if newest is not None:
        # Claimed, it is deleted once a newer one is whole: one job's checkpoints are kept, not those of every start.
        settings |= {
            "execution.state-recovery.path": newest.as_uri(),
            "execution.state-recovery.claim-mode": "CLAIM",
        }
    return "".join(f"SET '{name}' = '{value}';\n" for name, value in settings.items()) + job


def newest_checkpoint(checkpoints: Path) -> Path | None:
    """Return the folder of the newest checkpoint that is whole, None if there is none: its metadata come last."""
    found = [(path.stat().st_mtime_ns, path.parent.resolve()) for path in checkpoints.glob("*/chk-*/_metadata")]
    return max(found)[1] if found else None


async def is_at_work(host: str, port: int) -> bool:
    """Tell whether a Flink runs a job, or begins one anew until it does."""
    return any(state in AT_WORK for state in (await jobs(host, port)).values())
