"""Several gateways on one port: started, replaced one by one, and stopped by one process that serves nothing itself."""

import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.settings import Settings

BACKLOG = 2_048
READY = b"1"
LOOK_EVERY_S = 0.1
BEGIN_ANEW_S = 1.0
READY_WITHIN_S = 60.0
KILLED_AFTER_S = 10.0
"""How much longer than its own grace a gateway gets to end."""


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """A gateway, and the line on which it says that it is ready: it ends when that is cut."""

    process: subprocess.Popen[bytes]
    line: socket.socket

    def is_ready(self, timeout_s: float) -> bool:
        """Wait until it is ready, which it says once; False after the timeout, or if it has ended."""
        told, _, _ = select.select([self.line], [], [], timeout_s)
        return bool(told) and self.line.recv(1) == READY


class Serving:
    """Keeps `count` gateways running on one listening socket.

    Connections wait in the socket's own queue, which all share, so that none is refused while one gateway ends. One
    that dies is started anew, at most once a second; but if one ends by itself before the first has ever served, all
    do, for there is something wrong that it has told. SIGHUP replaces all, each as soon as its successor is ready;
    SIGTERM and SIGINT let all end what they have under way. `announce` is told the socket once somebody serves it.
    """

    def __init__(
        self, settings: Settings, count: int, command: Sequence[str], announce: Callable[[socket.socket], None]
    ) -> None:
        self._settings = settings
        self._count = count
        self._command = command
        self._announce: Callable[[socket.socket], None] | None = announce
        self._gateways: list[GatewayProcess] = []
        self._folder = ""
        self._code = 0
        self._is_stopping = False
        self._is_replacing = False

    def run(self) -> int:
        """Serve until a signal ends it, and return 0; or what a gateway ended with before any has served."""
        address = (self._settings.host, self._settings.port)
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        with (
            socket.create_server(address, family=family, backlog=BACKLOG) as listener,
            tempfile.TemporaryDirectory(prefix="roost-") as self._folder,
        ):
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, self._stop)
            signal.signal(signal.SIGHUP, self._replace)
            try:
                for place in range(self._count):
                    self._gateways.append(self._start(listener, place))
                while not self._is_stopping:
                    self._look_after(listener)
                    time.sleep(LOOK_EVERY_S)
            finally:
                self._end(self._gateways)
        return self._code

    def _look_after(self, listener: socket.socket) -> None:
        if self._announce is not None and self._gateways[0].is_ready(0.0):
            self._announce(listener)
            self._announce = None
        for place, gateway in enumerate(self._gateways):
            code = gateway.process.poll()
            if code is None:
                continue
            if self._announce is not None:
                self._code, self._is_stopping = code, True
                return
            time.sleep(BEGIN_ANEW_S)
            self._end([gateway])
            self._gateways[place] = self._start(listener, place)
        if self._is_replacing:
            self._is_replacing = False
            for place in range(self._count):
                self._replace_one(place, listener)

    def _replace_one(self, place: int, listener: socket.socket) -> None:
        """Put a successor in a gateway's place, as soon as it is ready; the old one stays if that never comes."""
        old, successor = self._gateways[place], self._start(listener, place)
        deadline_s, is_ready = time.monotonic() + READY_WITHIN_S, False
        while not is_ready and not self._is_stopping and time.monotonic() < deadline_s:
            if successor.process.poll() is not None:
                break
            is_ready = successor.is_ready(LOOK_EVERY_S)
        self._gateways[place] = successor if is_ready else old
        self._end([old if is_ready else successor])

    def _start(self, listener: socket.socket, place: int) -> GatewayProcess:
        ours, theirs = socket.socketpair()
        with theirs:
            handed = (listener.fileno(), theirs.fileno())
            options = ["--listener", str(handed[0]), "--line", str(handed[1])]
            options += ["--siblings", self._folder, "--place", str(place), "--of", str(self._count)]
            return GatewayProcess(subprocess.Popen([*self._command, *options], pass_fds=handed), ours)

    def _end(self, gateways: Sequence[GatewayProcess]) -> None:
        for gateway in gateways:
            gateway.process.terminate()
        grace_s = self._settings.drain_notice_s + self._settings.shutdown_grace_s
        deadline = time.monotonic() + grace_s + KILLED_AFTER_S
        for gateway in gateways:
            try:
                gateway.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                gateway.process.kill()
                gateway.process.wait()
            gateway.line.close()

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _replace(self, *_: object) -> None:
        self._is_replacing = True
