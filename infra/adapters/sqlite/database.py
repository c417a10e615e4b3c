"""Opening SQLite files, and what their errors mean to Roost."""

import sqlite3
from collections import OrderedDict
from pathlib import Path
from typing import Generic, TypeVar

from loaders.errors import Unavailable

Key = TypeVar("Key")
Value = TypeVar("Value")
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 32_768
RETRY_AFTER_S = 1.0


def open_database(path: Path | str, tables: str, synced: bool, shared: bool = False) -> sqlite3.Connection:
    """Open a file in WAL mode and make sure of its tables.

    `synced` makes every commit wait for the disk; without it a power failure may take the last commits back, but
    leaves a consistent file. `shared` lets other threads use the connection, one at a time.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=not shared, cached_statements=256)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.executescript(tables)
    return connection


def add_column(connection: sqlite3.Connection, table: str, column: str) -> None:
    """Give a table of a folder from before a column that it lacks."""
    name = column.partition(" ")[0]
    if not connection.execute("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, name)).fetchone():
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


class translated:  # noqa: N801 - it reads as a statement: with translated(): ...
    """Turn what a full disk, a lock or a broken file raises into `Unavailable`: a retry may help."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Let the block run."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Translate what it raised."""
        if isinstance(error, sqlite3.DatabaseError):
            raise Unavailable(f"The embedded store cannot answer: {error}", retry_after_s=RETRY_AFTER_S) from error


class Bounded(Generic[Key, Value]):
    """A map of at most `size` values; the one unused longest goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """Return a value and count it as used, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Forget a value, if it is there."""
        self._values.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._values.clear()
