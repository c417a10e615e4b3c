"""Reading slices: in each step all of a call's cuts say what they need, and needs that are alike share statements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from infra.adapters.cassandra.cuts import BucketsWanted, Cut, RowsWanted
from infra.adapters.cassandra.listings import Key
from infra.adapters.cassandra.reading import ONE, PARTITIONS_PER_READ, SOME
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.tweet_rows import Skeleton

BUCKETS = "SELECT key, bucket FROM {table}_buckets WHERE key {key} AND bucket < ? AND bucket > ?"
ROWS = (
    f"SELECT key, bucket, {', '.join(Skeleton._fields)} FROM {{table}}"
    " WHERE key {key} AND bucket {bucket} AND id < ? AND id > ?"
)
# The server sorts nothing that comes from several partitions: each comes as it is stored, the newest first.
EACH, ALONE, ALONE_ASCENDING = " PER PARTITION LIMIT ?", " LIMIT ?", " ORDER BY {column} ASC LIMIT ?"


async def read_cuts(session: CassandraSession, cuts: Iterable[Cut]) -> None:
    """Read cuts until each is whole, in steps: the buckets of those who know of none, then rows."""
    pending = [cut for cut in cuts if not cut.is_whole]
    while pending:
        await _read_buckets(session, pending)
        await _read_rows(session, pending)
        pending = [cut for cut in pending if not cut.is_whole]


async def _read_buckets(session: CassandraSession, cuts: Sequence[Cut]) -> None:
    wanted = [(cut, need) for cut in cuts if (need := cut.next_buckets()) is not None]
    groups: defaultdict[BucketsWanted, set[Key]] = defaultdict(set)
    for _, need in wanted:
        groups[need._replace(key="")].add(need.key)
    reads = [(need, read) for need, keys in groups.items() for read in _bucket_reads(need, list(keys))]
    answers = await session.reads([read for _, read in reads])
    found: defaultdict[BucketsWanted, list[int]] = defaultdict(list)
    for (need, _), rows in zip(reads, answers, strict=True):
        for key, bucket in rows:
            found[need._replace(key=key)].append(bucket)
    for cut, need in wanted:
        cut.take_buckets(found[need])


async def _read_rows(session: CassandraSession, cuts: Sequence[Cut]) -> None:
    wanted = [(cut, need) for cut in cuts if (need := cut.next_rows()) is not None]
    groups: defaultdict[RowsWanted, set[Key]] = defaultdict(set)
    for _, need in wanted:
        groups[need._replace(key="")].add(need.key)
    reads = [(need, read) for need, keys in groups.items() for read in _row_reads(need, list(keys))]
    answers = await session.reads([read for _, read in reads])
    found: defaultdict[tuple[RowsWanted, Key], defaultdict[int, list[Skeleton]]]
    found = defaultdict(lambda: defaultdict(list))
    for (need, _), rows in zip(reads, answers, strict=True):
        for key, bucket, *row in rows:
            found[need, key][bucket].append(Skeleton._make(row))
    for cut, need in wanted:
        cut.take_rows(need, found[need._replace(key=""), need.key])


def _bucket_reads(need: BucketsWanted, keys: Sequence[Key]) -> Iterator[Statement]:
    bounds = need.below, need.above, need.limit
    for some in _chunks(keys, 1 if need.ascending else PARTITIONS_PER_READ):
        if len(some) > 1:
            yield BUCKETS.format(table=need.listing.table, key=SOME) + EACH, (some, *bounds)
        else:
            order = ALONE_ASCENDING.format(column="bucket") if need.ascending else ALONE
            yield BUCKETS.format(table=need.listing.table, key=ONE) + order, (some[0], *bounds)


def _row_reads(need: RowsWanted, keys: Sequence[Key]) -> Iterator[Statement]:
    bounds, table = (need.below, need.above, need.limit), need.listing.table
    for some in _chunks(keys, max(1, PARTITIONS_PER_READ // len(need.buckets))):
        if not need.ascending and len(some) * len(need.buckets) > 1:
            yield ROWS.format(table=table, key=SOME, bucket=SOME) + EACH, (some, need.buckets, *bounds)
            continue
        order = ALONE_ASCENDING.format(column="id") if need.ascending else ALONE
        for key in some:
            for bucket in need.buckets:
                yield ROWS.format(table=table, key=ONE, bucket=ONE) + order, (key, bucket, *bounds)


def _chunks(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
