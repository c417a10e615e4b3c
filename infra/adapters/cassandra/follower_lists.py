"""The lists of an author's followers, newest first: one partition of the database, or 512 for too many (F10)."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import Stamp
from loaders.ids import ID_MAX
from loaders.places import partition_of
from loaders.records import Edge, UserId

BUCKETS = 512
WHOLE = 0
"""The bucket of all followers, while they are few."""
BUCKETS_PER_READ = 32

INSERT = (
    "INSERT INTO followers (followee_id, bucket, edge_id, follower_id, stamp) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
DELETE = (
    "DELETE FROM followers USING TIMESTAMP ? WHERE followee_id = ? AND bucket = ? AND edge_id = ? AND follower_id = ?"
)
NEWEST = "SELECT bucket, edge_id, follower_id FROM followers WHERE followee_id = ? AND bucket IN ? AND edge_id < ?"
FIRST_OF_EACH = f"{NEWEST} PER PARTITION LIMIT ?"
FIRST_OF_ONE = (
    "SELECT bucket, edge_id, follower_id FROM followers WHERE followee_id = ? AND bucket = ? AND edge_id < ? LIMIT ?"
)
ANY = "SELECT follower_id FROM followers WHERE followee_id = ? AND bucket IN ? LIMIT ?"


class Spread(Enum):
    """Where an author's followers are: in one partition, on their way, or in many."""

    ONE = "one"
    MOVING = "moving"
    MANY = "many"


class Listed(NamedTuple):
    """A row of a list; greater ones are newer."""

    edge_id: int
    follower_id: UserId


def bucket_of(follower_id: UserId) -> int:
    """Return the bucket of a follower, 1 to 512."""
    return 1 + partition_of(follower_id, BUCKETS)


def begins(spread: Spread, followee_id: UserId, listed: Listed, stamp: Stamp) -> list[tuple[int, Statement]]:
    """Return the writes that put a follower into a list, each with its bucket."""
    bucket = WHOLE if spread is Spread.ONE else bucket_of(listed.follower_id)
    return [(bucket, (INSERT, (followee_id, bucket, *listed, stamp, stamp)))]


def ends(spread: Spread, followee_id: UserId, listed: Listed, stamp: Stamp) -> list[tuple[int, Statement]]:
    """Return the writes that take a follower out, each with its bucket: while they move, out of both places."""
    buckets = [] if spread is Spread.MANY else [WHOLE]
    if spread is not Spread.ONE:
        buckets.append(bucket_of(listed.follower_id))
    return [(bucket, (DELETE, (stamp, followee_id, bucket, *listed))) for bucket in buckets]


async def newest(
    session: CassandraSession, followee_id: UserId, spread: Spread, limit: int, below: int | None
) -> Sequence[Edge]:
    """Return the newest followers with edge ids below one, in a number of reads that depends on the limit alone."""
    bound = ID_MAX if below is None else below
    if spread is Spread.ONE:
        rows = await session.rows(FIRST_OF_ONE, followee_id, WHOLE, bound, limit)
        return [Edge(edge_id, UserId(follower_id)) for _, edge_id, follower_id in rows]
    # A hash spreads the newest ones evenly: each bucket has few of them, and those cut short are asked again.
    of_each = 2 + 3 * limit // (2 * BUCKETS)
    reads: list[Statement] = [(FIRST_OF_EACH, (followee_id, some, bound, of_each)) for some in _groups()]
    if spread is Spread.MOVING:
        reads.append((FIRST_OF_ONE, (followee_id, WHOLE, bound, limit)))
    found: dict[int, list[Listed]] = {}
    for rows in await session.reads(reads):
        for bucket, edge_id, follower_id in rows:
            found.setdefault(bucket, []).append(Listed(edge_id, follower_id))
    page = _merged(found, limit)
    last = page[-1] if len(page) == limit else Listed(-1, UserId(0))
    cut = [bucket for bucket, rows in found.items() if bucket != WHOLE and len(rows) == of_each and rows[-1] > last]
    again: list[Statement] = [(FIRST_OF_ONE, (followee_id, bucket, bound, limit)) for bucket in cut]
    for bucket, rows in zip(cut, await session.reads(again), strict=True):
        found[bucket] = [Listed(edge_id, follower_id) for _, edge_id, follower_id in rows]
    return [Edge(*listed) for listed in _merged(found, limit)]


async def some_of(session: CassandraSession, followee_id: UserId, spread: Spread, limit: int) -> Sequence[UserId]:
    """Return up to `limit` followers, each once, in no order."""
    groups = [[WHOLE]] if spread is Spread.ONE else _groups()
    if spread is Spread.MOVING:
        groups.insert(0, [WHOLE])
    found: dict[UserId, None] = {}
    for buckets in groups:
        if len(found) >= limit:
            break
        rows = await session.rows(ANY, followee_id, buckets, limit)
        found.update((UserId(follower_id), None) for (follower_id,) in rows)
    return list(found)[:limit]


def _groups() -> list[list[int]]:
    return [list(range(start, start + BUCKETS_PER_READ)) for start in range(1, BUCKETS + 1, BUCKETS_PER_READ)]


def _merged(found: dict[int, list[Listed]], limit: int) -> list[Listed]:
    """Return the newest of all buckets; one that is in two places counts once."""
    return sorted({listed for rows in found.values() for listed in rows}, reverse=True)[:limit]
