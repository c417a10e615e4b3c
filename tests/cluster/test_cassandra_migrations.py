"""Migrations: once each, whoever runs them and how often; and what must not go unseen."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.adapters.cassandra.driver import parse
from infra.adapters.cassandra.migrations import FOLDER, MigrationError, migrate, read_migrations
from infra.adapters.cassandra.session import CassandraSession, close, connect
from infra.adapters.cassandra.waiting import in_thread
from loaders.errors import Unavailable
from tests.cluster.cassandra_keyspace import cassandra_url, own_number
from tests.contracts.cassandra_adapters import PATIENT, keyspace_url

__all__ = ["cassandra_url"]

ONE = "-- The first; of two.\nCREATE TABLE IF NOT EXISTS one (id int PRIMARY KEY);\n"
TWO = "CREATE TABLE IF NOT EXISTS two (id int PRIMARY KEY);\nALTER TABLE one ADD IF NOT EXISTS name text;\n"


@pytest.fixture
async def url(cassandra_url: str) -> AsyncIterator[str]:
    keyspace = f"roost_migrations_{own_number()}"
    yield keyspace_url(cassandra_url, keyspace)
    driver = await connect(parse(cassandra_url)._replace(keyspace=None), PATIENT)
    await in_thread(driver.execute, f"DROP KEYSPACE {keyspace}")
    await close(driver)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.cql").write_text(ONE)
    return tmp_path


async def run(url: str, folder: Path, holder: str = "me", wait_s: float = 60.0) -> list[int]:
    return list(await migrate(url, 1, lambda: 77, holder, folder, wait_s, PATIENT))


async def test_each_file_is_applied_once_and_new_ones_later(url: str, folder: Path) -> None:
    assert await run(url, folder) == [1]
    (folder / "0002_two.cql").write_text(TWO)
    assert await run(url, folder) == [2]
    assert await run(url, folder) == []

    async with CassandraSession.open(url, PATIENT) as session:
        await session.write("INSERT INTO one (id, name) VALUES (?, ?)", 1, "ada")
        applied = "SELECT number, name, applied_at_ms FROM schema_migrations WHERE series = 'roost'"
        assert await session.rows(applied) == [(1, "one", 77), (2, "two", 77)]


async def test_of_several_at_once_one_works_and_none_fails(url: str, folder: Path) -> None:
    (folder / "0002_two.cql").write_text(TWO)

    answers = await asyncio.gather(*(run(url, folder, f"process {number}") for number in range(4)))

    assert sorted(answers) == [[], [], [], [1, 2]]


async def test_a_file_that_changed_after_it_was_applied_is_an_error_and_changes_nothing(url: str, folder: Path) -> None:
    await run(url, folder)
    (folder / "0001_one.cql").write_text(ONE + "-- More.\n")
    (folder / "0002_two.cql").write_text(TWO)

    with pytest.raises(MigrationError, match=r"0001_one\.cql has changed"):
        await run(url, folder)

    (folder / "0001_one.cql").write_text(ONE)
    assert await run(url, folder) == [2]


async def test_a_database_of_a_newer_release_is_left_alone(url: str, folder: Path) -> None:
    (folder / "0002_two.cql").write_text(TWO)
    await run(url, folder)
    (folder / "0002_two.cql").unlink()

    with pytest.raises(MigrationError, match="migration 2 of a newer release"):
        await run(url, folder)


async def test_a_run_that_broke_off_midway_is_ended_by_the_next_of_the_same_process(url: str, folder: Path) -> None:
    (folder / "0002_two.cql").write_text(TWO + "CREATE TABLE IF NOT EXISTS three (id nonsense PRIMARY KEY);\n")
    with pytest.raises(Exception, match="nonsense"):
        await run(url, folder)
    (folder / "0002_two.cql").write_text(TWO)

    assert await run(url, folder, "another") == [2]


async def test_whoever_finds_another_at_work_for_too_long_gives_up(url: str, folder: Path) -> None:
    await run(url, folder)
    (folder / "0002_two.cql").write_text(TWO)
    async with CassandraSession.open(url, PATIENT) as session:
        await session.conditional("INSERT INTO schema_lock (name, holder) VALUES ('migrate', 'dead') IF NOT EXISTS")

    with pytest.raises(Unavailable, match="migrating for too long"):
        await run(url, folder, wait_s=0.5)


@pytest.mark.parametrize("name", ["0003_three.cql", "two.cql", "0002-two.cql"])
def test_files_out_of_order_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text(TWO)

    with pytest.raises(MigrationError):
        read_migrations(folder)


def test_the_files_of_the_program_are_in_order_and_may_be_run_twice() -> None:
    statements = [statement for migration in read_migrations(FOLDER) for statement in migration.statements]

    assert len(statements) > 10
    assert [each for each in statements if " IF NOT EXISTS " not in each] == []


async def test_a_keyspace_without_a_proper_name_is_refused(cassandra_url: str, folder: Path) -> None:
    for name in ("", "drop;", "Big", "x" * 49):
        with pytest.raises(MigrationError, match="keyspace"):
            await run(keyspace_url(cassandra_url, name), folder)
