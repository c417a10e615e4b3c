"""Moves an author's followers from one partition to many, without a pause and without losing one (F10).

1. Once there are more than `limit`, the move is recorded. Whoever begins a batch after that puts new followers into
   their buckets, takes ended ones out of both places, and reads both.
2. After `settle_ms`, when no batch can be under way that began before, the rows are copied with their own timestamps:
   a copy of one that has ended meanwhile loses to its end.
3. Then the move is over, and the old partition is neither written nor read any more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infra.adapters.cassandra.follower_lists import INSERT, WHOLE, Spread, bucket_of
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.session import CassandraSession, Statement
from loaders.ids import ID_MAX
from loaders.records import UserId

MOVES = "SELECT followee_id, since_ms, is_over FROM follower_moves WHERE followee_id {}"
BEGIN = "INSERT INTO follower_moves (followee_id, since_ms, is_over) VALUES (?, ?, false)"
END = "UPDATE follower_moves SET is_over = true WHERE followee_id = ?"
NEXT = (
    "SELECT edge_id, follower_id, stamp FROM followers WHERE followee_id = ? AND bucket = ?"
    " AND (edge_id, follower_id) < (?, ?) LIMIT ?"
)
FIRST = (ID_MAX, ID_MAX)


@dataclass(frozen=True, slots=True)
class MoveLimits:
    """When followers move, and how fast: `rows_max` are copied after each batch."""

    followers_max: int = 50_000
    settle_ms: int = 120_000
    rows_max: int = 2_000


class Move(NamedTuple):
    """Where an author's followers are, and since when they move, in Unix milliseconds."""

    spread: Spread
    since_ms: int


STAYS = Move(Spread.ONE, 0)


async def read_moves(session: CassandraSession, followee_ids: Sequence[UserId]) -> Mapping[UserId, Move]:
    """Return the moves of those of these authors who have one."""
    answers = await session.reads(by_ids(MOVES, followee_ids))
    return {
        UserId(followee_id): Move(Spread.MANY if is_over else Spread.MOVING, since_ms)
        for rows in answers
        for followee_id, since_ms, is_over in rows
    }


class FollowerMoves:
    """The moves that one worker knows of: it begins them, and copies a few rows whenever it is asked to."""

    def __init__(self, session: CassandraSession, clock_ms: Callable[[], int], limits: MoveLimits) -> None:
        self.limits = limits
        self._session = session
        self._clock_ms = clock_ms
        self._over: set[UserId] = set()
        self._since_ms: dict[UserId, int] = {}
        self._copied: dict[UserId, tuple[int, int]] = {}

    async def of(self, followee_ids: Iterable[UserId]) -> Mapping[UserId, Move]:
        """Return where these authors' followers are to be written."""
        asked = set(followee_ids)
        known = dict.fromkeys(asked & self._over, Move(Spread.MANY, 0))
        found = await read_moves(self._session, list(asked - self._over))
        self._over.update(followee_id for followee_id, move in found.items() if move.spread is Spread.MANY)
        return {**dict.fromkeys(asked, STAYS), **known, **found}

    async def begin(self, followee_id: UserId) -> None:
        """Record that an author's followers move from now on."""
        await self._session.write(BEGIN, followee_id, self._clock_ms())

    def adopt(self, followee_id: UserId, since_ms: int) -> None:
        """Take on a move, whoever has begun it."""
        self._since_ms[followee_id] = since_ms

    async def step(self) -> int:
        """Copy a few rows of one move whose time has come; answer how many. Once none is left the move is over."""
        now_ms = self._clock_ms()
        ready = [each for each, since_ms in self._since_ms.items() if since_ms + self.limits.settle_ms <= now_ms]
        if not ready:
            return 0
        followee_id = ready[0]
        after = self._copied.get(followee_id, FIRST)
        rows = await self._session.rows(NEXT, followee_id, WHOLE, *after, self.limits.rows_max)
        groups: dict[int, list[Statement]] = {}
        for edge_id, follower_id, stamp in rows:
            bucket = bucket_of(follower_id)
            groups.setdefault(bucket, []).append((INSERT, (followee_id, bucket, edge_id, follower_id, stamp, stamp)))
        await self._session.write_many(list(groups.values()))
        if len(rows) == self.limits.rows_max:
            self._copied[followee_id] = rows[-1][:2]
        else:
            await self._session.write(END, followee_id)
            self._since_ms.pop(followee_id, None)
            self._copied.pop(followee_id, None)
        return len(rows)
