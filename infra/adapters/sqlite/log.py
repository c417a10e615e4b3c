"""EventLog on SQLite: one partition, one table, many posts a commit."""

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from infra.adapters.sqlite.database import open_database, translated
from infra.adapters.sqlite.group_commit import GroupCommit
from infra.asked import origin
from infra.faults import Fault
from loaders.errors import Unavailable
from loaders.places import Place
from realtime.events import Event, Retweeted, TweetPosted, encode
from realtime.partitions import Layout, log_key
from realtime.ports import EventLog, Logged, Origin

TABLES = """
CREATE TABLE IF NOT EXISTS events (
    log_offset INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL,
    is_entry INTEGER NOT NULL,
    payload TEXT NOT NULL,
    appended_at_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS identity (epoch INTEGER NOT NULL);
"""
COLUMNS = "log_offset, payload, appended_at_ms"
POLL_S = 0.05
TRIM_MAX = 20_000
POSTED = (TweetPosted, Retweeted)


ORIGINS_MAX = 10_000
"""Of so many of the newest events it is known what they go back to; restarted, the log has forgotten."""

_Rows = list[tuple[int, int, str, int]]
"""What one append puts into the table: key, whether it is an entry of timelines, payload, time."""
_Append = tuple[_Rows, Origin | None]


class SQLiteEventLog:
    """The log of one data folder. Any number of processes may append; each commit is synced.

    `fault` says why nothing can be appended, and since when, as far as the last try tells.
    """

    def __init__(
        self, writer: sqlite3.Connection, reader: sqlite3.Connection, clock_ms: Callable[[], int], batch_max: int
    ) -> None:
        self._reader = reader
        self._clock_ms = clock_ms
        self._commits = GroupCommit[_Append, int](writer, self._write, batch_max)
        self._origins: dict[int, Origin] = {}
        self._grown = asyncio.Event()
        self.fault: Fault | None = None
        self._version = -1
        self._end = 0
        (self._epoch,) = reader.execute("SELECT epoch FROM identity").fetchone()
        self._look()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, clock_ms: Callable[[], int], batch_max: int = 512
    ) -> "AsyncIterator[SQLiteEventLog]":
        """Open the log, and make it with an epoch of its own on first use."""
        writer = open_database(path, TABLES, synced=True, shared=True)
        writer.execute(
            "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)", (secrets.randbits(32),)
        )
        reader = open_database(path, TABLES, synced=True)
        log = cls(writer, reader, clock_ms, batch_max)
        try:
            yield log
        finally:
            await log._commits.close()
            reader.close()
            writer.close()

    @property
    def epoch(self) -> int:
        """See `EventLog`."""
        return int(self._epoch)

    @property
    def layout(self) -> Layout:
        """See `EventLog`."""
        return Layout()

    async def append(self, events: Sequence[Event]) -> Sequence[int]:
        """See `EventLog`."""
        now_ms = self._clock_ms()
        rows = [(log_key(event), int(isinstance(event, POSTED)), encode(event).decode(), now_ms) for event in events]
        try:
            last = await self._commits.put((rows, origin()))
        except Unavailable as error:
            self._failed(error)
            raise
        self.fault = None
        self._end = max(self._end, last)
        self._grown.set()
        return range(last - len(rows) + 1, last + 1)

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """See `EventLog`."""
        with translated():
            rows = self._reader.execute(
                f"SELECT {COLUMNS} FROM events WHERE log_offset > ? ORDER BY log_offset LIMIT ?",
                (after, limit),
            ).fetchall()
        known = self._origins.get
        return [Logged(partition, offset, payload.encode(), at_ms, known(offset)) for offset, payload, at_ms in rows]

    async def bounds(self, partition: int = 0) -> tuple[int, int]:
        """See `EventLog`."""
        del partition  # there is one
        self._look()
        with translated():
            (first,) = self._reader.execute("SELECT min(log_offset) FROM events").fetchone()
        return (self._end + 1 if first is None else first), self._end

    async def end(self) -> Place:
        """See `EventLog`."""
        self._look()
        return (self._end,)

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """See `EventLog`."""
        del partition
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._end <= after:
            self._grown.clear()
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                return False
            try:
                # Not wait_for, which before Python 3.12 loses a cancellation that comes with the event.
                async with asyncio.timeout(min(POLL_S, left_s)):
                    await self._grown.wait()
            except TimeoutError:
                self._look()
        return True

    async def posted(self, author_ids: Sequence[int], upto: Place, limit: int) -> Sequence[Logged]:
        """See `EventLog`."""
        with translated():
            rows = self._reader.execute(
                f"SELECT {COLUMNS} FROM events WHERE log_offset <= ?"
                " AND is_entry AND key IN (SELECT value FROM json_each(?)) ORDER BY log_offset DESC LIMIT ?",
                (*upto, orjson.dumps(list(author_ids)).decode(), limit),
            ).fetchall()
        return [Logged(0, offset, payload.encode(), at_ms) for offset, payload, at_ms in rows]

    async def trim(self, before_ms: int, upto: int) -> int:
        """Forget events appended before a time and handled by every group (`upto`); answer how many."""

        def forget(writer: sqlite3.Connection) -> int:
            return writer.execute(
                "DELETE FROM events WHERE log_offset IN (SELECT log_offset FROM events WHERE appended_at_ms < ?"
                " AND log_offset <= ? ORDER BY log_offset LIMIT ?)",
                (before_ms, upto, TRIM_MAX),
            ).rowcount

        return await self._commits.run(forget)

    async def try_again(self) -> None:
        """Find out whether a log that could not be appended to can be now, though nobody appends."""
        if self.fault is None:
            return
        try:
            await self._commits.run(lambda writer: writer.execute("UPDATE identity SET epoch = epoch").rowcount)
        except Unavailable as error:
            self._failed(error)
        else:
            self.fault = None

    def _failed(self, error: Unavailable) -> None:
        # One that is only crowded has no fault.
        if self.fault is None and isinstance(error.__cause__, sqlite3.Error):
            self.fault = Fault(str(error.__cause__), self._clock_ms())

    def _look(self) -> None:
        """Take notice of what other processes appended; the version tells cheaply whether anything changed."""
        with translated():
            (version,) = self._reader.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version = version
                row = self._reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
                self._end = max(self._end, row[0] if row else 0)

    def _write(self, connection: sqlite3.Connection, appends: Sequence[_Append]) -> Sequence[int]:
        rows = [row for append, _ in appends for row in append]
        # One statement for the whole batch: SQLite unpacks the rows itself, beside the event loop.
        connection.execute(
            "INSERT INTO events (key, is_entry, payload, appended_at_ms)"
            " SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),"
            " json_extract(value, '$[3]') FROM json_each(?)",
            (orjson.dumps(rows).decode(),),
        )
        (last,) = connection.execute("SELECT last_insert_rowid()").fetchone()
        ends = []
        end = int(last) - len(rows)
        for append, came_from in appends:
            begin, end = end, end + len(append)
            ends.append(end)
            # Before the commit, since a worker may read an event as soon as it is there.
            self._remember(range(begin + 1, end + 1), came_from)
        return ends

    def _remember(self, offsets: range, came_from: Origin | None) -> None:
        origins = self._origins
        for offset in offsets:
            # A batch that was rolled back has had these offsets before.
            origins.pop(offset, None)
            if came_from is not None:
                origins[offset] = came_from
                if len(origins) > ORIGINS_MAX:
                    del origins[next(iter(origins))]


_: type[EventLog] = SQLiteEventLog
