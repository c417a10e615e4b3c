"""Starts, stops and looks at the stack of a folder, from any process."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.data_folder import holder_of, is_free
from infra.stack.process import ServerFailed, last_lines
from infra.stack.server import STOP_S
from infra.stack.stack import Choice, node_answers
from infra.stack.state import SETTINGS_FILE, SUPERVISOR_LOG, NodeState, ServerState, StackState, read_state
from infra.stack.supervisor import STAY, command
from loaders.errors import BadUserInput

LOOK_AGAIN_S = 0.1
DOWN_S = 2 * STOP_S
LINES_SHOWN = 15


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node, whether its process lives, and whether it answers."""

    server: str
    node: NodeState
    is_alive: bool
    does_answer: bool


def running(folder: Path) -> StackState | None:
    """Return the stack that runs on a folder; None if none does, or it has not said anything yet."""
    holder, state = holder_of(folder), read_state(folder)
    return state if state is not None and holder is not None and state.pid == holder.pid else None


def up(folder: Path, choice: Choice, tell: Callable[[ServerState], None]) -> Path:
    """Start a stack that goes on when this process ends, and return its settings file once every server answers.

    `tell` is called for each server that does. If this is interrupted, or this process ends, the stack is stopped.
    Raises `ServerFailed` if it cannot start, `BadUserInput` if another choice runs there already.
    """
    if (state := running(folder)) is not None and state.choice != choice:
        raise BadUserInput(f"The stack in {folder} runs with other options: `roost stack down` stops it.")
    if state is None or not state.is_ready:
        folder.mkdir(parents=True, exist_ok=True)
        with _supervisor(folder, choice) as process:
            _wait(process, folder, tell)
            assert process.stdin is not None
            process.stdin.write(STAY)
            process.stdin.flush()
    else:
        for server in state.servers:
            tell(server)
    return folder / SETTINGS_FILE


def down(folder: Path, deletes: bool = False) -> bool:
    """Stop the stack of a folder, and return when nothing of it runs; answer whether any did.

    With `deletes` its data, its ports and its logs are deleted too.
    """
    holder = holder_of(folder)
    if holder is not None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(holder.pid, how)
            if _is_free_within(folder, DOWN_S):
                break
        state = read_state(folder)
        _wait_until_gone([node.pid for server in state.servers for node in server.nodes] if state is not None else [])
    if deletes:
        shutil.rmtree(folder, ignore_errors=True)
    return holder is not None


async def status(state: StackState) -> list[NodeStatus]:
    """Ask every node of a stack."""
    nodes = [(server.name, node) for server in state.servers for node in server.nodes]
    answered = await asyncio.gather(*(node_answers(name, node.host, node.port) for name, node in nodes))
    return [
        NodeStatus(name, node, _is_alive(node.pid), does_answer)
        for (name, node), does_answer in zip(nodes, answered, strict=True)
    ]


def logs(folder: Path, name: str | None, count: int) -> Iterator[tuple[str, str]]:
    """Yield for each node its name and the last lines of its log; `name` is a node, a server, or `supervisor`.

    Raises `BadUserInput` if there is none of that name.
    """
    state = read_state(folder)
    nodes = [(server.name, node) for server in (state.servers if state else ()) for node in server.nodes]
    found = [(node.name, Path(node.log)) for server, node in nodes if name in (None, server, node.name)]
    if name in (None, "supervisor") and (folder / SUPERVISOR_LOG).exists():
        found.append(("supervisor", folder / SUPERVISOR_LOG))
    if name is not None and not found:
        names = ", ".join(dict.fromkeys(each for server, node in nodes for each in (server, node.name)))
        raise BadUserInput(f"There is no {name} in {folder}" + (f": there are {names}." if names else "."))
    for each, path in found:
        yield each, last_lines(path, count)


@contextmanager
def _supervisor(folder: Path, choice: Choice) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / SUPERVISOR_LOG).open("wb") as log:
        process = subprocess.Popen(
            command(folder.resolve(), choice), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    assert process.stdin is not None
    try:
        yield process
    except BaseException:
        process.stdin.close()
        try:
            process.wait(DOWN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    process.stdin.close()


def _wait(process: "subprocess.Popen[bytes]", folder: Path, tell: Callable[[ServerState], None]) -> None:
    told: set[str] = set()
    while True:
        code, state = process.poll(), read_state(folder)
        if state is not None and state.pid == process.pid:
            if state.error is not None:
                raise ServerFailed(state.error)
            for server in state.servers:
                if server.is_ready and server.name not in told:
                    told.add(server.name)
                    tell(server)
            if state.is_ready:
                return
        if code is not None:
            raise ServerFailed(f"The stack did not start:\n{last_lines(folder / SUPERVISOR_LOG, LINES_SHOWN)}")
        time.sleep(LOOK_AGAIN_S)


def _is_free_within(folder: Path, bound_s: float) -> bool:
    return _comes_true(lambda: is_free(folder), bound_s)


def _wait_until_gone(pids: list[int | None]) -> None:
    # The guards of a supervisor that was killed end their servers a moment after it.
    _comes_true(lambda: not any(_is_alive(pid) for pid in pids), STOP_S)


def _comes_true(fact: Callable[[], bool], bound_s: float) -> bool:
    deadline = time.monotonic() + bound_s
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_AGAIN_S)
    return True


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
