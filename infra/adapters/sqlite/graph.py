"""GraphStore on SQLite."""

from collections.abc import Mapping, Sequence

import orjson

from infra.adapters.sqlite.database import translated
from infra.adapters.sqlite.store import SQLiteStore
from loaders.ids import ID_MAX
from loaders.ports import GraphStore, PolicyStore
from loaders.records import NO_EDGES, Edge, Relations, Standing, Switch, UserCounts, UserId

IN_IDS = "IN (SELECT value FROM json_each(?))"
EDGES = {
    True: "SELECT edge_id, follower_id FROM follows WHERE followee_id = ? AND standing AND edge_id < ?",
    False: "SELECT edge_id, followee_id FROM follows WHERE follower_id = ? AND standing AND edge_id < ?",
}
FOLLOWERS = "SELECT follower_id FROM follows WHERE followee_id = ? AND standing LIMIT ?"
NO_COUNTS = UserCounts()
NOBODY: frozenset[UserId] = frozenset()
"""Most viewers mute and block nobody: all of them share it."""


class SQLiteGraphStore:
    """The graph of one data folder."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def relations(self, viewer_id: UserId) -> Relations:
        """See `GraphStore`."""
        cached = self._store.relations.get(viewer_id)
        if cached is not None:
            return cached
        edges = self._rows("SELECT followee_id, log_offset FROM follows WHERE follower_id = ? AND standing", viewer_id)
        follows = {UserId(followee_id): offset for followee_id, offset in edges}
        relations = Relations(
            viewer_id,
            follows,
            self._ids("SELECT target_id FROM mutes WHERE actor_id = ? AND standing", viewer_id),
            self._ids("SELECT target_id FROM blocks WHERE actor_id = ? AND standing", viewer_id),
            self._ids("SELECT actor_id FROM blocks WHERE target_id = ? AND standing", viewer_id),
            {0: max(follows.values())} if follows else NO_EDGES,
        )
        self._store.relations.put(viewer_id, relations)
        return relations

    async def standings(self, viewer_id: UserId, ids: Sequence[UserId]) -> Sequence[Standing]:
        """See `GraphStore`."""
        relations = await self.relations(viewer_id)
        rows = self._rows(
            f"SELECT follower_id FROM follows WHERE follower_id {IN_IDS} AND followee_id = ? AND standing",
            orjson.dumps(list(ids)).decode(),
            viewer_id,
        )
        following_back = {row[0] for row in rows}
        return [
            Standing(
                user_id in relations.follows,
                user_id in following_back,
                user_id in relations.mutes,
                user_id in relations.blocks,
                user_id in relations.blocked_by,
            )
            for user_id in ids
        ]

    async def counts(self, ids: Sequence[UserId]) -> Sequence[UserCounts]:
        """See `GraphStore`."""
        rows = self._rows(
            f"SELECT user_id, followers, following, tweets FROM user_counts WHERE user_id {IN_IDS}",
            orjson.dumps(list(ids)).decode(),
        )
        found = {row[0]: UserCounts(*row[1:]) for row in rows}
        return [found.get(user_id, NO_COUNTS) for user_id in ids]

    async def followers(self, author_id: UserId, limit: int) -> Sequence[UserId]:
        """See `GraphStore`."""
        rows = self._rows(
            "SELECT follower_id FROM follows WHERE followee_id = ? AND standing LIMIT ?", author_id, limit
        )
        return [UserId(row[0]) for row in rows]

    async def edges(self, user_id: UserId, followers: bool, limit: int, below: int | None) -> Sequence[Edge]:
        """See `GraphStore`."""
        bound = ID_MAX if below is None else below
        rows = self._rows(EDGES[followers] + " ORDER BY edge_id DESC LIMIT ?", user_id, bound, limit)
        return [Edge(edge_id, UserId(other)) for edge_id, other in rows]

    def _rows(self, sql: str, *parameters: object) -> list[tuple[int, ...]]:
        with translated():
            return self._store.connection.execute(sql, parameters).fetchall()

    def _ids(self, sql: str, *parameters: object) -> frozenset[UserId]:
        return frozenset(UserId(row[0]) for row in self._rows(sql, *parameters)) or NOBODY


class SQLitePolicyStore:
    """The switches of one data folder, held in memory as well: few authors ever have one."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    async def switches(self) -> Mapping[UserId, Sequence[Switch]]:
        """See `PolicyStore`."""
        return self._store.switches

    async def refresh(self, author_ids: Sequence[UserId] = ()) -> None:
        """See `PolicyStore`: no other process records any."""

    async def record_switches(self, switches: Mapping[UserId, Sequence[Switch]], at: int) -> None:  # noqa: ARG002
        """See `PolicyStore`: what one process records comes in order."""
        connection = self._store.connection
        with translated(), connection:
            connection.execute("BEGIN IMMEDIATE")
            for author_id, history in switches.items():
                connection.execute("DELETE FROM switches WHERE author_id = ?", (author_id,))
                connection.executemany(
                    "INSERT INTO switches VALUES (?, ?, ?)",
                    [(author_id, switch.from_id, switch.delivery.value) for switch in history],
                )
        self._store.switches.update(switches)

    async def popular(self, followers_min: int) -> Sequence[UserId]:
        """See `PolicyStore`."""
        with translated():
            rows = self._store.connection.execute(
                "SELECT user_id FROM user_counts WHERE followers >= ?", (followers_min,)
            ).fetchall()
        return [UserId(row[0]) for row in rows]


_graph: type[GraphStore] = SQLiteGraphStore
_policy: type[PolicyStore] = SQLitePolicyStore
