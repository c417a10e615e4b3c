"""Writers that come while a commit is under way share the next one, and all hear if it failed."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from infra.adapters.sqlite.group_commit import GroupCommit
from loaders.errors import Unavailable

WAIT_S = 10.0


class Table:
    """Writes numbers and answers their doubles; it can be held up, and fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.errors: list[Exception] = []
        self.is_writing = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, connection: sqlite3.Connection, items: Sequence[int]) -> Sequence[int]:
        self.is_writing.set()
        assert self.may_write.wait(WAIT_S)
        self.batches.append(list(items))
        connection.executemany("INSERT INTO numbers VALUES (?)", [(item,) for item in items])
        if self.errors:
            raise self.errors.pop()
        return [2 * item for item in items]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def connection() -> AsyncIterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    opened.execute("CREATE TABLE numbers (number INTEGER)")
    yield opened
    opened.close()


@pytest.fixture
async def commits(table: Table, connection: sqlite3.Connection) -> AsyncIterator[GroupCommit[int, int]]:
    opened = GroupCommit[int, int](connection, table.write, batch_max=3, waiting_max=5)
    yield opened
    table.may_write.set()
    await opened.close()


async def begin(commits: GroupCommit[int, int], table: Table, item: int) -> asyncio.Task[int]:
    """Begin a commit that is held up while others come."""
    table.may_write.clear()
    first = asyncio.ensure_future(commits.put(item))
    await asyncio.to_thread(table.is_writing.wait, WAIT_S)
    return first


async def put(commits: GroupCommit[int, int], *items: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(commits.put(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


def written(connection: sqlite3.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY rowid")]


async def test_those_who_come_during_a_commit_share_the_next_in_order(
    commits: GroupCommit[int, int], table: Table, connection: sqlite3.Connection
) -> None:
    first = await begin(commits, table, 1)
    others = await put(commits, 2, 3, 4, 5)
    table.may_write.set()

    assert [*await asyncio.gather(first, *others)] == [2, 4, 6, 8, 10]
    assert table.batches == [[1], [2, 3, 4], [5]]
    assert written(connection) == [1, 2, 3, 4, 5]


async def test_nobody_of_a_batch_that_failed_is_told_that_it_was_written_and_the_next_goes_on(
    commits: GroupCommit[int, int], table: Table, connection: sqlite3.Connection
) -> None:
    first = await begin(commits, table, 1)
    others = await put(commits, 2, 3, 4, 5)
    table.errors = [sqlite3.OperationalError("disk full")]
    table.batches.clear()
    table.may_write.set()

    answers = await asyncio.gather(first, *others, return_exceptions=True)

    assert isinstance(answers[0], Unavailable)
    assert [*answers[1:]] == [4, 6, 8, 10]
    assert written(connection) == [2, 3, 4, 5]


async def test_who_goes_away_does_not_take_the_write_along(
    commits: GroupCommit[int, int], table: Table, connection: sqlite3.Connection
) -> None:
    first = await begin(commits, table, 1)
    going, staying = await put(commits, 2, 3)
    going.cancel()
    table.may_write.set()

    assert [*await asyncio.gather(first, staying)] == [2, 6]
    assert written(connection) == [1, 2, 3]


async def test_who_comes_when_too_many_wait_is_told_so_at_once(
    commits: GroupCommit[int, int], table: Table, connection: sqlite3.Connection
) -> None:
    first = await begin(commits, table, 1)
    waiting = await put(commits, 2, 3, 4, 5, 6)

    with pytest.raises(Unavailable, match="Too many") as caught:
        await commits.put(7)

    assert caught.value.retry_after_s
    table.may_write.set()
    await asyncio.gather(first, *waiting)
    assert written(connection) == [1, 2, 3, 4, 5, 6]


async def test_work_of_its_own_is_whole_or_not_at_all(
    commits: GroupCommit[int, int], connection: sqlite3.Connection
) -> None:
    def break_midway(writer: sqlite3.Connection) -> None:
        writer.execute("INSERT INTO numbers VALUES (1)")
        writer.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(Unavailable):
        await commits.run(break_midway)

    assert written(connection) == []
    assert await commits.put(4) == 8


async def test_a_fault_of_the_program_in_a_write_leaves_nobody_waiting_and_the_next_goes_on(
    commits: GroupCommit[int, int], table: Table, connection: sqlite3.Connection
) -> None:
    table.errors = [TypeError("not JSON")]

    async with asyncio.timeout(1):
        with pytest.raises((TypeError, Unavailable)):
            await commits.put(1)

    assert await commits.put(2) == 4
    assert written(connection) == [2]
