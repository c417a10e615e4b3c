"""The place that touches the untyped driver: connecting, preparing, sending, and the kinds of its failures."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import cassandra  # type: ignore[import-untyped]
from cassandra import ConsistencyLevel, protocol
from cassandra.auth import PlainTextAuthProvider  # type: ignore[import-untyped]
from cassandra.cluster import (  # type: ignore[import-untyped]
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
)
from cassandra.connection import ConnectionBusy, ConnectionException  # type: ignore[import-untyped]
from cassandra.policies import (  # type: ignore[import-untyped]
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)
from cassandra.pool import NoConnectionsAvailable  # type: ignore[import-untyped]
from cassandra.query import BatchStatement, BatchType, dict_factory, tuple_factory  # type: ignore[import-untyped]

from infra.adapters.cassandra.retries import BudgetedReads, BudgetedRetries, Lent, RetryLimits
from infra.adapters.guard import Guard, GuardLimits
from loaders.errors import Unavailable

DEFAULT_PORT = 9042
TABLE = re.compile(r"\b(FROM|INTO|UPDATE) (\w+)\b(?!\.)")
"""Where a statement names a table without its keyspace."""
TRANSIENT: tuple[type[Exception], ...] = (
    cassandra.OperationTimedOut,
    cassandra.Unavailable,
    cassandra.Timeout,
    cassandra.CoordinationFailure,
    cassandra.RateLimitReached,
    cassandra.UnresolvableContactPoints,
    protocol.OverloadedErrorMessage,
    protocol.IsBootstrappingErrorMessage,
    protocol.TruncateError,
    protocol.ServerError,
    ConnectionBusy,
    ConnectionException,
    NoConnectionsAvailable,
    NoHostAvailable,
)
"""What may be over when it is tried again. A statement that the server refuses is none of these."""
CONTENDED: type[Exception] = cassandra.Timeout
"""Of a lightweight transaction: others are at the same row, most likely."""
REFUSED: type[Exception] = cassandra.InvalidRequest
"""A statement that means nothing to the server: it names what is not there, mostly."""


class Kind(Enum):
    """How a statement is sent: what it may be repeated for, and whom it asks."""

    READ = "read"  # LOCAL_QUORUM; a slow replica is outrun by asking another
    WRITE = "write"  # LOCAL_QUORUM
    CONDITIONAL = "conditional"  # a lightweight transaction within the region, never sent twice
    GLOBAL_CONDITIONAL = "global conditional"  # the same across regions
    SERIAL_READ = "serial read"  # sees the outcome of every lightweight transaction within the region
    GLOBAL_SERIAL_READ = "global serial read"


CONDITIONALS = (Kind.CONDITIONAL, Kind.GLOBAL_CONDITIONAL)


class Target(NamedTuple):
    """What a URL names: `cassandra://[user:password@]host[:port][,host...][/keyspace][?dc=name]`."""

    hosts: Sequence[str]
    port: int
    keyspace: str | None
    datacenter: str | None
    username: str | None
    password: str | None


class Page(NamedTuple):
    """Rows as the server sent them (named ones for conditionals), and where the next page begins, if there is one."""

    rows: Sequence[Any]
    next_state: bytes | None


@dataclass(frozen=True, slots=True)
class Options:
    """The limits of one connection to a cluster; times are in seconds.

    A request is one statement on its way. A call of several of them, one after the other or at once, takes at most
    `call_timeout_s` in all; where that is None, as long as requests are answered in time.
    """

    request_timeout_s: float = 5.0
    call_timeout_s: float | None = None
    connect_timeout_s: float = 10.0
    schema_timeout_s: float = 60.0
    heartbeat_s: float = 5.0
    reconnect_min_s: float = 0.2
    reconnect_max_s: float = 10.0
    in_flight_max: int = 256
    page_rows: int = 2_000
    batch_max: int = 100
    retries: RetryLimits = field(default_factory=RetryLimits)
    guard: GuardLimits = field(default_factory=GuardLimits)


def parse(url: str) -> Target:
    """Return what a URL names. Raises ValueError if it is malformed."""
    parts = urlsplit(url)
    if parts.scheme != "cassandra" or not parts.netloc:
        raise ValueError("a Cassandra URL is cassandra://host:port[,host:port]/keyspace?dc=name")
    credentials, _, addresses = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    hosts, ports = [], set()
    for address in addresses.split(","):
        host, _, port = address.partition(":")
        hosts.append(host)
        ports.add(int(port or DEFAULT_PORT))
    if len(ports) != 1:
        raise ValueError("all hosts of a Cassandra URL have the same port")
    names = parse_qs(parts.query, strict_parsing=bool(parts.query))
    if set(names) - {"dc"}:
        raise ValueError("a Cassandra URL knows no other parameter than dc")
    return Target(
        hosts,
        ports.pop(),
        parts.path.strip("/") or None,
        names["dc"][0] if "dc" in names else None,
        unquote(username) or None,
        unquote(password) or None,
    )


class Driver:
    """A connected session, `prepared` its statements by text; the budget of `guard` pays for what is sent again.

    Every method but `send` may block for up to its timeout: call them in a thread. Connecting raises `Unavailable` if
    the keyspace is not there, and the driver's own errors.
    """

    guard: Guard | None = None

    def __init__(self, target: Target, options: Options) -> None:
        self.prepared: dict[str, Any] = {}
        self._keyspace = target.keyspace
        self._options = options
        self._cluster = _cluster(target, options, lambda: self.guard)
        try:
            self._session = self._cluster.connect()
            if target.keyspace is not None and target.keyspace not in self._cluster.metadata.keyspaces:
                raise Unavailable(f"Cassandra has no keyspace {target.keyspace}: run `roost migrate` first")
            if target.keyspace is not None:
                self._session.set_keyspace(target.keyspace)
        except BaseException:
            self._cluster.shutdown()
            raise

    @property
    def datacenters(self) -> Sequence[str]:
        """The regions of the cluster that are known, in order of their names."""
        return sorted({str(host.datacenter) for host in self._cluster.metadata.all_hosts() if host.datacenter})

    def prepare(self, text: str) -> Any:
        """Return a statement that can be bound, and keep it."""
        # A prepared statement outlives the connection on which `USE` said what its names mean.
        qualified = TABLE.sub(rf"\1 {self._keyspace}.\2", text) if self._keyspace else text
        self.prepared[text] = self._session.prepare(qualified)
        return self.prepared[text]

    def execute(self, text: str) -> Sequence[Any]:
        """Run a statement of the schema, and wait until all nodes agree on it."""
        return list(self._session.execute(text, timeout=self._options.schema_timeout_s))

    def send(
        self,
        statement: Any,
        kind: Kind,
        deliver: Callable[[Page], None],
        fail: Callable[[Exception], None],
        state: bytes | None = None,
    ) -> None:
        """Send a bound statement; one of the two is called later, in the driver's thread, with its first page."""
        response = self._session.execute_async(statement, execution_profile=kind, paging_state=state)

        def done(rows: Sequence[Any] | None) -> None:
            deliver(Page(rows or (), response._paging_state))

        response.add_callbacks(done, fail)

    def close(self) -> None:
        """End all connections."""
        self._cluster.shutdown()


