"""The command `rebuild search`: who makes the index anew, and how far that is."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from infra.adapters.sqlite.search_filling import asking_file
from infra.clocks import Clocks
from infra.data_folder import DataFolder, is_free, running_server
from infra.embedded import open_engine
from infra.settings import Settings
from loaders.errors import Unavailable

LOOK_S = 0.2
MAKING = "Making the search index anew"


async def rebuild_search(settings: Settings, console: Console) -> None:
    """Have the search index made anew, and wait until the new one is in its place.

    A data folder's server does it if one runs, a cluster's index is made by this process.
    """
    if not settings.is_embedded:
        await _rebuild_of_cluster(settings, console)
        return
    asked = asking_file(settings.database(settings.search_url, "search"))
    async with AsyncExitStack() as stack:
        is_served = running_server(settings.data_dir) is not None
        if not is_served:
            stack.enter_context(DataFolder(settings.data_dir, "rebuild search"))
        asked.touch()
        if not is_served:
            await stack.enter_async_context(open_engine(settings))
        with console.status(MAKING) as status:
            while asked.exists():
                if is_served and is_free(settings.data_dir):
                    raise Unavailable("The server has stopped: the index is made anew when it runs again")
                if progress := _read(asked):
                    status.update(f"{MAKING}: {progress}")
                await asyncio.sleep(LOOK_S)
    console.print("The search index is made anew.")


async def _rebuild_of_cluster(settings: Settings, console: Console) -> None:
    from infra.cluster.parts import open_connected  # noqa: PLC0415 - a data folder needs none of it
    from infra.cluster.rebuilding import rebuild  # noqa: PLC0415

    clocks = Clocks()
    async with open_connected(settings, clocks, gives_ids=False) as connected:
        with console.status(MAKING) as status:
            await rebuild(connected, clocks.now_ms(), lambda told: status.update(f"{MAKING}: {told}"))
    console.print("The search index is made anew.")


def _read(asked: Path) -> str:
    try:
        return asked.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
