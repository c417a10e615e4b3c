"""Free ports of the loopback, drawn once for a folder and kept in it, so that a server finds its own again."""

import json
import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from loaders.errors import Unavailable

PORTS_FILE = "ports.json"
PORTS = range(20_000, 30_000)
"""Below the ports that systems lend to clients. One of those could be lent to a client while a server is down; and a
client that keeps calling such a port of its own host ends up connected to itself."""
TRIES_MAX = 1_000


def ports_of(folder: Path, names: Sequence[str], chance: random.Random, hosts: Sequence[str] = ()) -> dict[str, int]:
    """Return a port for each name, free on every host (127.0.0.1 unless said); the same ones again for a folder.

    Raises `Unavailable` if another process listens on one that the folder was given before, or if none is free.
    """
    path = folder / PORTS_FILE
    addresses = hosts or ("127.0.0.1",)
    if path.exists():
        kept: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        if kept.keys() == set(names):
            with ExitStack() as held:
                taken = [port for port in kept.values() if not _hold(held, addresses, port)]
            if taken:
                raise Unavailable(f"Port {taken[0]}, which {folder} was given before, is in use by another process.")
            return kept
    drawn = _draw(names, addresses, chance)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(drawn), encoding="utf-8")
    return drawn


def _draw(names: Sequence[str], addresses: Sequence[str], chance: random.Random) -> dict[str, int]:
    drawn: dict[str, int] = {}
    # All are held until all are drawn, so that none is drawn twice.
    with ExitStack() as held:
        for _ in range(TRIES_MAX):
            if len(drawn) == len(names):
                return drawn
            port = chance.choice(PORTS)
            if _hold(held, addresses, port):
                drawn[names[len(drawn)]] = port
    raise Unavailable(f"No free ports on {', '.join(addresses)} from {PORTS.start} to {PORTS.stop - 1}.")


def _hold(held: ExitStack, addresses: Sequence[str], port: int) -> bool:
    for address in addresses:
        one = held.enter_context(socket.socket())
        # As servers do: what is left of closed connections does not stand in the way.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((address, port))
        except OSError:
            return False
    return True
