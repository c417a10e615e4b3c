"""The stack's processes: started, stopped, frozen, given up, and never left behind by an owner that is gone."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.stack.process import LOG_BYTES_MAX, Process, ServerFailed
from infra.stack.server import Node, Server
from tests.watched import GONE_S, Watch

ROOT = Path(__file__).parents[2]
OWNER = """\
import sys
from pathlib import Path
from infra.stack.process import Process
process = Process(sys.argv[2:], Path(sys.argv[1]))
process.start()
print(process.pid, process._guard.pid, flush=True)
sys.stdin.read()
"""


def test_nothing_outlives_an_owner_that_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "child")
    owner = own(tmp_path, "sh", "-c", "sleep 1000 & echo $! > child; wait")
    command, guard = pids_of(owner)
    child = int((tmp_path / "child").read_text())

    with Watch(command, guard, child) as watch:
        owner.kill()
        assert watch.left() == set()
    end(owner)


def test_a_guard_that_is_killed_takes_its_command_along(tmp_path: Path) -> None:
    owner = own(tmp_path, "sleep", "1000")
    command, guard = pids_of(owner)

    with Watch(command) as watch:
        os.kill(guard, signal.SIGKILL)
        assert watch.left() == set()
    end(owner)


async def test_a_frozen_process_is_stopped_all_the_same(tmp_path: Path) -> None:
    process = Process(["sleep", "1000"], tmp_path)
    process.start()
    process.freeze()

    await process.stop(GONE_S)

    assert (process.pid, process.code) == (None, 128 + signal.SIGTERM)


async def test_a_process_that_does_not_heed_is_killed_after_its_grace(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "deaf")
    process = Process(["sh", "-c", "trap '' TERM; echo now > deaf; while :; do sleep 1; done"], tmp_path)
    process.start()
    assert (tmp_path / "deaf").read_text() == "now\n"

    await process.stop(0.1)

    assert process.code == 128 + signal.SIGKILL


async def test_a_command_that_fails_tells_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="no disk"):
        await Process(["sh", "-c", "echo no disk; exit 3"], tmp_path).finish()
    with pytest.raises(ServerFailed, match="No such file"):
        await Process(["no-such-program"], tmp_path / "other").finish()


async def test_a_log_that_grew_large_is_set_aside(tmp_path: Path) -> None:
    process = Process(["echo", "new"], tmp_path)
    process.log.write_bytes(b"x" * (LOG_BYTES_MAX + 1))

    await process.finish()

    assert process.log.read_text() == "new\n"
    assert (tmp_path / "log.old").stat().st_size == LOG_BYTES_MAX + 1


async def test_a_server_that_never_answers_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    server = silent(tmp_path, "echo starting; sleep 1000", ready_s=0.5)

    with pytest.raises(ServerFailed, match=r"(?s)did not answer within 0\.5 s.*starting"):
        await server.start()

    assert server.nodes[0].process.pid is None


async def test_a_server_that_ends_while_starting_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"(?s)one ended with 7.*bad option"):
        await silent(tmp_path, "echo bad option; exit 7", ready_s=GONE_S).start()


def silent(folder: Path, script: str, ready_s: float) -> Server:
    async def never() -> bool:
        return False

    node = Node("one", "127.0.0.1", 1, Process(["sh", "-c", script], folder), never)
    return Server("silent", "silent://", [node], ready_s, never)


def own(folder: Path, *command: str) -> "subprocess.Popen[bytes]":
    arguments = [sys.executable, "-c", OWNER, str(folder), *command]
    return subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def pids_of(owner: "subprocess.Popen[bytes]") -> tuple[int, int]:
    assert owner.stdout is not None
    command, guard = owner.stdout.readline().split()
    return int(command), int(guard)


def end(owner: "subprocess.Popen[bytes]") -> None:
    owner.kill()
    owner.communicate()
