"""Running the application: uvicorn with the settings that a timeline server needs."""

import asyncio
import gc
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.lifespan.on import LifespanOn, LifespanSendMessage

from infra.app import create_app, drain
from infra.data_folder import LOCK_FILE, FolderTaken, announced, holder_of, is_free
from infra.live_http import LiveHttpProtocol
from infra.live_protocol import LiveProtocol, LiveServer
from infra.logs import configure
from infra.sample.load import DEMO_PASSWORD, sample_state
from infra.sample.people import DEMO_HANDLE
from infra.serving import READY
from infra.settings import Settings
from infra.siblings import Siblings

SWITCH_INTERVAL_S = 0.0005
BACKLOG = 2_048
FLUSHED_WITHIN_S = 2
ASKED_WITHIN_S = 0.2


def run(
    settings: Settings, listener: int | None = None, line: int | None = None, siblings: Siblings | None = None
) -> None:
    """Serve until a signal ends it; in-flight work gets the settings' grace.

    `listener` is the file descriptor of a socket that listens already, shared with other gateways, and `line` one of a
    socket to whoever started them: it hears when this one serves, which ends when that one is gone. `siblings` are
    those that share the port. Raises `FolderTaken` if another process owns the data folder, and whatever keeps the
    application from starting; exits with 3 if it cannot listen.
    """
    if settings.is_embedded and not is_free(settings.data_dir):
        raise FolderTaken(settings.data_dir / LOCK_FILE, holder_of(settings.data_dir))
    configure(settings)
    # The commit threads ask for the interpreter's lock a few times a batch: they must not wait five milliseconds each.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = create_app(settings, siblings=siblings)
    # What start-up made stays for good; looking at it again in every collection would cost each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if os.name != "nt" else "asyncio",
        http=LiveHttpProtocol,
        ws=LiveProtocol,
        ws_max_size=settings.frame_bytes_max,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s + FLUSHED_WITHIN_S,
    )
    config.load()
    config.lifespan_class = PlainLifespan
    server = AnnouncedServer(config, settings, lambda: drain(app), line)
    try:
        with server.announcement:
            server.run(None if listener is None else [socket.socket(fileno=listener)])
    except SystemExit:
        failure = getattr(app.state, "failure", None)
        if failure is None:
            raise
        raise failure from None
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class PlainLifespan(LifespanOn):
    """Leaves it to the command to say why the application did not start."""

    async def send(self, message: LifespanSendMessage) -> None:
        """Take what the application says, without the traceback."""
        if message["type"] == "lifespan.startup.failed":
            message = {"type": "lifespan.startup.failed", "message": ""}
        await super().send(message)


class AnnouncedServer(LiveServer):
    """Says where it listens once it does, to people and to the other commands of the data folder."""

    def __init__(
        self,
        config: uvicorn.Config,
        settings: Settings,
        close_all: Callable[[], Awaitable[None]],
        line: int | None = None,
    ) -> None:
        super().__init__(config, close_all)
        self._settings = settings
        self._line = None if line is None else socket.socket(fileno=line)
        self.announcement = ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce."""
        await super().startup(sockets)
        if self.started:
            if self._line is not None:
                asyncio.get_running_loop().add_reader(self._line, self._end_alone)
                self._line.send(READY)
                return
            listener = (sockets or list(self.servers[0].sockets))[0]
            if self._settings.is_embedded:
                self.announcement.enter_context(announced(self._settings.data_dir, _url(listener)))
            announce(listener, self._settings)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; new connections are left to the other gateways of the same socket from now on."""
        if self._line is not None:
            for server in self.servers:
                server.close()
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()
            # Who was let in a moment ago has not said yet what they want, and would be shut out without an answer.
            await asyncio.sleep(ASKED_WITHIN_S)
        await super().shutdown(sockets)

    def _end_alone(self) -> None:
        # Nothing is ever said on this line: it was cut, and whoever takes the port next must find it free.
        self.should_exit = True


def announce(listener: socket.socket, settings: Settings) -> None:
    """Say where a listening socket is served, to people."""
    print(greeting(_url(listener), settings), file=sys.stderr, flush=True)  # noqa: T201 - it is for people


def _url(listener: socket.socket) -> str:
    bound = listener.getsockname()
    host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return f"http://{host}:{bound[1]}"


def greeting(url: str, settings: Settings) -> str:
    """Return where to look, and the account to look around with where the sample is loaded."""
    lines = [f"Live page  {url}/", f"GraphiQL   {url}/graphql", f"Health     {url}/health/ready"]
    state = sample_state(settings.data_dir)
    if state is not None and state.is_loaded:
        lines.append(f"Account    {DEMO_HANDLE}, password {DEMO_PASSWORD}")
    return "\n".join(["", "Roost is ready.", *(f"  {line}" for line in lines), ""])
