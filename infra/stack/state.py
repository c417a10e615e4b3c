"""What runs, as the process that watches over the stack tells it to the others: one file, replaced as a whole."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from infra.settings_given import masked
from infra.stack.server import Server
from infra.stack.stack import Choice

STATE_FILE = "state.json"
SETTINGS_FILE = "settings.env"
SUPERVISOR_LOG = "supervisor.log"


@dataclass(frozen=True, slots=True)
class NodeState:
    """One process of a server: where it listens, and the file that it writes its log to."""

    name: str
    host: str
    port: int
    log: str
    pid: int | None


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server: it answered once if it is ready."""

    name: str
    url: str
    is_ready: bool
    nodes: tuple[NodeState, ...]


@dataclass(frozen=True, slots=True)
class StackState:
    """The whole, and the process that watches over it; `error` says why it could not start."""

    pid: int
    choice: Choice
    servers: tuple[ServerState, ...] = ()
    error: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether every server answered once."""
        return bool(self.servers) and all(server.is_ready for server in self.servers)

    def of(self, servers: Sequence[Server], ready: set[str]) -> Self:
        """Return this with the servers as they are now."""
        return replace(self, servers=tuple(_server_state(server, server.name in ready) for server in servers))

    def write(self, folder: Path) -> None:
        """Let the others see it."""
        draft = folder / f"{STATE_FILE}.draft"
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(folder / STATE_FILE)


def read_state(folder: Path) -> StackState | None:
    """Return what was written last; None if nothing was, or by another version."""
    try:
        content = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        servers = tuple(
            ServerState(**{**server, "nodes": tuple(NodeState(**node) for node in server["nodes"])})
            for server in content["servers"]
        )
        return StackState(content["pid"], Choice(**content["choice"]), servers, content["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _server_state(server: Server, is_ready: bool) -> ServerState:
    nodes = tuple(
        NodeState(node.name, node.host, node.port, str(node.process.log), node.process.pid) for node in server.nodes
    )
    # Others may read this file: of keys in URLs only the settings' own tells.
    return ServerState(server.name, masked(server.url), is_ready, nodes)
