"""The settings: one frozen object, from `ROOST_*` variables over `settings.toml` in the data folder over defaults.

It stands on dataclasses. pydantic-settings costs every start and every command some 0.3 s of imports, and what Roost
asks beyond it (unknown names are errors, all errors at once, the environment is an argument) would be ours in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Self

from infra.feature_settings import FeatureSettings
from infra.setting_kinds import (
    BATCH,
    BYTES,
    COLLECTOR,
    COUNT,
    FOLDER,
    HOST,
    HOURS,
    NAME,
    ORIGINS,
    SECONDS,
    SECRET,
    Kind,
    fraction,
    one_of,
    setting,
    url,
    whole,
)
from infra.settings_file import SettingValue, write_key
from infra.settings_given import DATA_DIR, ENV_FILE, PREFIX, Given, SettingsError, masked, unknown

FILE_NAME = "settings.toml"
DEVELOPMENT_PORTS = (3000, 4000, 4200, 5173, 8000, 8080)
DEVELOPMENT_ORIGINS = tuple(
    f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in DEVELOPMENT_PORTS
)

_STORES = url("sqlite", "cassandra")
_CACHES = url("memory", "redis", "redis-cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(FeatureSettings):
    """All that can be set. Units stand last in the names; `described` tells what each is for, and what it may be."""

    host: str = setting("127.0.0.1", HOST, "Address to listen on")
    port: int = setting(8000, whole(0, 65_535), "Port to listen on; 0 takes a free one")
    work_port: int = setting(
        0,
        whole(0, 65_535),
        "Port on which `roost work` tells its metrics and health; 0 takes a free one, and says which",
    )
    data_dir: Path = field(
        default=Path(".roost"), metadata={"kind": FOLDER, "about": "Folder of databases, token key and settings.toml"}
    )
    allowed_origins: tuple[str, ...] = setting(DEVELOPMENT_ORIGINS, ORIGINS, "Web pages that may call, sockets too")
    shutdown_grace_s: int = setting(10, whole(0, 3600), "Seconds that work in flight gets when the server stops")
    drain_notice_s: int = setting(
        0, whole(0, 3600), "Seconds that a server that is to stop says so by not being ready, and serves as before"
    )
    keep_alive_s: int = setting(
        75, whole(1, 3600), "Seconds that an idle connection is kept: longer than load balancers in front keep theirs"
    )
    log_format: Literal["auto", "json", "text"] = setting(
        "auto", one_of("auto", "json", "text"), "Form of log lines; auto is text on a terminal, else json"
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", one_of("debug", "info", "warning", "error"), "Least level that is logged"
    )
    log_requests: Literal["failed", "all"] = setting(
        "failed", one_of("failed", "all"), "Operations that get a line: those that failed or were slow, or all"
    )
    log_slow_ms: int = setting(1_000, whole(1, 600_000), "Milliseconds from which on an operation is slow")
    log_failures_per_s: int = setting(100, COUNT, "Lines a second about operations that failed or were slow")
    log_queue_max: int = setting(10_000, COUNT, "Log lines that wait to be written; over it they are dropped")
    tenant: str = setting("default", NAME, "Whose installation this is, told on every log line and trace")
    otlp_url: str = setting("", COLLECTOR, "Where traces go, by OTLP over HTTP; without one nothing is traced")
    trace_ratio: float = setting(0.01, fraction(0.0, 1.0), "Share of operations that is traced")
    traces_per_s_max: int = setting(100, COUNT, "Traces begun in a second, also where callers ask for them")
    trace_errors_per_s_max: int = setting(20, COUNT, "Spans a second for failures of what is not traced")
    trace_queue_max: int = setting(2_048, whole(64, 1_000_000), "Spans that wait for export; over it they are dropped")
    trace_timeout_ms: int = setting(2_000, whole(10, 60_000), "Longest wait of an export for the collector")

    log_url: str = setting("sqlite://", url("sqlite", "kafka"), "The event log")
    users_url: str = setting("sqlite://", _STORES, "Accounts")
    tweets_url: str = setting("sqlite://", _STORES, "Tweets")
    graph_url: str = setting("sqlite://", _STORES, "Follows, mutes and blocks")
    keys_url: str = setting("sqlite://", _STORES, "Idempotency keys")
    timelines_url: str = setting("memory://", _CACHES, "The cache of pushed home timelines")
    broadcast_url: str = setting("memory://", _CACHES, "The broadcast between processes")
    search_url: str = setting("sqlite://", url("sqlite", "opensearch"), "The search index; a cluster's is OpenSearch")
    log_partitions: int = setting(64, whole(1, 64), "Partitions of a cluster's log, fixed when it is made")
    like_partitions: int = setting(16, whole(1, 256), "Partitions of a cluster's log for likes, fixed likewise")
    replication: int = setting(1, whole(1, 9), "Copies of everything on a cluster: 3 in production")

    push_limit: int = setting(3000, whole(1, 20_000), "Followers from which on an author is pulled (rule F7 caps it)")
    push_entries_per_minute: int = setting(
        600_000, COUNT, "Entries a minute that one author's tweets may push; who posts more is pulled for an hour (F7)"
    )
    push_limit_lower_ratio: float = setting(
        0.7, fraction(0.01, 1.0), "Share of push_limit under which a pulled author is pushed again"
    )
    log_timeout_ms: int = setting(
        900, whole(10, 60_000), "Longest wait of a post for Kafka's acknowledgement; over it UNAVAILABLE"
    )
    timelines_timeout_ms: int = setting(
        200, whole(1, 10_000), "Longest wait of a page for its list in Redis; over it the page is pulled"
    )
    log_reads_timeout_ms: int = setting(
        2_000, whole(10, 60_000), "Longest wait for a range of Kafka's log, as resuming streams read it"
    )
    stores_timeout_ms: int = setting(
        2_000, whole(10, 60_000), "Longest wait of a gateway for the stores; over it UNAVAILABLE, or what it remembers"
    )
    calls_max: int = setting(1_000, COUNT, "Calls under way to each server; over it UNAVAILABLE, for that one alone")
    breaker_failures_max: int = setting(5, whole(1, 1_000), "Failures in a row after which a server is left alone")
    breaker_open_min_ms: int = setting(500, whole(10, 60_000), "For how long at first; each failed try doubles that")
    breaker_open_max_ms: int = setting(5_000, whole(10, 600_000), "For how long at most, before it is tried again")
    retries_max: int = setting(2, whole(0, 10), "Times that a call which changes nothing by being repeated is repeated")
    retry_backoff_ms: int = setting(50, whole(1, 500), "Longest pause before it first is; each further doubles that")
    retry_share: float = setting(0.1, fraction(0.0, 1.0), "Share of the calls to a server that may be such retries")
    retries_spare: int = setting(10, whole(0, 10_000), "Retries that may come at once, before that share binds")
    timeline_length: int = setting(800, whole(40, 10_000), "Newest entries cached of each home timeline")
    timelines_max: int = setting(100_000, COUNT, "Home timelines cached at once")
    timeline_idle_days: int = setting(30, whole(1, 3650), "Days without a read after which pushes pass a viewer by")
    group_commit_max: int = setting(512, BATCH, "Appends to the log that share one commit")
    store_batch_size: int = setting(500, BATCH, "Events that the group store handles in one batch")
    store_rows_under_way_max: int = setting(
        2_000, COUNT, "Rows that the group store writes into Cassandra at once, of all partitions of one process"
    )
    fanout_batch_size: int = setting(500, BATCH, "Events that the group fanout handles in one batch")
    write_wait_ms: int = setting(200, whole(0, 10_000), "Longest wait of a mutation for the store (rule P3)")
    log_retention_hours: int = setting(24, HOURS, "How long the log is kept, and so how far back a stream resumes")
    key_lifetime_hours: int = setting(24, HOURS, "How long an idempotency key holds")

    page_size_default: int = setting(20, whole(1, 1000), "Entries of a page, unless the query says")
    page_size_max: int = setting(100, whole(1, 1000), "Most entries of a page")
    audit_size_max: int = setting(800, whole(1, 10_000), "Most entries that homeTimelineAudit compares")
    pulls_max: int = setting(256, COUNT, "Home timelines read without a list at once; over it UNAVAILABLE (rule F9)")
    rebuilds_max: int = setting(16, COUNT, "Home timelines rebuilt at once; over it pulls are shallow (rule F9)")
    scan_rounds_max: int = setting(12, whole(1, 1000), "Refills of one page while entries are hidden (rule F8)")
    tweet_cache_size: int = setting(50_000, COUNT, "Tweets kept in memory")
    heads_cache_size: int = setting(50_000, COUNT, "Entries of pulled authors' newest tweets kept in memory")
    relations_cache_size: int = setting(20_000, COUNT, "Viewers whose follows, mutes and blocks are kept in memory")
    marks_cache_size: int = setting(2_000, COUNT, "Viewers whose likes and retweets are kept in memory")

    known_tweets_max: int = setting(
        20_000,
        COUNT,
        "Tweets, also as viewers saw them, that a gateway keeps: it asks less, and does without the stores",
    )

    replay_max_events: int = setting(50_000, COUNT, "Events that a resumed stream replays; over it, it is reset")
    mailbox_size: int = setting(1_000, COUNT, "Events that wait for one reader, who over it is closed with 1013")
    sockets_max: int = setting(20_000, COUNT, "Sockets open at once")
    subscriptions_per_socket_max: int = setting(20, COUNT, "Subscriptions open at once on one socket")
    socket_init_timeout_s: int = setting(5, whole(1, 3600), "Seconds that a socket has to send connection_init")

    request_timeout_ms: int = setting(
        5_000, whole(100, 600_000), "Longest that the servers behind are waited for on behalf of one operation"
    )
    admission_wait_max_ms: int = setting(
        1_000, whole(1, 60_000), "Longest wait of an operation for its turn; who would wait longer is refused"
    )
    stream_wait_max_s: int = setting(
        30,
        whole(1, 3600),
        "Longest wait of a socket's stream to begin; who would wait longer is closed with 1013",
    )
    admission_lasting_wait_max_ms: int = setting(
        500, whole(1, 60_000), "The same once there was a line for longer than that: more comes than can be done"
    )
    admission_burst: int = setting(4, whole(1, 1000), "Operations that start in one turn of the event loop")
    body_bytes_max: int = setting(100_000, BYTES, "Bytes of a request's body")
    frame_bytes_max: int = setting(65_536, BYTES, "Bytes of a frame on a socket")
    query_tokens_max: int = setting(1_500, COUNT, "Tokens of a document")
    query_depth_max: int = setting(12, COUNT, "Depth of a document")
    query_aliases_max: int = setting(30, COUNT, "Aliases of a document")
    query_directives_max: int = setting(50, COUNT, "Directives of a document")
    query_root_fields_max: int = setting(10, COUNT, "Root fields of an operation")
    query_cost_max: int = setting(8_000, COUNT, "Cost of an operation, its page sizes counted")
    document_cache_size: int = setting(1_000, COUNT, "Parsed documents kept in memory")

    token_key: str = setting("", SECRET, "Secret that signs tokens; without one the data folder keeps its own")
    token_lifetime_hours: int = setting(24, HOURS, "How long a bearer token holds")
    token_cache_size: int = setting(10_000, COUNT, "Tokens whose checked signatures are kept in memory")
    argon2_time_cost: int = setting(2, whole(1, 100), "Passes of a password's hash")
    argon2_memory_kib: int = setting(19_456, whole(8, 4_194_304), "Memory of a password's hash, 8 or more a lane")
    argon2_parallelism: int = setting(1, whole(1, 64), "Lanes of a password's hash")
    argon2_threads: int = setting(2, whole(1, 64), "Passwords hashed at once")
    argon2_waiting_max: int = setting(200, COUNT, "Passwords being hashed or waiting; over it log-in is UNAVAILABLE")
    login_failures_per_account: int = setting(10, COUNT, "Failed log-ins of one account in a window")
    login_failures_per_address: int = setting(100, COUNT, "Failed log-ins from one address in a window")
    login_window_s: int = setting(900, SECONDS, "Seconds for which a failed log-in counts")
    login_keys_max: int = setting(20_000, COUNT, "Accounts, and addresses, whose failed log-ins are remembered")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings in force. Raises `SettingsError` for all wrong values and unknown names at once.

        `ROOST_ENV_FILE` may name a file with lines of `ROOST_NAME=value`, over which the environment's own win.
        """
        given = Given(cls)
        if ENV_FILE in environ:
            environ = given.beside(Path(environ[ENV_FILE]), environ)
        for variable in sorted(each for each in environ if each.startswith(PREFIX) and each != ENV_FILE):
            name = variable.removeprefix(PREFIX).lower()
            if variable == PREFIX + name.upper():
                given.take(name, environ[variable], variable)
            else:
                given.problems.append(unknown(name, variable, given.kinds))
        if DATA_DIR in given.values or DATA_DIR not in given.sources:
            given.take_file(given.values.get(DATA_DIR, cls().data_dir) / FILE_NAME)
        return cls(**given.checked())

    @classmethod
    def for_tests(cls, data_dir: Path, **changes: object) -> Self:
        """Return the defaults with a free port, hashes that cost nothing, and these changes, checked as in `load`."""
        cheap: dict[str, object] = {"port": 0, "argon2_time_cost": 1, "argon2_memory_kib": 8, "argon2_threads": 1}
        given = Given(cls)
        for name, value in (cheap | {DATA_DIR: data_dir} | changes).items():
            given.take(name, value, name)
        return cls(**given.checked())

    @classmethod
    def described(cls) -> Mapping[str, str]:
        """Return for each name what the setting is for, and what is allowed."""
        return {each.name: f"{each.metadata['about']}: {each.metadata['kind'].allowed}" for each in fields(cls)}

    def shown(self) -> dict[str, object]:
        """Return every value by name, ready for JSON, passwords in URLs masked."""
        return {each.name: _shown(each.metadata["kind"], getattr(self, each.name)) for each in fields(self)}

    @property
    def is_embedded(self) -> bool:
        """Whether everything runs in this process; else the log, the stores and the caches are servers."""
        return self.log_url.startswith("sqlite:")

    def database(self, sqlite_url: str, name: str) -> Path:
        """Return the file that a sqlite URL names: the one of this name in the data folder for a bare one."""
        path = sqlite_url.removeprefix("sqlite://").removeprefix("/")
        return Path(path) if path else self.data_dir / f"{name}.db"


def write_setting(data_dir: Path, name: str, value: SettingValue, unless_set: bool = False) -> bool:
    """Set one key in the data folder's settings.toml, all else in it kept; answer whether it was written.

    `unless_set` leaves a key that stands there already. Raises `SettingsError` for an unknown name, a value that is
    not allowed, or a file that cannot be changed. The settings in force change with the next `load`.
    """
    path = data_dir / FILE_NAME
    given = Given(Settings)
    given.take_file(path)
    if unless_set and name in given.sources:
        return False
    given = Given(Settings)
    given.take_from_file(path, name, value)
    if given.problems:
        raise SettingsError(given.problems)
    try:
        write_key(path, name, value)
    except (ValueError, OSError) as error:
        raise SettingsError((f"{path}: cannot be changed: {error}",)) from error
    return True


def _shown(kind: Kind, value: object) -> object:
    if kind is SECRET and value:
        return "***"
    if isinstance(value, Path):
        return str(value)
    return masked(value) if isinstance(value, str) else value
