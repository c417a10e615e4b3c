"""MediaWorkshop by a process for each medium, which the system bounds and whose end is no harm."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from loaders.errors import Unavailable, UserError
from loaders.media import CONTENT_TYPES, Upload
from loaders.media_ports import MediaStore, MediaWorkshop

CHUNK_BYTES = 1 << 18
RETRY_AFTER_S = 5.0
TOO_COMPLEX = UserError("MEDIUM_TOO_COMPLEX", "The medium takes too long, or too much memory, to read", ("mediaId",))


class WorkLimits(NamedTuple):
    """How many media are prepared at once and may wait, for how long one may take, and what it may use."""

    at_once: int
    waiting_max: int
    timeout_s: int
    pixels_max: int
    memory_bytes: int


class ProcessWorkshop:
    """Prepares media of one store. `waiting` counts those under way or waiting, `turned_away` those refused."""

    def __init__(self, store: MediaStore, limits: WorkLimits, program: str = "infra.media.prepare") -> None:
        self._store = store
        self._limits = limits
        self._program = program
        self._turns = asyncio.Semaphore(limits.at_once)
        self.waiting = 0
        self.turned_away = 0

    async def prepare(self, upload: Upload) -> tuple[int | None, int | None] | UserError:
        """See `MediaWorkshop`."""
        if self.waiting >= self._limits.at_once + self._limits.waiting_max:
            self.turned_away += 1
            raise Unavailable("Too many media are being prepared: ask again", RETRY_AFTER_S)
        self.waiting += 1
        try:
            async with self._turns:
                return await self._prepare(upload)
        finally:
            self.waiting -= 1

    async def _prepare(self, upload: Upload) -> tuple[int | None, int | None] | UserError:
        with tempfile.TemporaryDirectory(prefix="roost-media-") as name:
            folder = Path(name)
            with (folder / "arrived").open("wb") as file:
                async for chunk in self._store.read(f"media/{upload.id}/arrived", 0, upload.byte_size):
                    await asyncio.to_thread(file.write, chunk)
            said = await self._run(upload.content_type, folder)
            if said is None:
                return TOO_COMPLEX
            if "code" in said:
                return UserError(said["code"], said["message"], ("mediaId",))
            for path in await asyncio.to_thread(lambda: sorted(folder.iterdir())):
                if path.suffix.removeprefix(".") in CONTENT_TYPES:
                    await self._store.receive(f"media/{upload.id}/{path.name}", _chunks(path))
            return said["width"], said["height"]

    async def _run(self, content_type: str, folder: Path) -> dict[str, Any] | None:
        """Return what the process says; None if it was ended by a limit."""
        limits = self._limits
        bounds = (str(limits.pixels_max), str(limits.memory_bytes), str(limits.timeout_s))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._program, content_type, str(folder), *bounds),
            cwd=folder,
            env={},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(limits.timeout_s):
                output, _ = await process.communicate()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        said: dict[str, Any] | None = json.loads(output) if process.returncode == 0 else None
        return said


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


_: type[MediaWorkshop] = ProcessWorkshop
