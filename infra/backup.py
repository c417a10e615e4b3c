"""Backup of a data folder into one file, while it is served or not, and restoring it into an empty folder.

The log is the truth, and the store follows it: it may be behind, and never ahead. So the store is copied first and the
log after it: whatever the store's copy lacks is in the log's, and is applied when the folder is opened. Accounts and
idempotency keys come then, since they are written before the events that need them: every account that the log's copy
names is there, and no retry posts again what it holds. Media come last: they were complete before any event named them.
"""

import errno
import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson

from infra.adapters.sqlite.database import translated
from infra.auth import KEY_FILE
from infra.settings import FILE_NAME, Settings
from infra.settings_given import SettingsError
from loaders.errors import BadUserInput, NotFound, Unavailable

FORMAT = 1
MANIFEST = "manifest.json"
STORE, LOG, ACCOUNTS = "store.db", "log.db", "accounts.db"
DATABASES = {STORE: "tweets_url", LOG: "log_url", ACCOUNTS: "users_url"}
"""In the order in which they are copied, with the settings that name them."""
SMALL_FILES = (KEY_FILE, FILE_NAME, "sample.json")
MEDIA = "media"
_MEDIUM = re.compile(rf"{MEDIA}/(media|looks)(/[0-9A-Za-z][0-9A-Za-z.-]*)+")
COMPRESSION = 3
TRIES = 3
MANIFEST_BYTES_MAX = 100_000
BLOCK_BYTES = 1 << 20


class Refused(BadUserInput):
    """A backup or a restore that would overwrite something, or has nothing whole to work with."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: when it was begun, how far its log and its store reach, and each file's SHA-256."""

    made_at: str
    log_end: int
    store_position: int
    accounts: int
    tweets: int
    files: dict[str, str]
    format: int = FORMAT

    def __str__(self) -> str:
        return (
            f"{self.accounts:,} accounts, {self.tweets:,} tweets and retweets, the log up to {self.log_end:,},"
            f" as of {self.made_at}"
        )


def back_up(settings: Settings, file: Path, now_s: Callable[[], float]) -> Backup:
    """Copy a data folder into a file that does not exist yet; the server may run, and is not held up.

    Everything acknowledged before the call is in it. The file appears whole or not at all, readable by its owner
    alone. Raises `Refused`, `NotFound` where there is no data, and `Unavailable` where a database cannot be read.
    """
    if file.exists():
        raise Refused(f"{file} exists already: a backup overwrites nothing.")
    missing = [path for path in _databases(settings).values() if not path.exists()]
    if missing:
        raise NotFound(f"There is nothing to back up: {missing[0]} does not exist.")
    made_at = datetime.fromtimestamp(now_s(), UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".roost-backup-") as name:
        copies = Path(name)
        for small in SMALL_FILES:
            if (settings.data_dir / small).exists():
                shutil.copyfile(settings.data_dir / small, copies / small)
        _copy_databases(_databases(settings), copies)
        _link_media(settings.data_dir / MEDIA, copies / MEDIA)
        backup = _described(copies, made_at)
        draft = copies / "draft.tar.gz"
        _pack(copies, backup, draft)
        draft.chmod(0o600)
        draft.rename(file)
        _sync(file.absolute().parent)
    return backup


def restore(settings: Settings, file: Path, new_epoch: Callable[[], int]) -> Backup:
    """Put a backup into the data folder, which must be empty or absent; it appears whole or not at all.

    The log gets another epoch: its offsets after the backup are given anew, so that live cursors from then need a
    Reset (L5). Raises `Refused`, also for a file that is no whole backup.
    """
    target = settings.data_dir.absolute()
    if target.exists() and any(target.iterdir()):
        raise Refused(f"{settings.data_dir} is not empty: a backup is restored into an empty folder.")
    elsewhere = [name for name in (*DATABASES.values(), "graph_url", "keys_url") if _is_elsewhere(settings, name)]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".roost-restore-") as name:
        draft = Path(name) / "data"
        draft.mkdir()
        backup = _unpack(file, draft)
        if elsewhere := [*elsewhere, *_named_elsewhere(draft / FILE_NAME)]:
            raise Refused(f"The settings keep databases outside the data folder ({', '.join(elsewhere)}).")
        for database in DATABASES:
            with _opened(draft / database) as connection:
                _check(connection, database)
                if database == LOG:
                    connection.execute("UPDATE identity SET epoch = ?", (new_epoch(),))
            _sync(draft / database)
        _sync(draft)
        try:
            draft.rename(target)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                raise Refused(f"{settings.data_dir} is not empty any more.") from error
            raise
        _sync(target.parent)
    return backup


def _databases(settings: Settings) -> dict[str, Path]:
    if not settings.is_embedded:
        raise SettingsError(("ROOST_LOG_URL: names a cluster, whose servers have backups of their own",))
    return {
        name: settings.database(getattr(settings, url), name.removesuffix(".db")) for name, url in DATABASES.items()
    }


