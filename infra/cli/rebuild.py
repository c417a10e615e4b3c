"""The command `rebuild search`: who makes the index anew, and how far that is."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from infra.adapters.sqlite.search_filling import asking_file
from infra.data_folder import DataFolder, is_free, running_server
from infra.embedded import open_engine
from infra.settings import Settings
from loaders.errors import NotConfigured, Unavailable

LOOK_S = 0.2


async def rebuild_search(settings: Settings, console: Console) -> None:
    """Have the search index made anew, by the server if one runs, and wait until the new one is in its place."""
    if not settings.is_embedded:
        raise NotConfigured("A cluster has no search index yet: there is nothing to rebuild")
    asked = asking_file(settings.database(settings.search_url, "search"))
    async with AsyncExitStack() as stack:
        is_served = running_server(settings.data_dir) is not None
        if not is_served:
            stack.enter_context(DataFolder(settings.data_dir, "rebuild search"))
        asked.touch()
        if not is_served:
            await stack.enter_async_context(open_engine(settings))
        with console.status("Making the search index anew") as status:
            while asked.exists():
                if is_served and is_free(settings.data_dir):
                    raise Unavailable("The server has stopped: the index is made anew when it runs again")
                if progress := _read(asked):
                    status.update(f"Making the search index anew: {progress}")
                await asyncio.sleep(LOOK_S)
    console.print("The search index is made anew.")


def _read(asked: Path) -> str:
    try:
        return asked.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
