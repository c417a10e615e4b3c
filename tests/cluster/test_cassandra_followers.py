"""Very many followers of one author, on Cassandra: their move into buckets, while they are read and change (F10)."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from infra.adapters.cassandra.follower_lists import BUCKETS, WHOLE, Spread, bucket_of
from infra.adapters.cassandra.follower_moves import MoveLimits, read_moves
from infra.adapters.cassandra.graph import CassandraGraphStore
from infra.adapters.cassandra.projection import CassandraProjection
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import stamp_of
from loaders.records import Edge, UserCounts, UserId
from realtime.events import Event, ImportFinished, Verb, encode
from realtime.partitions import Layout
from realtime.ports import Logged
from tests.cluster.cassandra_keyspace import cassandra_url, driver, own_number, session
from tests.contracts.adapters import Clock
from tests.contracts.making import relate

__all__ = ["cassandra_url", "driver", "session"]

WORLD = 1 << 40
"""How far apart the accounts of two examples are; those of other modules are below."""
ONE = Layout()
FOLLOWERS, BUSY, FIRST_FOLLOWER = 60_000, 200, 10_000_000


async def follow_all(session: CassandraSession, epoch: int, author: UserId, followers: Sequence[UserId]) -> None:
    """Put followers into the tables as so many events would have: each one's edge id is its own id."""
    listed = (
        "INSERT INTO followers (followee_id, bucket, edge_id, follower_id, stamp) VALUES (?, ?, ?, ?, ?)"
        " USING TIMESTAMP ?"
    )
    related = (
        "INSERT INTO relations (viewer_id, kind, other_id, stamp, standing, edge_id) VALUES (?, 0, ?, ?, true, ?)"
        " USING TIMESTAMP ?"
    )
    stamp = stamp_of(epoch, 1)
    rows: list[Statement] = [(listed, (author, WHOLE, each, each, stamp, stamp)) for each in followers]
    for start in range(0, len(rows), 2_000):
        await session.write_many([rows[start : start + 2_000]])
    await session.write_many([[(related, (each, author, stamp, each, stamp))] for each in followers[:BUSY]])
    counted = (
        "INSERT INTO follow_counts (user_id, epoch, log_partition, followers, following, up_to)"
        " VALUES (?, ?, 0, ?, 0, 1) USING TIMESTAMP ?"
    )
    await session.write(counted, author, epoch, len(followers), stamp)


async def all_edges(graph: CassandraGraphStore, author: UserId, size: int) -> list[Edge]:
    found: list[Edge] = []
    while page := await graph.edges(author, True, size, found[-1].edge_id if found else None):
        found += page
    return found


async def test_sixty_thousand_followers_move_into_buckets_while_they_are_read_and_change(
    session: CassandraSession,
) -> None:
    epoch = own_number()
    author = UserId(WORLD * epoch)
    followers = [UserId(FIRST_FOLLOWER + WORLD * epoch + number) for number in range(FOLLOWERS)]
    await follow_all(session, epoch, author, followers)
    worker = CassandraProjection(session, epoch, ONE, Clock(), MoveLimits(settle_ms=0, rows_max=4_000))
    graph = CassandraGraphStore(session, epoch, ONE)
    newest = [Edge(each, each) for each in reversed(followers)]
    offset = 0

    async def happen(*events: Event) -> None:
        nonlocal offset
        await worker.apply([Logged(0, offset + n, encode(event), 0) for n, event in enumerate(events, 1)])
        offset += len(events)

    async def read() -> None:
        """Read while the followers move: the old ones are always there, each once, in order."""
        while not moved.is_set():
            page = await graph.edges(author, True, 100, newest[BUSY].edge_id + 1)
            assert list(page) == newest[BUSY : BUSY + 100]
            some = await graph.followers(author, 3_000)
            assert len(set(some)) == len(some) == 3_000

    # What stands for the old followers is the log's first event.
    await happen(ImportFinished())
    moved = asyncio.Event()
    reading = asyncio.create_task(read())
    newcomers = [UserId(author + 1 + number) for number in range(BUSY)]
    for number, newcomer in enumerate(newcomers[:20]):
        await happen(
            relate(Verb.FOLLOW, newcomer, author, 2**62 + newcomer), relate(Verb.UNFOLLOW, followers[number], author)
        )
    while await worker.upkeep():
        pass
    moved.set()
    await reading

    expected = [Edge(2**62 + each, each) for each in reversed(newcomers[:20])]
    expected += [Edge(each, each) for each in reversed(followers[20:])]
    assert (await read_moves(session, [author]))[author].spread is Spread.MANY
    assert await all_edges(graph, author, 25_000) == expected
    assert list(await graph.edges(author, True, 20, None)) == expected[:20]
    assert set(await graph.followers(author, FOLLOWERS * 2)) == {edge.user_id for edge in expected}
    assert await graph.counts([author]) == [UserCounts(FOLLOWERS, 0)]
    await happen(relate(Verb.UNFOLLOW, followers[30], author), relate(Verb.BLOCK, author, followers[31]))
    ended = {followers[30], followers[31]}
    last = [edge for edge in expected[-500:] if edge.user_id not in ended]
    assert list(await graph.edges(author, True, 1_000, last[0].edge_id + 1)) == last


async def test_buckets_are_filled_evenly_by_ids_that_follow_each_other() -> None:
    filled: defaultdict[int, int] = defaultdict(int)
    for number in range(BUCKETS * 100):
        filled[bucket_of(UserId(2**61 + (number << 21)))] += 1

    assert set(filled) == set(range(1, BUCKETS + 1))
    assert max(filled.values()) < 200