def bind(prepared: Any, values: Sequence[object], kind: Kind, page_rows: int) -> Any:
    """Return a statement with its values, checked and serialised: whatever is wrong with them is raised here."""
    bound = prepared.bind(values)
    bound.is_idempotent = kind not in CONDITIONALS
    bound.fetch_size = page_rows
    return bound


def batch(statements: Sequence[Any]) -> Any:
    """Return bound statements of one partition as one mutation."""
    together = BatchStatement(BatchType.UNLOGGED)
    for statement in statements:
        together.add(statement)
    together.is_idempotent = True
    return together


def applied(rows: Sequence[Any]) -> tuple[bool, Mapping[str, Any]]:
    """Return whether a lightweight transaction took place, and else the row that stood against it."""
    (row,) = rows
    return bool(row.pop("[applied]")), row


def profile(kind: Kind, target: Target, options: Options, lent: Lent) -> Any:
    """Return how statements of a kind are sent, and what of them is sent again; nothing else says it."""
    level, serial = ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_SERIAL
    if kind is Kind.GLOBAL_CONDITIONAL:
        serial = ConsistencyLevel.SERIAL
    elif kind is Kind.SERIAL_READ:
        level = ConsistencyLevel.LOCAL_SERIAL
    elif kind is Kind.GLOBAL_SERIAL_READ:
        level = ConsistencyLevel.SERIAL
    return ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(target.datacenter or "")),
        retry_policy=FallthroughRetryPolicy() if kind in CONDITIONALS else BudgetedRetries(lent, options.retries),
        consistency_level=level,
        serial_consistency_level=serial,
        request_timeout=options.request_timeout_s,
        row_factory=dict_factory if kind in CONDITIONALS else tuple_factory,
        speculative_execution_policy=BudgetedReads(lent, options.retries) if kind is Kind.READ else None,
    )


def _cluster(target: Target, options: Options, lent: Lent) -> Any:
    profiles = {kind: profile(kind, target, options, lent) for kind in Kind}
    profiles[EXEC_PROFILE_DEFAULT] = profile(Kind.WRITE, target, options, lent)
    credentials = None
    if target.username is not None:
        credentials = PlainTextAuthProvider(target.username, target.password)
    return Cluster(
        contact_points=list(target.hosts),
        port=target.port,
        # Within a region the network is idle sooner than this process.
        compression=False,
        auth_provider=credentials,
        execution_profiles=profiles,
        reconnection_policy=ExponentialReconnectionPolicy(
            options.reconnect_min_s, options.reconnect_max_s, max_attempts=None
        ),
        connect_timeout=options.connect_timeout_s,
        control_connection_timeout=options.connect_timeout_s,
        max_schema_agreement_wait=options.schema_timeout_s,
        idle_heartbeat_interval=options.heartbeat_s,
        idle_heartbeat_timeout=options.heartbeat_s,
    )
