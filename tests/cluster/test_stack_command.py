"""`roost stack` on real servers: up, looked at, down; and nothing is left of it, however it ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from infra.adapters.s3_address import S3Address
from infra.settings import Settings
from infra.stack.control import down, running
from infra.stack.fetch import fetch, fetch_s3
from infra.stack.state import StackState
from tests.server_process import COMMAND, ROOT
from tests.watched import Watch

UP_S = 900.0
LOOK_AGAIN_S = 0.05
INTERRUPTED = 130


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """An empty data folder, of which nothing runs any more in the end."""
    if missing := [*fetch(os.environ, lambda _: None), *fetch_s3(os.environ, lambda _: None)]:
        pytest.skip("; ".join(missing))
    yield tmp_path / "data"
    down(tmp_path / "data" / "stack")


def stack(data_dir: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `roost stack` with these words to its end."""
    return subprocess.run(
        [*COMMAND, "stack", *words], cwd=ROOT, env=environ(data_dir), capture_output=True, text=True, timeout=UP_S,
        check=False,
    )  # fmt: skip


def environ(data_dir: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    return {**kept, "ROOST_DATA_DIR": str(data_dir)}


def state_of(data_dir: Path, fact: Callable[[StackState], bool] = lambda _: True) -> StackState:
    """Return the stack that runs, as soon as this is so."""
    deadline = time.monotonic() + UP_S
    while time.monotonic() < deadline:
        state = running(data_dir / "stack")
        if state is not None and fact(state):
            return state
        time.sleep(LOOK_AGAIN_S)
    raise TimeoutError


def pids(state: StackState) -> list[int]:
    return [state.pid, *(node.pid for server in state.servers for node in server.nodes if node.pid is not None)]


def test_up_starts_what_answers_writes_the_settings_and_down_leaves_nothing(data_dir: Path) -> None:
    up = stack(data_dir, "up")
    assert up.returncode == 0, up.stdout + up.stderr
    settings = data_dir / "stack" / "settings.env"
    assert f"roost --env {settings} serve" in up.stdout
    again = stack(data_dir, "up").stdout
    assert again.count(" answers: ") == 5
    assert "s3://" in again and ":***@" in again
    assert stack(data_dir, "up", "--kafka", "3").returncode == 1

    status = stack(data_dir, "status")
    assert (status.returncode, status.stdout.count(" answers")) == (0, 5)
    read = Settings.load({"ROOST_DATA_DIR": str(data_dir), "ROOST_ENV_FILE": str(settings)})
    assert read.log_url in up.stdout
    assert read.graph_url in up.stdout
    assert read.search_url in up.stdout
    assert (S3Address.parse(read.media_url).secret_key or "") not in up.stdout
    assert "made bucket roost" in up.stdout
    assert "Kafka Server started" in stack(data_dir, "logs", "kafka", "--lines", "10000").stdout

    with Watch(*pids(state_of(data_dir))) as watch:
        assert stack(data_dir, "down").stdout == "Stopped.\n"
        assert watch.left() == set()
    assert stack(data_dir, "status").returncode == 1


def test_an_interrupt_while_it_starts_leaves_nothing(data_dir: Path) -> None:
    command = [*COMMAND, "stack", "up", "--no-search"]
    up = subprocess.Popen(command, cwd=ROOT, env=environ(data_dir), stdout=subprocess.DEVNULL, start_new_session=True)
    state = state_of(data_dir, lambda state: len(pids(state)) == 5)

    with Watch(*pids(state)) as watch:
        os.killpg(up.pid, signal.SIGINT)
        assert up.wait(UP_S) == INTERRUPTED
        assert watch.left() == set()


def test_two_data_centres_three_brokers_and_a_redis_cluster_end_with_their_supervisor(data_dir: Path) -> None:
    up = stack(data_dir, "up", "--dcs", "2", "--kafka", "3", "--redis-cluster", "--no-search")
    assert up.returncode == 0, up.stdout + up.stderr
    state = state_of(data_dir)
    assert [(server.name, len(server.nodes)) for server in state.servers] == [
        ("redis-cluster", 6),
        ("kafka", 3),
        ("cassandra", 4),
        ("s3", 1),
    ]
    assert stack(data_dir, "status").stdout.count(" answers") == 14

    with Watch(*pids(state)) as watch:
        second = next(node.pid for server in state.servers for node in server.nodes if node.name == "cassandra-2")
        assert second is not None
        os.kill(second, signal.SIGKILL)
        status = stack(data_dir, "status")
        assert (status.returncode, status.stdout.count(" answers"), status.stdout.count("has ended")) == (1, 13, 1)

        os.kill(state.pid, signal.SIGKILL)
        assert watch.left() == set()
    assert stack(data_dir, "down").stdout == "Nothing was running.\n"