def _copy_databases(databases: dict[str, Path], copies: Path) -> None:
    """Copy in the order that keeps the promise.

    Between the first two the log may be trimmed: if of what the store's copy has yet to apply, both are taken again.
    """
    for _ in range(TRIES):
        for name in (STORE, LOG):
            (copies / name).unlink(missing_ok=True)
            _copy(databases[name], copies / name)
        if _first_offset(copies / LOG) <= min(_positions(copies / STORE)) + 1:
            break
    else:
        raise Unavailable("The log is trimmed faster than it can be copied: try again.")
    _copy(databases[ACCOUNTS], copies / ACCOUNTS)


def _copy(source: Path, target: Path) -> None:
    """Copy by SQLite's online backup, in one step: one snapshot, beside which writers go on."""
    source_url = f"{source.absolute().as_uri()}?mode=ro"
    with translated(), closing(sqlite3.connect(source_url, uri=True)) as reading, _opened(target) as writing:
        reading.backup(writing)
        # One file, without a write-ahead log beside it; opening it as a data folder's turns that on again.
        writing.execute("PRAGMA journal_mode = DELETE")
        _check(writing, source.name)


def _link_media(source: Path, target: Path) -> None:
    """Hold on to all files of media under other names: none of them ever changes, and some may go meanwhile."""
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if _MEDIUM.fullmatch(f"{MEDIA}/{path.relative_to(source).as_posix()}") is None or path.is_dir():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, copy)
        except FileNotFoundError:
            continue
        except OSError:
            shutil.copyfile(path, copy)  # the backup is written to another disk


def _check(connection: sqlite3.Connection, name: str) -> None:
    found = [row[0] for row in connection.execute("PRAGMA quick_check")]
    if found != ["ok"]:
        raise Refused(f"{name} is damaged: {found[0]}")


def _first_offset(log: Path) -> int:
    with _opened(log) as connection:
        (first,) = connection.execute("SELECT min(log_offset) FROM events").fetchone()
    return _end(log) + 1 if first is None else int(first)


def _end(log: Path) -> int:
    with _opened(log) as connection:
        last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    return int(last[0]) if last else 0


def _positions(store: Path) -> tuple[int, int]:
    with _opened(store) as connection:
        found = dict(connection.execute("SELECT consumer_group, log_offset FROM positions").fetchall())
    return found.get("store", 0), found.get("fanout", 0)


def _described(copies: Path, made_at: str) -> Backup:
    with _opened(copies / STORE) as store, _opened(copies / ACCOUNTS) as accounts:
        (tweets,) = store.execute("SELECT count(*) FROM tweets WHERE gone_offset IS NULL").fetchone()
        (users,) = accounts.execute("SELECT count(*) FROM users").fetchone()
    files = {path.relative_to(copies).as_posix(): _digest(path) for path in sorted(copies.rglob("*")) if path.is_file()}
    return Backup(made_at, _end(copies / LOG), _positions(copies / STORE)[0], users, tweets, files)


def _pack(copies: Path, backup: Backup, target: Path) -> None:
    manifest = orjson.dumps(asdict(backup), option=orjson.OPT_INDENT_2)
    with target.open("xb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(manifest)
            tar.addfile(member, BytesIO(manifest))
            for name in backup.files:
                tar.add(copies / name, name)
        file.flush()
        os.fsync(file.fileno())


def _unpack(file: Path, target: Path) -> Backup:
    """Unpack what the manifest names and nothing else, each file checked against its digest."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            backup = _manifest(tar)
            for name, digest in backup.files.items():
                member = tar.extractfile(name)
                if member is None or (name not in {*DATABASES, *SMALL_FILES} and _MEDIUM.fullmatch(name) is None):
                    raise Refused(f"{file} holds what no backup does: {name}")
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                with open(target / name, "xb", opener=_for_owner) as copy:
                    shutil.copyfileobj(member, copy, BLOCK_BYTES)
                if _digest(target / name) != digest:
                    raise Refused(f"{file} is damaged: {name} is not what was backed up.")
    except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"{file} is no whole backup: {error}") from error
    if not set(DATABASES) <= set(backup.files):
        raise Refused(f"{file} is no whole backup: it lacks a database.")
    return backup


def _manifest(tar: tarfile.TarFile) -> Backup:
    member = tar.extractfile(MANIFEST)
    content: dict[str, Any] = orjson.loads(member.read(MANIFEST_BYTES_MAX) if member else b"")
    if content.get("format") != FORMAT:
        raise ValueError(f"its format is {content.get('format')}, and this release reads {FORMAT}")
    return Backup(**content)


def _is_elsewhere(settings: Settings, name: str) -> bool:
    return settings.database(getattr(settings, name), "default") != settings.data_dir / "default.db"


def _named_elsewhere(settings_file: Path) -> list[str]:
    if not settings_file.exists():
        return []
    content = tomllib.loads(settings_file.read_text(encoding="utf-8"))
    return [
        name for name in (*DATABASES.values(), "graph_url", "keys_url") if content.get(name, "sqlite://") != "sqlite://"
    ]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with translated(), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
