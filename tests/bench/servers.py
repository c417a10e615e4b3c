"""Server processes of the benchmarks: started on a core of their own, watched, and stopped."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

HOST = "127.0.0.1"
READY_S = 60.0
STOP_S = 20.0
POLL_S = 0.02
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class ServerFailed(Exception):
    """A server did not start, or did not stop; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process that listens on a port of the loopback."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """Return the processor time that it has used, all threads together, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def rss_bytes(self) -> int:
        """Return the memory that it holds."""
        return rss_bytes(self.pid)

    def lags(self) -> Mapping[str, int]:
        """Return by how many events each group, and the hub, is behind the log."""
        status, body = get(self.port, "/health/ready")
        if status != 200:
            raise ServerFailed(f"/health/ready answers {status}: {body[:500]!r}")
        parts = orjson.loads(body)["parts"]
        return {name: part["lag_events"] for name, part in parts.items() if "lag_events" in part}

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        _, body = get(self.port, "/metrics")
        for line in body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        raise KeyError(name)


def rss_bytes(pid: int | str = "self") -> int:
    """Return the memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def roost_server(data_dir: Path, core: int, **settings: object) -> Iterator[Server]:
    """Run Roost on a data folder until the block ends; settings are those of `ROOST_*`."""
    port = free_port()
    given = {"port": port, "host": HOST, "log_level": "warning", "data_dir": data_dir, **settings}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    variables = {f"ROOST_{name.upper()}": str(value) for name, value in given.items()}
    with _running(["roost", str(core)], kept | variables, port, data_dir.parent / f"{data_dir.name}.log") as server:
        _await_ready(server)
        yield server


@contextmanager
def floor_server(body_bytes: int, core: int, folder: Path) -> Iterator[Server]:
    """Run the floor: raw ASGI that answers every request with so many ready bytes, and every socket with none."""
    port = free_port()
    arguments = ["floor", str(core), str(port), str(body_bytes)]
    with _running(arguments, os.environ, port, folder / f"floor-{port}.log") as server:
        yield server


def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask for a path by a connection of its own, and return status and body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(arguments: list[str], variables: Mapping[str, str], port: int, log: Path) -> Iterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.serve", *arguments],
            env=dict(variables),
            cwd=Path(__file__).parents[2],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await_port(process, port, log)
            yield Server(process.pid, port)
            if process.poll() is not None:
                raise ServerFailed(f"The server ended by itself: {_tail(log)}")
        finally:
            _stop(process)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"The server does not listen: {_tail(log)}") from None
            time.sleep(POLL_S)


def _await_ready(server: Server) -> None:
    deadline = time.monotonic() + READY_S
    while get(server.port, "/health/ready")[0] != 200:
        if time.monotonic() > deadline:
            raise ServerFailed(f"The server on port {server.port} is not ready after {READY_S:.0f} s")
        time.sleep(POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2_000:]
