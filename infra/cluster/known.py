"""What a cluster's group `store` has applied already, as an importer asks for it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from infra.adapters.cassandra.listings import mark_bucket
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.relation_changes import Kind
from infra.adapters.cassandra.session import Statement
from infra.cluster.parts import Connected
from infra.importer.known import Known, Origin, Places
from loaders.records import TweetId, UserId
from realtime.worker import STORE

OTHERS_PER_READ = 100
POSITIONS = "SELECT log_partition, log_offset FROM positions WHERE consumer_group = ? AND epoch = ?"
EDGES = f"SELECT viewer_id, other_id FROM relations WHERE viewer_id = ? AND kind = {Kind.FOLLOWS:d} AND other_id IN ?"
IMPORTS = "SELECT key, tweet_id FROM imports WHERE key {}"
ORIGINS = "SELECT id, author_id, root_id, root_author_id FROM tweets_by_id WHERE id {}"
TAKEN = "SELECT id FROM tweets_by_id WHERE id {}"
RETWEETED = "SELECT user_id, root_id FROM retweets_by_user WHERE root_id {} AND user_id = ? AND bucket = ?"
BURIED = (
    "SELECT count(*) FROM dead_letters WHERE consumer_group = ? AND epoch = ? AND log_partition = ? AND log_offset > ?"
)


class CassandraKnown:
    """Lookups in the rows of one keyspace, as of the log of one epoch."""

    def __init__(self, connected: Connected) -> None:
        self._session = connected.session
        self._epoch = connected.log.epoch

    async def positions(self, group: str) -> Places:
        """See `Known`."""
        return dict(await self._session.rows(POSITIONS, group, self._epoch))

    async def edges(self, pairs: Collection[tuple[UserId, UserId]]) -> set[tuple[UserId, UserId]]:
        """See `Known`."""
        followees: defaultdict[UserId, list[UserId]] = defaultdict(list)
        for follower_id, followee_id in pairs:
            followees[follower_id].append(followee_id)
        reads: list[Statement] = [
            (EDGES, (follower_id, ids[start : start + OTHERS_PER_READ]))
            for follower_id, ids in followees.items()
            for start in range(0, len(ids), OTHERS_PER_READ)
        ]
        return {(row[0], row[1]) for rows in await self._session.reads(reads) for row in rows}

    async def origins(self, keys: Collection[str]) -> Mapping[str, Origin | None]:
        """See `Known`."""
        imported: dict[str, TweetId] = dict(await self._found(IMPORTS, list(keys)))
        origins = {
            row[0]: Origin(row[0], row[1], row[0] if row[2] is None else row[2], row[1] if row[3] is None else row[3])
            for row in await self._found(ORIGINS, list(set(imported.values())))
        }
        return {key: origins.get(tweet_id) for key, tweet_id in imported.items()}

    async def taken(self, ids: Collection[int]) -> set[int]:
        """See `Known`."""
        return {row[0] for row in await self._found(TAKEN, list(ids))}

    async def retweeted(self, pairs: Collection[tuple[UserId, TweetId]]) -> set[tuple[UserId, TweetId]]:
        """See `Known`."""
        roots: defaultdict[tuple[UserId, int], list[TweetId]] = defaultdict(list)
        for user_id, root_id in pairs:
            roots[user_id, mark_bucket(root_id)].append(root_id)
        reads = [read for place, ids in roots.items() for read in by_ids(RETWEETED, ids, *place)]
        return {(row[0], row[1]) for rows in await self._session.reads(reads) for row in rows}

    async def buried(self, after: Places) -> int:
        """See `Known`. Those are counted that no projection can apply."""
        partitions = await self.positions(STORE)
        values = [(STORE, self._epoch, partition, after.get(partition, 0)) for partition in partitions]
        return sum(rows[0][0] for rows in await self._session.many(BURIED, values))

    async def _found(self, text: str, ids: Sequence[int | str]) -> list[Any]:
        return [row for rows in await self._session.reads(by_ids(text, ids)) for row in rows]


_: type[Known] = CassandraKnown
