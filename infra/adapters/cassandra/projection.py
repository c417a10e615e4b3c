"""Projection and Progress on Cassandra and ScyllaDB: a batch of events, then the place that it leads to."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from infra.adapters.cassandra.changes import Apply, Applying, Placed, fits
from infra.adapters.cassandra.follower_moves import MoveLimits
from infra.adapters.cassandra.positions import move, place_of, position_of
from infra.adapters.cassandra.project_graph import GraphChanges
from infra.adapters.cassandra.project_tweets import apply_tweets
from infra.adapters.cassandra.rows import RowsUnderWay
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.stamps import stamp_of
from infra.adapters.cassandra.waiting import together
from infra.group_lines import tell_buried
from loaders.errors import Unavailable
from loaders.places import Place
from realtime.events import Event, FollowsImported, LikesImported, MalformedEvent, TweetsImported, decode
from realtime.partitions import Layout
from realtime.ports import Logged, Progress, Projection

STORE, FANOUT = "store", "fanout"
HANDLED = (
    "INSERT INTO handled (epoch, log_partition, stretch, log_offset, at_ms) VALUES (?, ?, ?, ?, ?)"
    " USING TTL ? AND TIMESTAMP ?"
)
HANDLED_AT = (
    "SELECT at_ms FROM handled WHERE epoch = ? AND log_partition = ? AND stretch = ? AND log_offset >= ? LIMIT 1"
)
BURY = (
    "INSERT INTO dead_letters (consumer_group, epoch, log_partition, log_offset, payload, error)"
    " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
ROWS_MAX = 1_000
"""Rows of a batch that are applied together; an event with more goes by itself."""
STRETCH_BITS = 16
STRETCHES_SEARCHED = 4
FIRST_WINS = 1 << 62
"""Timestamps counted down from here let the first of several writes win."""
HANDLED_FOR_S = 86_400
RETRY_AFTER_S = 1.0


class CassandraProjection:
    """What the group `store` keeps in one keyspace, from the log of one epoch.

    Each log partition has one worker. One that lost its partition and wakes late changes nothing (C2). Of all of them
    at most `rows_under_way_max` rows are worked on at once. What does not end within `apply_max_s` from its beginning
    is given up, well before a list of followers that moves relies on it. `buried` counts the poison
    that was met.
    """

    def __init__(
        self,
        session: CassandraSession,
        epoch: int,
        layout: Layout,
        clock_ms: Callable[[], int],
        moves: MoveLimits | None = None,
        apply_max_s: float = 60.0,
        rows_under_way_max: int = 2 * ROWS_MAX,
    ) -> None:
        self._session = session
        self._epoch = epoch
        self._layout = layout
        self._apply_max_s = apply_max_s
        self._under_way = RowsUnderWay(rows_under_way_max)
        self.buried = 0
        self._graph = GraphChanges(session, clock_ms, moves or MoveLimits())
        self._parts: Sequence[Apply] = (self._graph, apply_tweets)

    async def position(self, partition: int = 0) -> int:
        """See `Projection`."""
        return await position_of(self._session, STORE, self._epoch, partition)

    async def place(self, partitions: int) -> Place:
        """See `Projection`."""
        return await place_of(self._session, STORE, self._epoch, partitions)

    async def apply(self, batch: Sequence[Logged]) -> None:
        """See `Projection`."""
        position = await self.position(batch[0].partition)
        for stretch, rows in _stretches(batch):
            async with self._under_way.taken(rows):
                try:
                    async with asyncio.timeout(self._apply_max_s):
                        await self._apply(stretch, position)
                except TimeoutError as error:
                    raise Unavailable("The projection takes too long", RETRY_AFTER_S) from error
            position = max(position, stretch[-1][0].offset)

    async def upkeep(self) -> int:
        """Go on with what moves between partitions of the database; answer how many rows moved. Call it when idle."""
        return await self._graph.upkeep()

    async def _apply(self, stretch: "Sequence[_Read]", position: int) -> None:
        partition, up_to = stretch[0][0].partition, stretch[-1][0].offset
        applying = Applying(self._session, self._epoch, self._layout, partition, position, up_to)
        placed: list[Placed] = []
        for logged, read in stretch:
            if isinstance(read, str):
                await _bury(self._session, self._epoch, STORE, logged, read)
                self.buried += 1
            else:
                placed.append((read, logged.offset))
        await together(*(part(applying, placed) for part in self._parts))
        await move(self._session, STORE, self._epoch, partition, up_to)


class CassandraProgress:
    """How far the group `fanout` has come; when it handled what is known for `handled_for_s` seconds.

    `buried` counts the poison that was met.
    """

    def __init__(self, session: CassandraSession, epoch: int, handled_for_s: int = HANDLED_FOR_S) -> None:
        self._session = session
        self._epoch = epoch
        self._handled_for_s = handled_for_s
        self.buried = 0

    async def position(self, partition: int = 0) -> int:
        """See `Progress`."""
        return await position_of(self._session, FANOUT, self._epoch, partition)

    async def place(self, partitions: int) -> Place:
        """See `Progress`."""
        return await place_of(self._session, FANOUT, self._epoch, partitions)

    async def commit(self, offset: int, at_ms: int, partition: int = 0) -> None:
        """See `Progress`."""
        handled = (self._epoch, partition, offset >> STRETCH_BITS, offset, at_ms)
        await self._session.write(HANDLED, *handled, self._handled_for_s, FIRST_WINS - at_ms)
        await move(self._session, FANOUT, self._epoch, partition, offset)

    async def handled_at_ms(self, offset: int, partition: int = 0) -> int | None:
        """See `Progress`."""
        first = offset >> STRETCH_BITS
        for stretch in range(first, first + STRETCHES_SEARCHED):
            rows = await self._session.rows(HANDLED_AT, self._epoch, partition, stretch, offset)
            if rows:
                return int(rows[0][0])
        return None

    async def bury(self, group: str, logged: Logged, error: str) -> None:
        """See `Progress`."""
        await _bury(self._session, self._epoch, group, logged, error)
        self.buried += 1


_Read = tuple[Logged, Event | str]
"""A place in the log, and its event, or what is wrong with it."""


def _stretches(batch: Iterable[Logged]) -> Iterator[tuple[Sequence[_Read], int]]:
    """Cut a batch so that no piece has too many rows; answer each with how many it has."""
    stretch: list[_Read] = []
    rows = 0
    for logged in batch:
        read = _read(logged)
        weight = _weight(read)
        if stretch and rows + weight > ROWS_MAX:
            yield stretch, rows
            stretch, rows = [], 0
        stretch.append((logged, read))
        rows += weight
    yield stretch, rows


def _read(logged: Logged) -> Event | str:
    try:
        event = decode(logged.payload)
    except MalformedEvent as error:
        return str(error)
    return event if fits(event) else "It has a number of more than 64 bits"


def _weight(event: Event | str) -> int:
    match event:
        case FollowsImported():
            return len(event.follows)
        case LikesImported():
            return len(event.likes)
        case TweetsImported():
            return len(event.tweets)
        case _:
            return 1


async def _bury(session: CassandraSession, epoch: int, group: str, logged: Logged, error: str) -> None:
    tell_buried(group, logged, error)
    place = (group, epoch, logged.partition, logged.offset)
    await session.write(BURY, *place, logged.payload, error, stamp_of(epoch, logged.offset))


_projection: type[Projection] = CassandraProjection
_progress: type[Progress] = CassandraProgress
