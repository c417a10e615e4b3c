"""The bridge to the driver: order, pages, bounds, cancelling, and a server that hangs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.adapters.cassandra.driver import Driver, Kind, Options, Page, parse
from infra.adapters.cassandra.migrations import migrate
from infra.adapters.cassandra.session import CassandraSession
from infra.stack.cassandra import cassandra_server
from infra.stack.programs import Missing
from infra.stack.server import Server
from loaders.errors import Unavailable
from tests.cluster.cassandra_keyspace import cassandra_url, driver, own_number, session
from tests.contracts.cassandra_adapters import keyspace_url

__all__ = ["cassandra_url", "driver", "session"]

WRITE = "INSERT INTO tweets_by_id (id, text) VALUES (?, ?) USING TIMESTAMP ?"
READ = "SELECT id, text FROM tweets_by_id WHERE id = ?"
LIST = "INSERT INTO followees (follower_id, edge_id, followee_id) VALUES (?, ?, ?)"
FEW_TABLES = """
CREATE TABLE IF NOT EXISTS tweets_by_id (id bigint PRIMARY KEY, text text);
CREATE TABLE IF NOT EXISTS followees (
    follower_id bigint, edge_id bigint, followee_id bigint, PRIMARY KEY (follower_id, edge_id)
);
"""
LISTED = "SELECT edge_id FROM followees WHERE follower_id = ?"


def own_ids(count: int) -> range:
    first = 1_000_000 * own_number()
    return range(first, first + count)


async def test_many_reads_are_answered_in_the_order_asked(session: CassandraSession) -> None:
    ids = own_ids(1_000)
    await session.write_many([[(WRITE, (each, f"text {each}", 1))] for each in ids])

    asked = [*reversed(ids), ids[0] - 1, ids[5]]
    found = await session.many(READ, [(each,) for each in asked])

    assert found == [[(each, f"text {each}")] if each in ids else [] for each in asked]


async def test_a_long_answer_comes_whole_over_all_its_pages_or_up_to_the_limit(driver: Driver) -> None:
    session = CassandraSession(driver, Options(request_timeout_s=20.0, page_rows=70))
    (owner,) = own_ids(1)
    await session.write_many([[(LIST, (owner, edge, edge)) for edge in range(1, 501)]])

    expected = [(edge,) for edge in range(500, 0, -1)]
    assert await session.rows(LISTED, owner) == expected
    assert [row async for page in session.pages(LISTED, owner) for row in page] == expected
    assert (await session.rows(LISTED, owner, limit=100))[:100] == expected[:100]
    assert len(await session.rows(LISTED, owner, limit=100)) < 500


async def test_a_group_of_one_partition_is_written_together_over_several_tables(session: CassandraSession) -> None:
    (owner,) = own_ids(1)
    count = "INSERT INTO follow_counts (user_id, epoch, log_partition, followers) VALUES (?, 1, 0, ?) USING TIMESTAMP ?"

    await session.write_many([[(LIST, (owner, 1, 2)), (count, (owner, 7, 5)), (count, (owner, 9, 4))]])

    assert await session.rows(LISTED, owner) == [(1,)]
    assert await session.rows("SELECT followers FROM follow_counts WHERE user_id = ?", owner) == [(7,)]


async def test_values_that_fit_no_column_are_refused_before_anything_is_written(session: CassandraSession) -> None:
    (number,) = own_ids(1)

    with pytest.raises(TypeError):
        await session.write_many([[(WRITE, (number, "here", 1))], [(WRITE, (2**63, "there", 1))]])

    assert await session.rows(READ, number) == []


async def test_a_statement_that_the_server_refuses_is_no_matter_for_a_retry(session: CassandraSession) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="Undefined column name nothing") as raised:
            await session.rows("SELECT nothing FROM users")
        assert not isinstance(raised.value, Unavailable)


class Held(Driver):
    """A driver that answers when it is told, and counts what is on its way."""

    def __init__(self) -> None:
        self.prepared = {READ: _Bindable()}
        self.waiting: list[Callable[[Page], None]] = []
        self.most = 0

    def send(
        self,
        statement: object,
        kind: Kind,
        deliver: Callable[[Page], None],
        fail: Callable[[Exception], None],
        state: bytes | None = None,
    ) -> None:
        del statement, kind, fail, state
        self.waiting.append(deliver)
        self.most = max(self.most, len(self.waiting))

    def answer(self) -> None:
        self.waiting.pop(0)(Page([(1, "one")], None))


class _Bindable:
    def bind(self, values: object) -> "_Bindable":
        del values
        return self


async def let_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_are_on_their_way_at_once_than_there_are_slots() -> None:
    held = Held()
    session = CassandraSession(held, Options(in_flight_max=3))
    asking = [asyncio.create_task(session.many(READ, [(1,)] * 10)) for _ in range(2)]

    answered = 0
    while not all(task.done() for task in asking):
        if held.waiting:
            held.answer()
            answered += 1
        await asyncio.sleep(0)

    assert (answered, held.most) == (20, 3)
    assert [task.result() for task in asking] == [[[(1, "one")]] * 10] * 2


async def test_whoever_is_cancelled_gives_the_slots_back_and_a_late_answer_harms_nobody() -> None:
    held = Held()
    session = CassandraSession(held, Options(in_flight_max=2))
    asking = asyncio.create_task(session.many(READ, [(1,)] * 5))
    await let_run()

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    next_asking = asyncio.create_task(session.rows(READ, 1))
    await let_run()
    while held.waiting:
        held.answer()

    assert await next_asking == [(1, "one")]


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[Server]:
    try:
        server = cassandra_server(tmp_path / "server")
    except Missing as missing:
        pytest.skip(str(missing))
    async with server:
        yield server


async def test_a_server_that_hangs_is_unavailable_within_the_deadline_and_used_again_once_it_goes_on(
    own_server: Server, tmp_path: Path
) -> None:
    url = keyspace_url(own_server.url, "roost_hang")
    (tmp_path / "0001_few.cql").write_text(FEW_TABLES)
    await migrate(url, 1, lambda: 0, "hang", tmp_path, options=Options(request_timeout_s=20.0))
    async with CassandraSession.open(url, Options(request_timeout_s=1.0, heartbeat_s=1.0)) as session:
        await session.write(WRITE, 1, "before", 1)
        await session.rows(READ, 1)

        own_server.freeze()
        async with asyncio.timeout(15.0):
            with pytest.raises(Unavailable):
                await session.rows(READ, 1)
            with pytest.raises(Unavailable):
                await session.write_many([[(WRITE, (number, "late", 2))] for number in range(1_000)])
            with pytest.raises(Unavailable):
                await session.rows(LISTED, 1)  # not prepared yet
        own_server.thaw()

        async with asyncio.timeout(60.0):
            while True:
                try:
                    assert (await session.rows(READ, 1))[0][0] == 1
                    break
                except Unavailable:
                    continue


@pytest.mark.parametrize(
    "url",
    ["redis://h/k", "cassandra:", "cassandra://h:1,i:2/k", "cassandra://h/k?region=dc1", "cassandra://h:x/k"],
)
def test_a_url_that_says_nothing_sensible_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        parse(url)


def test_a_url_names_hosts_keyspace_region_and_credentials() -> None:
    target = parse("cassandra://ada:p%40ss@one:9043,two:9043/roost?dc=dc1")

    assert target == (["one", "two"], 9043, "roost", "dc1", "ada", "p@ss")
    assert parse("cassandra://one") == (["one"], 9042, None, None, None, None)
