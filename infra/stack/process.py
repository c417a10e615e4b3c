"""One server process, behind a guard that ends it with its owner: started, stopped, killed, frozen, started again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infra.stack import guard
from loaders.errors import Unavailable

LOG_FILE = "log"
LOG_BYTES_MAX = 10_000_000
"""A log over this is set aside at the next start: at most one old one is kept."""
LINES_SHOWN = 15
TAIL_BYTES_MAX = 1_048_576


class ServerFailed(Unavailable):
    """A server ended, or did not answer in time; the text has the last lines that it wrote."""


class Process:
    """A command in a folder of its own, what it writes in the file `log` there.

    It never outlives the process that started it, however that ends.
    """

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.log = folder / LOG_FILE
        self._command = tuple(command)
        self._environ = dict(environ or {})
        self._guard: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return self._pid if self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether it runs; a frozen one does."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def code(self) -> int | None:
        """What it ended with, 128 and more for a signal; None if it runs or was never started."""
        return None if self._guard is None else self._guard.poll()

    def start(self) -> None:
        """Start it, if it does not run, without waiting for it to answer."""
        if self.is_running:
            return
        self._close()
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_name(f"{LOG_FILE}.old"))
        with self.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(guard.__file__).resolve()), *self._command],
                cwd=self.folder,
                env=os.environ | self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        said = self._guard.stdout.readline()
        if not said:
            raise ServerFailed(f"{self._command[0]} could not be started:\n{self.last_lines(LINES_SHOWN)}")
        self._pid = int(said)

    async def finish(self) -> None:
        """Start it, and wait for it to end by itself. Raises `ServerFailed` if it fails."""
        self.start()
        try:
            await self._ended(None)
        finally:
            self.kill()
        if self.code != 0:
            raise ServerFailed(f"{self._command[0]} failed:\n{self.last_lines(LINES_SHOWN)}")

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, and kill it if it has not after so long."""
        self.thaw()
        self._send(signal.SIGTERM)
        try:
            await self._ended(grace_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would, and wait until it is gone."""
        self._send(signal.SIGKILL)
        if self._guard is not None:
            self._guard.wait()
        self._close()

    def freeze(self) -> None:
        """Let it hang: it holds its connections and answers nothing until `thaw`."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._send(signal.SIGCONT)

    def last_lines(self, count: int) -> str:
        """The last lines of its log."""
        return last_lines(self.log, count)

    def _send(self, what: signal.Signals) -> None:
        if self.is_running and self._pid is not None:
            try:
                os.killpg(self._pid, what)
            except ProcessLookupError:
                return

    async def _ended(self, bound_s: float | None) -> None:
        if self._guard is not None:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._guard.wait, bound_s)

    def _close(self) -> None:
        if self._guard is not None:
            for stream in (self._guard.stdin, self._guard.stdout):
                if stream is not None:
                    stream.close()


def last_lines(log: Path, count: int) -> str:
    """Return the last lines of a log, of its last mebibyte at most; nothing if there is no such file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES_MAX))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])
