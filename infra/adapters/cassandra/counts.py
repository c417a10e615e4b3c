"""Counts by rule C1: each log partition's worker keeps a row of its own, absolute up to an offset; the sum counts.

A batch writes its counts before it writes the rows by which its events are judged. So after a crash in between either
those rows say that an event is applied, and then its count stands, or they do not, and then the event is judged and
counted anew, and left out of the counts that have its offset behind them already. Rows are read before counts for the
same reason: a worker that lost its partition without knowing may still be writing, in that order.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from infra.adapters.cassandra.changes import Applying
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.session import Statement
from infra.adapters.cassandra.stamps import stamp_of

CountChange = tuple[int, int, int]
"""The offset of an event, the number of the column that it changes, and by how much."""


class CountTable(NamedTuple):
    """A table of counts, its key, and what it counts."""

    table: str
    key: str
    columns: tuple[str, ...]

    def all(self, keys: Sequence[int]) -> list[Statement]:
        """Return the reads of (key, columns) of all rows there are: one for each log partition that ever counted."""
        # The sum is made here: the server would make it as well, and complain of it each time.
        return by_ids(f"SELECT {', '.join((self.key, *self.columns))} FROM {self.table} WHERE {self.key} {{}}", keys)

    def read(self, keys: Sequence[int], epoch: int, partition: int) -> list[Statement]:
        """Return the reads of (key, columns, offset) of one log partition's rows."""
        columns = ", ".join((self.key, *self.columns, "up_to"))
        text = f"SELECT {columns} FROM {self.table} WHERE {self.key} {{}} AND epoch = ? AND log_partition = ?"
        return by_ids(text, keys, epoch, partition)

    def write(self, key: int, counts: Sequence[int], epoch: int, partition: int, up_to: int) -> Statement:
        """Return the write of one log partition's row."""
        columns = (self.key, "epoch", "log_partition", *self.columns, "up_to")
        text = (
            f"INSERT INTO {self.table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            " USING TIMESTAMP ?"
        )
        return text, (key, epoch, partition, *counts, up_to, stamp_of(epoch, up_to))


TWEET_COUNTS = CountTable("tweet_counts", "tweet_id", ("likes", "retweets", "replies", "quotes"))
AUTHOR_COUNTS = CountTable("author_counts", "author_id", ("tweets",))


def counted(before: Sequence[int] | None, changes: Iterable[CountChange], columns: int) -> list[int] | None:
    """Return the counts with what they lack of these changes; None if they lack nothing.

    `before` ends with the offset up to which it counts. Changes that make up for each other have to be written like
    any others: the offset says that they have been counted.
    """
    *counts, up_to = before or (*[0] * columns, 0)
    missing = [(column, by) for offset, column, by in changes if offset > up_to]
    for column, by in missing:
        counts[column] += by
    return counts if missing else None


def totals(rows: Iterable[Sequence[int]]) -> dict[int, list[int]]:
    """Return the sums by key."""
    found: dict[int, list[int]] = {}
    for key, *counts in rows:
        known = found.get(key)
        found[key] = counts if known is None else [one + other for one, other in zip(known, counts, strict=True)]
    return found


async def count(applying: Applying, changes: Mapping[CountTable, Mapping[int, Sequence[CountChange]]]) -> None:
    """Count what a batch changes, by table and key; durable when it returns."""
    session, epoch, partition = applying.session, applying.epoch, applying.partition
    reads = [(table, read) for table, by_key in changes.items() for read in table.read(list(by_key), epoch, partition)]
    answers = await session.reads([read for _, read in reads])
    found = {(table, row[0]): row[1:] for (table, _), rows in zip(reads, answers, strict=True) for row in rows}
    writes = []
    for table, by_key in changes.items():
        for key, of_key in by_key.items():
            counts = counted(found.get((table, key)), of_key, len(table.columns))
            if counts is not None:
                writes.append([table.write(key, counts, epoch, partition, applying.up_to)])
    await session.write_many(writes)
