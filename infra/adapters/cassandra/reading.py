"""Reads of many partitions in few statements.

A statement costs this process ten times as much as another partition in it, so that some are asked for together; few,
because the node that is asked has to gather them, and a single slow one holds up the others.
"""

from collections.abc import Sequence

from infra.adapters.cassandra.session import Statement

PARTITIONS_PER_READ = 24
"""A usual page's twenty tweets are one statement, with some quoted ones."""
ONE, SOME = "= ?", "IN ?"


def by_ids(text: str, ids: Sequence[int | str], *values: object) -> list[Statement]:
    """Return the reads of these ids, given a text with `{}` after the column's name, before any other value.

    A single id is asked for by itself, which the driver sends straight to a node that has it.
    """
    reads: list[Statement] = []
    for start in range(0, len(ids), PARTITIONS_PER_READ):
        some = ids[start : start + PARTITIONS_PER_READ]
        reads.append((text.format(ONE), (some[0], *values)) if len(some) == 1 else (text.format(SOME), (some, *values)))
    return reads
