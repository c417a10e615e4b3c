"""Follows written straight into Cassandra: the rows that the projection leaves of them, without the way there."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count

from infra.adapters.cassandra.driver import Options
from infra.adapters.cassandra.follower_lists import Listed, Spread, begins
from infra.adapters.cassandra.follower_moves import BEGIN as MOVE_BEGINS
from infra.adapters.cassandra.follower_moves import END as MOVE_ENDS
from infra.adapters.cassandra.follower_moves import MoveLimits
from infra.adapters.cassandra.project_graph import BEGIN, FOLLOW_COUNTS, WRITE
from infra.adapters.cassandra.relation_changes import Key, Kind, State
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import stamp_of
from infra.cluster.parts import layout_of, store_url
from loaders.errors import Unavailable
from loaders.ids import TIME_SHIFT
from loaders.places import pair_partition
from loaders.records import UserId
from tests.cluster.processes import Site

EPOCH = 0
"""Of a log before the first: its offsets count as applied, whatever the log in force has come to."""
PATIENT = Options(request_timeout_s=60.0, in_flight_max=12)
"""The server gives up what waits in it for two seconds, so that little may."""
TRIES, RETRY_S = 10, 2.0
BATCH = 100
"""Rows in a message. With a single node that has every row, they need not be of one partition."""
VIEWERS_A_BATCH = BATCH // 3
SENT_AT_ONCE = 300
JOINED_MS = 1_650_000_000_000


async def write_follows(site: Site, followee_id: UserId, follower_ids: Sequence[UserId]) -> None:
    """Let accounts that follow nobody else follow one who has no followers in an earlier log.

    What each row holds is what `GraphChanges` writes, by its own statements; only stamps and edge ids are made up.
    """
    limits = MoveLimits()
    is_spread = len(follower_ids) > limits.followers_max
    partitions = layout_of(site.load()).partitions
    async with CassandraSession.open(store_url(site.load()), PATIENT) as session:
        sent: list[list[Statement]] = []
        for group in _groups(followee_id, follower_ids, Spread.MANY if is_spread else Spread.ONE, partitions):
            sent.append(group)
            if len(sent) == SENT_AT_ONCE:
                await _write(session, sent)
                sent = []
        await _write(session, sent)
        if is_spread:
            await session.write(MOVE_BEGINS, followee_id, JOINED_MS)
            await session.write(MOVE_ENDS, followee_id)


async def _write(session: CassandraSession, groups: Sequence[Sequence[Statement]]) -> None:
    """Write again what a busy server could not take in time: twice changes nothing."""
    for _ in range(TRIES - 1):
        try:
            await session.write_many(groups)
            return
        except Unavailable:
            await asyncio.sleep(RETRY_S)
    await session.write_many(groups)


def _groups(
    followee_id: UserId, follower_ids: Sequence[UserId], spread: Spread, partitions: int
) -> Iterator[list[Statement]]:
    of_viewers: list[Statement] = []
    of_followee: defaultdict[int, list[Statement]] = defaultdict(list)
    followers: defaultdict[int, int] = defaultdict(int)
    for offset, follower_id in zip(count(1), follower_ids, strict=False):
        edge_id, stamp = (JOINED_MS << TIME_SHIFT) + offset, stamp_of(EPOCH, offset)
        partition = pair_partition(follower_id, followee_id, partitions)
        followers[partition] += 1
        key, state = Key(follower_id, Kind.FOLLOWS, followee_id), State(stamp, standing=True, edge_id=edge_id)
        of_viewers += [
            (WRITE, (*key, *state, b"", stamp)),
            (BEGIN, (follower_id, edge_id, followee_id, stamp, stamp)),
            FOLLOW_COUNTS.write(follower_id, (0, 1), EPOCH, partition, offset),
        ]
        if len(of_viewers) >= 3 * VIEWERS_A_BATCH:
            yield of_viewers
            of_viewers = []
        for bucket, statement in begins(spread, followee_id, Listed(edge_id, follower_id), stamp):
            of_followee[bucket].append(statement)
            if len(of_followee[bucket]) == BATCH:
                yield of_followee.pop(bucket)
    yield of_viewers
    yield from of_followee.values()
    yield [
        FOLLOW_COUNTS.write(followee_id, (number, 0), EPOCH, partition, len(follower_ids))
        for partition, number in followers.items()
    ]
