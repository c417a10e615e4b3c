"""Running the application: uvicorn with the settings that a timeline server needs."""

import gc
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from infra.app import create_app, drain
from infra.data_folder import LOCK_FILE, FolderTaken, announced, holder_of, is_free
from infra.live_protocol import LiveProtocol, LiveServer
from infra.logs import configure
from infra.sample.load import DEMO_PASSWORD, sample_state
from infra.sample.people import DEMO_HANDLE
from infra.settings import Settings

SWITCH_INTERVAL_S = 0.0005
BACKLOG = 2_048
FLUSHED_WITHIN_S = 2


def run(settings: Settings) -> None:
    """Serve until a signal ends it; in-flight work gets the settings' grace.

    Raises `FolderTaken` if another process owns the data folder; exits with 3 if the server cannot start.
    """
    if not is_free(settings.data_dir):
        raise FolderTaken(settings.data_dir / LOCK_FILE, holder_of(settings.data_dir))
    configure(settings)
    # The commit threads ask for the interpreter's lock a few times a batch: they must not wait five milliseconds each.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = create_app(settings)
    # What start-up made stays for good; looking at it again in every collection would cost each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop" if os.name != "nt" else "asyncio",
        http="httptools",
        ws=LiveProtocol,
        ws_max_size=settings.frame_bytes_max,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=settings.shutdown_grace_s + FLUSHED_WITHIN_S,
    )
    server = AnnouncedServer(config, settings, lambda: drain(app))
    with server.announcement:
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class AnnouncedServer(LiveServer):
    """Says where it listens once it does, to people and to the other commands of the data folder."""

    def __init__(self, config: uvicorn.Config, settings: Settings, close_all: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config, close_all)
        self._settings = settings
        self.announcement = ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce."""
        await super().startup(sockets)
        if self.started:
            url = self._url()
            self.announcement.enter_context(announced(self._settings.data_dir, url))
            print(greeting(url, self._settings), file=sys.stderr, flush=True)  # noqa: T201 - it is for people

    def _url(self) -> str:
        bound = self.servers[0].sockets[0].getsockname()
        host = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        return f"http://{host}:{bound[1]}"


def greeting(url: str, settings: Settings) -> str:
    """Return where to look, and the account to look around with where the sample is loaded."""
    lines = [f"GraphiQL   {url}/graphql", f"Health     {url}/health/ready"]
    state = sample_state(settings.data_dir)
    if state is not None and state.is_loaded:
        lines.append(f"Account    {DEMO_HANDLE}, password {DEMO_PASSWORD}")
    return "\n".join(["", "Roost is ready.", *(f"  {line}" for line in lines), ""])
