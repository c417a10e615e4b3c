"""A server that speaks S3, over a folder, on a free loopback port."""

import asyncio
import json
import os
import random
from collections.abc import Mapping
from pathlib import Path

from infra.stack.built import versitygw
from infra.stack.ports import ports_of
from infra.stack.process import Process
from infra.stack.server import Node, Server

HOST = "127.0.0.1"
READY_S = 60.0
BUCKET = "roost"
KEYS_FILE = "keys.json"
HEALTH = "/health"


def s3_server(folder: Path, environ: Mapping[str, str] = os.environ, chance: random.Random | None = None) -> Server:
    """Return a server for S3, not started yet, built if need be; its URL has its keys, and a bucket to be made.

    Raises `Missing` if this machine has no Go to build it.
    """
    lot = chance or random.SystemRandom()
    program = versitygw(environ)
    port = ports_of(folder, ("s3",), lot)["s3"]
    key, secret = _keys(folder, lot)
    home = folder / "s3"
    (home / "data").mkdir(parents=True, exist_ok=True)
    # Any user of this machine can read how a process was called; its environment, its owner alone.
    keys = {"ROOT_ACCESS_KEY": key, "ROOT_SECRET_KEY": secret}
    command = [str(program), "--port", f"{HOST}:{port}", "--health", HEALTH, "--quiet", "posix", "data"]
    node = Node("s3", HOST, port, Process(command, home, keys), lambda: is_healthy(HOST, port))
    return Server("s3", f"s3://{key}:{secret}@{HOST}:{port}/{BUCKET}?tls=no", (node,), READY_S, node.probe)


async def is_healthy(host: str, port: int) -> bool:
    """Tell whether the server says that it is well."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {HEALTH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readline()).split(b" ")[1:2] == [b"200"]
    finally:
        writer.close()


def _keys(folder: Path, lot: random.Random) -> tuple[str, str]:
    """Return the access key and the secret of a folder, drawn once."""
    path = folder / KEYS_FILE
    if not path.exists():
        path.touch(0o600)
        path.write_text(json.dumps([lot.randbytes(10).hex(), lot.randbytes(20).hex()]), encoding="ascii")
    key, secret = json.loads(path.read_text(encoding="ascii"))
    return key, secret
