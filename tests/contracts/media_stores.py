"""How contracts open a store of media: in a folder, which stands for one set of files that can be opened again."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from infra.adapters.folder_media import FolderMediaStore
from loaders.media_ports import MediaStore
from tests.contracts.s3_adapters import s3_media

OpenMedia = Callable[[str, Path], AbstractAsyncContextManager[MediaStore]]
"""Opens the files of a folder, on the server at a URL if the adapter needs one."""


@asynccontextmanager
async def folder_media(url: str, folder: Path) -> AsyncIterator[MediaStore]:
    """Open a folder."""
    assert not url
    yield FolderMediaStore(folder)


MEDIA_STORES: dict[str, OpenMedia] = {"folder": folder_media, "s3": s3_media}
