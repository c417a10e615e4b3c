"""The files of media of a data folder, copied into a cluster's bucket before any tweet shows them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NamedTuple

from infra.adapters.cassandra.waiting import together
from infra.media.service import FOLDER
from infra.moving.proof import Compared, Sum
from infra.settings import Settings
from loaders.media_ports import MediaStore

AT_ONCE = 16
CHUNK_BYTES = 1 << 18
PARTS = ("media", "looks")


class MediaFile(NamedTuple):
    """A file of the folder, by its name in every store."""

    name: str
    path: Path


def media_of(source: Settings) -> Sequence[MediaFile]:
    """Return all files of a folder's media."""
    folder = source.data_dir / FOLDER
    paths = sorted(path for part in PARTS for path in (folder / part).rglob("*") if path.is_file())
    return [MediaFile(path.relative_to(folder).as_posix(), path) for path in paths]


async def copy_media(files: Sequence[MediaFile], store: MediaStore) -> int:
    """Make what is not there yet; answer how many files were sent. A file is whole or not there, however this ends."""

    async def one(file: MediaFile) -> bool:
        return await store.size(file.name) is None and await store.receive(file.name, _chunks(file.path))

    sent = 0
    for start in range(0, len(files), AT_ONCE):
        sent += sum(await together(*(one(file) for file in files[start : start + AT_ONCE])))
    return sent


async def compare_media(files: Sequence[MediaFile], store: MediaStore) -> Compared:
    """Compare each file's size with what the store says: what is there never changes."""
    here, there = Sum(), Sum()
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        sizes = await together(*(store.size(file.name) for file in some))
        for file, size in zip(some, sizes, strict=True):
            here.add((file.name, file.path.stat().st_size))
            if size is not None:
                there.add((file.name, size))
    return Compared("files of media", here, there)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
