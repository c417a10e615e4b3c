"""GraphStore and PolicyStore on Cassandra and ScyllaDB."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson

from infra.adapters.cassandra import follower_lists
from infra.adapters.cassandra.counts import AUTHOR_COUNTS, totals
from infra.adapters.cassandra.follower_moves import STAYS, Move, read_moves
from infra.adapters.cassandra.project_graph import FOLLOW_COUNTS
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.relation_changes import Kind
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import offset_in, stamp_of
from loaders.ids import ID_MAX
from loaders.places import pair_partition
from loaders.ports import GraphStore, PolicyStore
from loaders.records import Delivery, Edge, Relations, Standing, Switch, TweetId, UserCounts, UserId
from realtime.partitions import Layout

RELATIONS = "SELECT kind, other_id, standing, stamp FROM relations WHERE viewer_id = ?"
STANDINGS = "SELECT kind, other_id, standing FROM relations WHERE viewer_id = ? AND kind IN ? AND other_id IN ?"
FOLLOWS_BACK = (
    f"SELECT viewer_id, standing FROM relations WHERE viewer_id {{}} AND kind = {Kind.FOLLOWS:d} AND other_id = ?"
)
FOLLOWEES = "SELECT edge_id, followee_id FROM followees WHERE follower_id = ? AND edge_id < ? LIMIT ?"
OTHERS_PER_READ = 100
SHARDS = 16
SWITCHES = "SELECT author_id, history FROM switches WHERE shard = ?"
SWITCHES_OF = "SELECT author_id, history FROM switches WHERE shard = ? AND author_id = ?"
RECORD = "INSERT INTO switches (shard, author_id, history) VALUES (?, ?, ?) USING TIMESTAMP ?"
POPULAR = "SELECT user_id, followers FROM follow_counts"


class CassandraGraphStore:
    """The graph of one keyspace, as seen in the epoch of the log in force. Nothing of it is kept in memory."""

    def __init__(self, session: CassandraSession, epoch: int, layout: Layout) -> None:
        self._session = session
        self._epoch = epoch
        self._layout = layout

    async def relations(self, viewer_id: UserId) -> Relations:
        """See `GraphStore`: one read of one partition."""
        follows: dict[UserId, int] = {}
        newest: dict[int, int] = {}
        others: defaultdict[int, set[UserId]] = defaultdict(set)
        for kind, other_id, standing, stamp in await self._session.rows(RELATIONS, viewer_id):
            if not standing:
                continue
            if kind != Kind.FOLLOWS:
                others[kind].add(UserId(other_id))
                continue
            offset = offset_in(self._epoch, stamp)
            follows[UserId(other_id)] = offset
            if offset:
                partition = pair_partition(viewer_id, other_id, self._layout.partitions)
                newest[partition] = max(offset, newest.get(partition, 0))
        mutes, blocks, blocked_by = (frozenset(others[kind]) for kind in (Kind.MUTES, Kind.BLOCKS, Kind.BLOCKED_BY))
        return Relations(viewer_id, follows, mutes, blocks, blocked_by, newest)

    async def standings(self, viewer_id: UserId, ids: Sequence[UserId]) -> Sequence[Standing]:
        """See `GraphStore`."""
        asked = sorted(set(ids))
        own: list[Statement] = [
            (STANDINGS, (viewer_id, [*map(int, Kind)], asked[start : start + OTHERS_PER_READ]))
            for start in range(0, len(asked), OTHERS_PER_READ)
        ]
        back = by_ids(FOLLOWS_BACK, asked, viewer_id)
        answers = await self._session.reads([*own, *back])
        held = {(kind, other_id) for rows in answers[: len(own)] for kind, other_id, standing in rows if standing}
        following_back = {user_id for rows in answers[len(own) :] for user_id, standing in rows if standing}
        return [
            Standing(
                (Kind.FOLLOWS, user_id) in held,
                user_id in following_back,
                (Kind.MUTES, user_id) in held,
                (Kind.BLOCKS, user_id) in held,
                (Kind.BLOCKED_BY, user_id) in held,
            )
            for user_id in ids
        ]

    async def counts(self, ids: Sequence[UserId]) -> Sequence[UserCounts]:
        """See `GraphStore`."""
        asked = sorted(set(ids))
        of_follows, of_tweets = FOLLOW_COUNTS.all(asked), AUTHOR_COUNTS.all(asked)
        answers = await self._session.reads([*of_follows, *of_tweets])
        follows = totals(row for rows in answers[: len(of_follows)] for row in rows)
        tweets = totals(row for rows in answers[len(of_follows) :] for row in rows)
        return [UserCounts(*follows.get(user_id, (0, 0)), *tweets.get(user_id, (0,))) for user_id in ids]

    async def followers(self, author_id: UserId, limit: int) -> Sequence[UserId]:
        """See `GraphStore`."""
        move = await self._move(author_id)
        return await follower_lists.some_of(self._session, author_id, move.spread, limit)

    async def edges(self, user_id: UserId, followers: bool, limit: int, below: int | None) -> Sequence[Edge]:
        """See `GraphStore`."""
        if followers:
            move = await self._move(user_id)
            return await follower_lists.newest(self._session, user_id, move.spread, limit, below)
        rows = await self._session.rows(FOLLOWEES, user_id, ID_MAX if below is None else below, limit)
        return [Edge(edge_id, UserId(followee_id)) for edge_id, followee_id in rows]

    async def _move(self, author_id: UserId) -> Move:
        return (await read_moves(self._session, [author_id])).get(author_id, STAYS)


class CassandraPolicyStore:
    """The switches of one keyspace, held in memory as well: few authors ever have one. `open` reads them."""

    def __init__(self, session: CassandraSession, epoch: int) -> None:
        self._session = session
        self._epoch = epoch
        self._switches: dict[UserId, Sequence[Switch]] = {}

    @classmethod
    async def open(cls, session: CassandraSession, epoch: int) -> "CassandraPolicyStore":
        """Return the store with what is recorded now; what it records is of a log's epoch."""
        store = cls(session, epoch)
        await store.refresh()
        return store

    async def switches(self) -> Mapping[UserId, Sequence[Switch]]:
        """See `PolicyStore`."""
        return self._switches

    async def refresh(self, author_ids: Sequence[UserId] = ()) -> None:
        """See `PolicyStore`."""
        if author_ids:
            asked: list[Statement] = [(SWITCHES_OF, (author_id % SHARDS, author_id)) for author_id in author_ids]
        else:
            asked = [(SWITCHES, (shard,)) for shard in range(SHARDS)]
        for rows in await self._session.reads(asked):
            for author_id, history in rows:
                self._switches[UserId(author_id)] = _history(history)

    async def record_switches(self, switches: Mapping[UserId, Sequence[Switch]], at: int) -> None:
        """See `PolicyStore`: a worker that wakes late loses, and learns what stands (C2)."""
        stamp = stamp_of(self._epoch, at)
        rows = [(author_id % SHARDS, author_id, _text(history), stamp) for author_id, history in switches.items()]
        await self._session.write_many([[(RECORD, row)] for row in rows])
        await self.refresh([*switches])

    async def popular(self, followers_min: int) -> Sequence[UserId]:
        """See `PolicyStore`. It reads the counts of everybody: after an import, not at other times."""
        found: list[UserId] = []
        # All rows of an account come one after the other.
        last: UserId | None = None
        followers = 0
        async for page in self._session.pages(POPULAR):
            for user_id, share in page:
                if user_id != last:
                    if last is not None and followers >= followers_min:
                        found.append(last)
                    last, followers = UserId(user_id), 0
                followers += share
        if last is not None and followers >= followers_min:
            found.append(last)
        return found


def _text(history: Sequence[Switch]) -> str:
    return orjson.dumps([(switch.from_id, switch.delivery.value) for switch in history]).decode()


def _history(text: str) -> Sequence[Switch]:
    return tuple(Switch(TweetId(from_id), Delivery(delivery)) for from_id, delivery in orjson.loads(text))


_graph: type[GraphStore] = CassandraGraphStore
_policy: type[PolicyStore] = CassandraPolicyStore
