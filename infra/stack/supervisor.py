"""The process that owns a running stack: `python -m infra.stack.supervisor FOLDER CHOICE`. With it all of it ends.

Until whoever started it says "stay" on its standard input, it also ends when that closes.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from infra.data_folder import DataFolder
from infra.stack.server import Server
from infra.stack.stack import Choice, servers, write_settings
from infra.stack.state import SETTINGS_FILE, StackState
from loaders.errors import RoostError

OWNER = "stack up"
STAY = b"stay\n"
TELL_S = 0.1
"""How old at most what the others see is."""


def command(folder: Path, choice: Choice) -> Sequence[str]:
    """Return the command that runs a supervisor, whatever folder it is run from."""
    return (sys.executable, "-P", "-m", "infra.stack.supervisor", str(folder), json.dumps(asdict(choice)))


def main(folder: Path, choice: Choice) -> int:
    """Own the folder and run the stack until a signal; return 1 if it could not start."""
    with DataFolder(folder, OWNER):
        return asyncio.run(_supervise(folder, choice))


async def _supervise(folder: Path, choice: Choice) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _end_with_starter(loop, stopping)
    running: list[Server] = []
    ready: set[str] = set()
    telling: asyncio.Future[None] | None = None
    try:
        running = servers(folder, choice)
        urls = {server.name: server.url for server in running}
        write_settings(folder / SETTINGS_FILE, urls, choice, new_key=lambda: secrets.token_hex(32))
        telling = asyncio.ensure_future(_tell(folder, StackState(os.getpid(), choice), running, ready))
        starting = asyncio.ensure_future(_start(running, ready))
        waiting = asyncio.ensure_future(stopping.wait())
        await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
        else:
            starting.result()
            await waiting
    except RoostError as error:
        if telling is not None:
            telling.cancel()
        StackState(os.getpid(), choice, error=str(error)).write(folder)
        return 1
    finally:
        await asyncio.gather(*(server.stop() for server in running))
    return 0


async def _start(running: Sequence[Server], ready: set[str]) -> None:
    async def start(server: Server) -> None:
        await server.start()
        ready.add(server.name)

    starting = [asyncio.ensure_future(start(server)) for server in running]
    try:
        await asyncio.gather(*starting)
    finally:
        for each in starting:
            each.cancel()
        await asyncio.wait(starting)


async def _tell(folder: Path, state: StackState, running: Sequence[Server], ready: set[str]) -> None:
    while True:
        now = state.of(running, ready)
        if now != state:
            now.write(folder)
            state = now
        await asyncio.sleep(TELL_S)


def _end_with_starter(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def heard() -> None:
        loop.remove_reader(descriptor)
        if os.read(descriptor, len(STAY)) != STAY:
            stopping.set()

    loop.add_reader(descriptor, heard)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), Choice(**json.loads(sys.argv[2]))))
    except RoostError as refused:
        sys.exit(str(refused))
