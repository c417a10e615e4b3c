"""MediaStore in a folder of the data folder. Its calls run in threads: disks take their time."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import TypeVar

from infra.adapters.media_names import checked
from loaders.errors import Unavailable
from loaders.media_ports import MediaStore

Answer = TypeVar("Answer")
CHUNK_BYTES = 1 << 18
RETRY_AFTER_S = 5.0
DRAFTS = "drafts"


class FolderMediaStore:
    """Files under one folder. A file comes into being by a link from a draft: whole, once, and synced.

    What a crash leaves is drafts, which go when the store is opened. `free_bytes_min` stay free on the disk.
    """

    def __init__(self, folder: Path, free_bytes_min: int = 0) -> None:
        self._folder = folder
        self._drafts = folder / DRAFTS
        self._free_bytes_min = free_bytes_min
        shutil.rmtree(self._drafts, ignore_errors=True)
        self._drafts.mkdir(parents=True)

    async def put(self, name: str, content: bytes) -> bool:
        """See `MediaStore`."""

        def write() -> bool:
            with tempfile.NamedTemporaryFile(dir=self._drafts) as draft:
                draft.write(content)
                draft.flush()
                return self._keep(draft.name, name)

        return await _threaded(write)

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> bool:
        """See `MediaStore`."""

        def begin() -> tuple[int, str]:
            if shutil.disk_usage(self._folder).free < self._free_bytes_min:
                raise Unavailable("There is no room for media now", retry_after_s=RETRY_AFTER_S)
            return tempfile.mkstemp(dir=self._drafts)

        descriptor, draft = await _threaded(begin)
        try:
            async for chunk in chunks:
                await _threaded(lambda part=chunk: _write(descriptor, part))  # type: ignore[misc]
            return await _threaded(lambda: self._keep(draft, name))
        finally:
            os.close(descriptor)
            await _threaded(partial(os.unlink, draft))

    async def content(self, name: str) -> bytes | None:
        """See `MediaStore`."""
        return await _threaded(lambda: _or_none(self._path(name).read_bytes))

    async def size(self, name: str) -> int | None:
        """See `MediaStore`."""
        status = await _threaded(lambda: _or_none(self._path(name).stat))
        return None if status is None else status.st_size

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """See `MediaStore`."""
        file = await _threaded(lambda: _or_none(lambda: self._path(name).open("rb")))
        if file is None:
            return
        try:
            file.seek(start)
            while start < end:
                chunk = await _threaded(lambda left=end - start: file.read(min(CHUNK_BYTES, left)))  # type: ignore[misc]
                if not chunk:
                    return
                start += len(chunk)
                yield chunk
        finally:
            file.close()

    async def names(self, prefix: str, limit: int) -> Sequence[str]:
        """See `MediaStore`."""

        def listed() -> Sequence[str]:
            folder = self._path(prefix)
            return nsmallest(limit, (f"{prefix}{each.name}" for each in os.scandir(folder))) if folder.exists() else []

        return await _threaded(listed)

    async def remove(self, name: str) -> None:
        """See `MediaStore`."""
        path = self._path(name)
        if name.endswith("/"):
            await _threaded(lambda: shutil.rmtree(path, ignore_errors=True))
        else:
            await _threaded(lambda: path.unlink(missing_ok=True))

    def _path(self, name: str) -> Path:
        return self._folder / checked(name)

    def _keep(self, draft: str, name: str) -> bool:
        """Sync a draft, and give it its name unless that is taken."""
        descriptor = os.open(draft, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True


async def _threaded(work: Callable[[], Answer]) -> Answer:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise Unavailable(f"The folder of media cannot answer: {error.strerror}", RETRY_AFTER_S) from error


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _or_none(read: Callable[[], Answer]) -> Answer | None:
    try:
        return read()
    except FileNotFoundError:
        return None


_: type[MediaStore] = FolderMediaStore
