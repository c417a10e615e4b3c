"""Redis on a free loopback port: a cache of what can be made again, which keeps nothing on disk."""

import asyncio
import os
import random
from collections.abc import Mapping
from pathlib import Path

from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.programs import redis
from infra.stack.server import Node, Server

HOST = "127.0.0.1"
MEMORY = "256mb"
READY_S = 20.0


def redis_server(folder: Path, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None) -> Server:
    """Return a Redis, not started yet. Raises `Missing` if this machine has none."""
    binary, _ = redis(environ)
    port = ports_of(folder, ("redis",), chance or random.Random())["redis"]
    process = redis_process(folder / "redis", binary, redis_conf(port))
    node = Node("redis", HOST, port, process, lambda: is_pong(HOST, port))
    return Server("redis", f"redis://{HOST}:{port}/0", (node,), READY_S, node.probe)


def redis_process(folder: Path, binary: str, conf: str) -> Process:
    """Write a configuration into a folder, and return the Redis that runs on it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "redis.conf").write_text(conf, encoding="utf-8")
    return Process([binary, "redis.conf"], folder)


def redis_conf(port: int, *more: str) -> str:
    """Return the text of redis.conf.

    When it is full, the list that was read longest ago goes, whole: that is the one nearest to its expiry. A timeline
    that is not there is rebuilt, so that nothing is written to disk.
    """
    lines = (
        f"bind {HOST}", f"port {port}", "protected-mode yes", "daemonize no", "dir .", 'save ""', "appendonly no",
        f"maxmemory {MEMORY}", "maxmemory-policy volatile-ttl", "databases 16", *more,
    )  # fmt: skip
    return "\n".join(lines) + "\n"


async def is_pong(host: str, port: int) -> bool:
    """Tell whether a Redis answers PING."""
    return await ask(host, port, "PING") == "PONG"


async def ask(host: str, port: int, *command: str) -> str:
    """Send one command over a connection of its own, and return its answer: a status, a number or a string.

    Raises ValueError for an error or any other kind of answer.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        words = [f"${len(word.encode())}\r\n{word}\r\n" for word in command]
        writer.write(f"*{len(words)}\r\n{''.join(words)}".encode())
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        match line[:1]:
            case "+" | ":":
                return line[1:]
            case "$":
                return (await reader.readexactly(int(line[1:]) + 2)).decode()[:-2]
            case _:
                raise ValueError(f"{command[0]}: {line}")
    finally:
        writer.close()
