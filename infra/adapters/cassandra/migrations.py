"""Creates and upgrades the tables: numbered .cql files, applied once each, in order, by one process at a time."""

import asyncio
import hashlib
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from infra.adapters.cassandra.driver import REFUSED, Options, parse
from infra.adapters.cassandra.session import CassandraSession, close, connect
from infra.adapters.cassandra.waiting import in_thread
from loaders.errors import RoostError, Unavailable

FOLDER = Path(__file__).parent / "schema"
FILE_NAME = re.compile(r"(\d{4})_(\w+)\.cql")
KEYSPACE_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
LOCK_LIFETIME_S = 120
LOOK_AGAIN_S = 0.2
TRACKING = {
    "schema_migrations": "series text, number int, name text, checksum text, applied_at_ms bigint,"
    " PRIMARY KEY (series, number)",
    "schema_lock": "name text PRIMARY KEY, holder text",
}
NAMES = uuid.UUID("6f1d3c52-3c0c-4e0e-9a3f-6f0e57a1b2c3")
LOCK = f"INSERT INTO schema_lock (name, holder) VALUES ('migrate', ?) IF NOT EXISTS USING TTL {LOCK_LIFETIME_S}"
RENEW = f"UPDATE schema_lock USING TTL {LOCK_LIFETIME_S} SET holder = ? WHERE name = 'migrate' IF holder = ?"
UNLOCK = "DELETE FROM schema_lock WHERE name = 'migrate' IF holder = ?"


class MigrationError(RoostError):
    """The files and the database contradict each other; the text says how. No retry helps."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered file: its statements, and the checksum of its text."""

    number: int
    name: str
    statements: Sequence[str]
    checksum: str


def read_migrations(folder: Path = FOLDER) -> Sequence[Migration]:
    """Return the migrations of a folder in order. Raises `MigrationError` unless they are numbered 1, 2, 3..."""
    found = []
    for path in sorted(folder.glob("*.cql")):
        named = FILE_NAME.fullmatch(path.name)
        if named is None:
            raise MigrationError(f"{path.name} is not named as 0001_what_it_is_for.cql is")
        text = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(text.encode()).hexdigest()
        found.append(Migration(int(named[1]), named[2], _statements(text), checksum))
    if [each.number for each in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"the migrations are numbered {', '.join(str(each.number) for each in found)}")
    return found


async def migrate(
    url: str,
    replication: int | Mapping[str, int],
    clock_ms: Callable[[], int],
    holder: str,
    folder: Path = FOLDER,
    wait_s: float = 300.0,
    options: Options | None = None,
) -> Sequence[int]:
    """Create the URL's keyspace, if it is missing, and its tables; answer the numbers of the files applied now.

    `replication` is the number of replicas in each region, or in those that it names; a keyspace that is there keeps
    its own. `holder` names this process among all: of several at once, one works and the others wait, up to `wait_s`.
    A crash midway is mended by the next run, since every statement may run twice. Raises `MigrationError` where a file
    has changed since it was applied, or the database was upgraded by a newer program, and `Unavailable`.
    """
    migrations = read_migrations(folder)
    options = options or Options()
    await _create_keyspace(url, replication, options)
    async with CassandraSession.open(url, options) as session:
        for table, columns in TRACKING.items():
            # With ids of their own, two processes that create these at once, through two nodes, create the same tables.
            table_id = uuid.uuid5(NAMES, f"{parse(url).keyspace}.{table}")
            await session.define(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) WITH ID = {table_id}")
        if not (waiting := _missing(migrations, await _applied(session))):
            return []
        async with _locked(session, holder, wait_s):
            waiting = _missing(migrations, await _applied(session))
            for migration in waiting:
                await _apply(session, migration, clock_ms, holder)
    return [migration.number for migration in waiting]


async def check_migrated(session: CassandraSession, folder: Path = FOLDER) -> None:
    """Raise `MigrationError` unless the keyspace has the tables of this release."""
    try:
        waiting = _missing(read_migrations(folder), await _applied(session))
    except REFUSED as error:
        raise MigrationError("The keyspace has no tables: run `roost migrate` first") from error
    if waiting:
        raise MigrationError(f"The tables lack {len(waiting)} migrations of this release: run `roost migrate` first")


async def _create_keyspace(url: str, replication: int | Mapping[str, int], options: Options) -> None:
    target = parse(url)
    if target.keyspace is None or not KEYSPACE_NAME.fullmatch(target.keyspace):
        raise MigrationError("the keyspace of a Cassandra URL has a name of a-z, 0-9 and _, up to 48 letters")
    parts = urlsplit(url)
    driver = await connect(parse(urlunsplit(parts._replace(path=""))), options)
    try:
        if isinstance(replication, int):
            replication = dict.fromkeys(driver.datacenters, replication)
        copies = "".join(f", '{_name(region)}': {count:d}" for region, count in replication.items())
        strategy = f"{{'class': 'NetworkTopologyStrategy'{copies}}}"
        text = f"CREATE KEYSPACE IF NOT EXISTS {target.keyspace} WITH replication = {strategy}"
        await in_thread(driver.execute, text)
    finally:
        await close(driver)


def _name(region: str) -> str:
    return region.replace("'", "''")


async def _applied(session: CassandraSession) -> Mapping[int, str]:
    rows = await session.serial_rows(
        "SELECT number, checksum FROM schema_migrations WHERE series = 'roost'", is_global=True
    )
    return dict(rows)


def _missing(migrations: Sequence[Migration], applied: Mapping[int, str]) -> Sequence[Migration]:
    for migration in migrations:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(f"{migration.number:04d}_{migration.name}.cql has changed since it was applied")
    if unknown := sorted(set(applied) - {migration.number for migration in migrations}):
        raise MigrationError(f"the database has migration {unknown[-1]} of a newer release, which is not here")
    return [migration for migration in migrations if migration.number not in applied]


async def _apply(session: CassandraSession, migration: Migration, clock_ms: Callable[[], int], holder: str) -> None:
    for statement in migration.statements:
        if not (await session.conditional(RENEW, holder, holder, is_global=True)).is_applied:
            raise Unavailable("Another process took over the migration: run it again", retry_after_s=1.0)
        await session.define(statement)
    await session.conditional(
        "INSERT INTO schema_migrations (series, number, name, checksum, applied_at_ms)"
        " VALUES ('roost', ?, ?, ?, ?) IF NOT EXISTS",
        migration.number,
        migration.name,
        migration.checksum,
        clock_ms(),
        is_global=True,
    )


@asynccontextmanager
async def _locked(session: CassandraSession, holder: str, wait_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(wait_s):
            while True:
                outcome = await session.conditional(LOCK, holder, is_global=True)
                if outcome.is_applied or outcome.row["holder"] == holder:
                    break
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError as error:
        raise Unavailable("Another process has been migrating for too long", retry_after_s=1.0) from error
    try:
        yield
    finally:
        await session.conditional(UNLOCK, holder, is_global=True)


def _statements(text: str) -> Sequence[str]:
    lines = [line.partition("--")[0].rstrip() for line in text.splitlines()]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]
