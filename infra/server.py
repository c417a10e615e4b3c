"""Running the application: uvicorn with the settings that a timeline server needs."""

import gc
import os
import sys

import uvicorn

from infra.app import create_app
from infra.live_protocol import LiveProtocol
from infra.logs import configure
from infra.settings import Settings

SWITCH_INTERVAL_S = 0.0005
BACKLOG = 2_048


def run(settings: Settings) -> None:
    """Serve until a signal ends it; in-flight work gets the settings' grace."""
    configure(settings)
    # The commit threads ask for the interpreter's lock a few times a batch: they must not wait five milliseconds each.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    app = create_app(settings)
    # What start-up made stays for good; looking at it again in every collection would cost each request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    uvicorn.run(
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
        timeout_graceful_shutdown=settings.shutdown_grace_s,
    )
