"""The data folder's lock: one process runs the workers. Also how the others find the server that holds it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from loaders.errors import Unavailable

LOCK_FILE = "lock"
SERVER_FILE = "server.json"
TRIES = 5
TRY_AGAIN_S = 0.05
"""Whoever looks whether a lock is free holds it for a moment; an owner that meets this tries again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: the process, since when (Unix seconds), and the command that it runs."""

    pid: int
    since: float
    what: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f"`roost {self.what}` (process {self.pid}, since {since})"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server that runs on a data folder, and the base of its URLs, without a slash at the end."""

    pid: int
    url: str


class FolderTaken(Unavailable):
    """Another process holds the lock; `holder` tells which, where that is known."""

    code: ClassVar[str] = "UNAVAILABLE"

    def __init__(self, path: Path, holder: Holder | None) -> None:
        super().__init__(f"{path.parent} is in use by {holder or 'another process'}.")
        self.holder = holder


class DataFolder:
    """Owns a data folder while it is entered. The system lets go of the lock when the process ends, however it ends.

    Raises `FolderTaken` on entering if another process owns the folder. `file` names another lock in the same folder.
    """

    def __init__(self, data_dir: Path, what: str, file: str = LOCK_FILE) -> None:
        self._path = data_dir / file
        self._what = what
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        for tries_left in range(TRIES - 1, -1, -1):
            if _try_lock(descriptor):
                break
            if tries_left == 0:
                os.close(descriptor)
                raise FolderTaken(self._path, _read_holder(self._path))
            time.sleep(TRY_AGAIN_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(Holder(os.getpid(), time.time(), self._what))).encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_free(data_dir: Path) -> bool:
    """Tell whether no process runs the workers of a data folder."""
    try:
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def holder_of(data_dir: Path) -> Holder | None:
    """Return who runs the workers of a data folder; None if it is free."""
    return None if is_free(data_dir) else _read_holder(data_dir / LOCK_FILE)


@contextmanager
def announced(data_dir: Path, url: str) -> Iterator[None]:
    """Let other processes find this one, which holds the lock, as the server of a data folder."""
    path = data_dir / SERVER_FILE
    draft = path.with_name(f"{SERVER_FILE}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(ServerInfo(os.getpid(), url.rstrip("/")))), encoding="utf-8")
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_server(data_dir: Path) -> ServerInfo | None:
    """Return the server that holds a data folder; None if none does, or it has not announced itself yet."""
    holder, content = holder_of(data_dir), _read_json(data_dir / SERVER_FILE)
    if holder is None or content is None:
        return None
    try:
        info = ServerInfo(int(content["pid"]), str(content["url"]))
    except (KeyError, TypeError, ValueError):
        return None
    # A file that a killed server left behind names another process than the one that holds the lock now.
    return info if info.pid == holder.pid else None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(path: Path) -> Holder | None:
    content = _read_json(path)
    try:
        return None if content is None else Holder(int(content["pid"]), float(content["since"]), str(content["what"]))
    except (KeyError, TypeError, ValueError):
        return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
