"""What may be wrong with a Cassandra or ScyllaDB, found by asking it: each finding with what to do about it."""

from collections.abc import Callable, Sequence

from infra.adapters.cassandra.driver import Options, parse
from infra.adapters.cassandra.migrations import read_migrations
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.examined import Examined
from loaders.errors import Unavailable

SKEW_MS_MAX = 1_000
VERSION_MIN = (4, 1)
REPLICAS_SAFE = 3
"""Fewer lose a quorum with one node."""
SERVER = "SELECT release_version, tounixtimestamp(now()) FROM system.local"
REPLICATION = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
MIGRATIONS = "SELECT number FROM schema_migrations WHERE series = 'roost'"
SETTINGS = "SELECT value FROM system_views.settings WHERE name = ?"


async def examine(
    url: str, replicas: int, clock_ms: Callable[[], int], options: Options | None = None
) -> Sequence[Examined]:
    """Return what was found, judged by the number of replicas that rows are to have in each region.

    It never raises for what the database does or fails to do.
    """
    try:
        async with CassandraSession.open(url, options) as session:
            return [
                Examined("Cassandra answers", True),
                *await _findings(session, parse(url).keyspace or "", replicas, clock_ms),
            ]
    except Unavailable as error:
        advice = f"{error}. Check ROOST_TWEETS_URL, that the nodes run, and that `roost migrate` made the keyspace."
        return [Examined("Cassandra answers", False, advice)]


async def _findings(
    session: CassandraSession, keyspace: str, replicas: int, clock_ms: Callable[[], int]
) -> Sequence[Examined]:
    began_ms = clock_ms()
    ((version, there_ms),) = await session.rows(SERVER)
    skew_ms = max(0, began_ms - there_ms, there_ms - clock_ms())
    return [
        Examined(
            f"Cassandra is {version}",
            tuple(int(part) for part in version.split(".")[:2]) >= VERSION_MIN,
            "Upgrade to 4.1 or later: contended lightweight transactions need its Paxos.",
        ),
        Examined(
            f"clocks are {skew_ms} ms apart",
            skew_ms <= SKEW_MS_MAX,
            "Run NTP on all machines: leases of worker numbers count on clocks that agree.",
        ),
        await _schema(session),
        await _replication(session, keyspace, replicas),
        *await _settings(session),
    ]


async def _schema(session: CassandraSession) -> Examined:
    try:
        applied = {number for (number,) in await session.rows(MIGRATIONS)}
    except Exception as error:
        # A keyspace without our tables is refused by the server, in words of its own.
        return Examined("the schema is there", False, f"Run `roost migrate` ({type(error).__name__}).")
    missing = [each.number for each in read_migrations() if each.number not in applied]
    return Examined("the schema is up to date", not missing, f"Run `roost migrate`: {len(missing)} are not applied.")


async def _replication(session: CassandraSession, keyspace: str, wanted: int) -> Examined:
    rows = await session.rows(REPLICATION, keyspace)
    replication = dict(rows[0][0]) if rows else {}
    copies = {name: int(count) for name, count in replication.items() if name != "class"}
    said = ", ".join(f"{name} {count}" for name, count in sorted(copies.items()))
    trying = "" if wanted >= REPLICAS_SAFE else f", for trying only: production needs {REPLICAS_SAFE}"
    return Examined(
        f"rows have replicas: {said}{trying}",
        bool(copies) and all(count >= wanted for count in copies.values()),
        "ALTER KEYSPACE ... WITH replication = {'class': 'NetworkTopologyStrategy', '<region>': 3}: with fewer, one"
        " dead node stops LOCAL_QUORUM, and with one replica a lost disk loses rows.",
    )


async def _settings(session: CassandraSession) -> Sequence[Examined]:
    try:
        sync = await session.rows(SETTINGS, "commitlog_sync")
        paxos = await session.rows(SETTINGS, "paxos_variant")
    except Exception:
        return ()  # ScyllaDB has no such table, and syncs its log otherwise
    return [
        Examined(
            f"commitlog_sync is {sync[0][0] if sync else 'unknown'}",
            bool(sync) and sync[0][0] in {"batch", "group"},
            "Set commitlog_sync: group in cassandra.yaml: with periodic, kill -9 loses acknowledged writes.",
        ),
        Examined(
            f"paxos_variant is {paxos[0][0] if paxos else 'unknown'}",
            bool(paxos) and paxos[0][0] == "v2",
            "Set paxos_variant: v2 in cassandra.yaml: with v1 and group commits, contended transactions time out.",
        ),
    ]
