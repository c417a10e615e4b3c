"""Rows under way: workers of many partitions share one database, and what is begun ends."""

import asyncio

from infra.adapters.cassandra.projection import CassandraProjection
from infra.adapters.cassandra.rows import RowsUnderWay
from loaders.records import UserId
from realtime.events import FollowsImported, encode
from realtime.partitions import Layout
from realtime.ports import Logged


class Works:
    """Pieces of work that end when they are told to; `begun` are their names in the order that they began in."""

    def __init__(self, most: int) -> None:
        self.rows = RowsUnderWay(most)
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, rows: int) -> None:
        """Have a piece of work come, and go as far as it can."""
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._run(name, rows))
        await turns()

    async def end(self, name: str) -> None:
        """Let a piece of work end."""
        self._ends[name].set()
        await self._tasks[name]
        await turns()

    async def cancel(self, *names: str) -> None:
        """Cancel pieces of work, all in the same turn of the event loop."""
        for name in names:
            self._tasks[name].cancel()
        await asyncio.gather(*(self._tasks[name] for name in names), return_exceptions=True)
        await turns()

    async def _run(self, name: str, rows: int) -> None:
        async with self.rows.taken(rows):
            self.begun.append(name)
            await self._ends[name].wait()


async def turns() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_rows_are_under_way_than_allowed() -> None:
    works = Works(10)
    await works.begin("a", 6)
    await works.begin("b", 5)
    assert works.begun == ["a"]
    await works.end("a")
    assert works.begun == ["a", "b"]


async def test_a_small_piece_does_not_overtake_a_large_one() -> None:
    works = Works(10)
    await works.begin("a", 6)
    await works.begin("large", 10)
    await works.begin("small", 1)
    await works.end("a")
    assert works.begun == ["a", "large"]
    await works.end("large")
    assert works.begun == ["a", "large", "small"]


async def test_a_piece_over_the_limit_is_worked_on_alone() -> None:
    works = Works(10)
    await works.begin("huge", 1_000)
    await works.begin("small", 1)
    assert works.begun == ["huge"]
    await works.end("huge")
    assert works.begun == ["huge", "small"]


async def test_who_is_cancelled_takes_nothing_with_them() -> None:
    works = Works(10)
    await works.begin("a", 10)
    await works.begin("b", 10)
    await works.begin("c", 10)
    await works.cancel("b")
    await works.cancel("a")
    assert works.begun == ["a", "c"]
    await works.begin("d", 10)
    await works.begin("e", 10)
    await works.cancel("c", "d")  # d is let in by the end of c, and gone before it could begin
    assert works.begun == ["a", "c", "e"]
    assert works.rows.waiting == 0


class CountedSession:
    """A Cassandra without rows, which counts how many batches are written at once."""

    def __init__(self) -> None:
        self.writing = 0
        self.writing_max = 0

    async def rows(self, *_: object, **__: object) -> list[tuple[object, ...]]:
        """See `CassandraSession`."""
        return []

    async def reads(self, statements: list[object]) -> list[list[tuple[object, ...]]]:
        """See `CassandraSession`."""
        return [[] for _ in statements]

    async def many(self, _: str, values: list[object]) -> list[list[tuple[object, ...]]]:
        """See `CassandraSession`."""
        return [[] for _ in values]

    async def write(self, *_: object) -> None:
        """See `CassandraSession`."""

    async def write_many(self, _: object) -> None:
        """See `CassandraSession`; all who would write meanwhile have the time to."""
        self.writing += 1
        self.writing_max = max(self.writing_max, self.writing)
        await turns()
        self.writing -= 1


async def test_partitions_take_turns_with_a_database_that_they_share() -> None:
    session = CountedSession()
    projection = CassandraProjection(
        session,  # type: ignore[arg-type]  # only what the projection calls
        1,
        Layout(8, 1),
        lambda: 0,
        rows_under_way_max=250,
    )
    follows = [(UserId(each), UserId(each + 1), each) for each in range(1, 101)]
    payload = encode(FollowsImported(follows))
    await asyncio.gather(*(projection.apply([Logged(partition, 1, payload, 0)]) for partition in range(8)))
    # Two partitions of 100 rows each, and each writes three tables at once.
    assert session.writing_max == 2 * 3
