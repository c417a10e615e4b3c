"""A cluster as its operator runs it: settings in a file, and gateways and workers that are processes of their own."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from infra.settings import Settings
from tests.answers import Answer
from tests.contracts.cassandra_adapters import keyspace_url
from tests.server_process import COMMAND, LOOK_AGAIN_S, ROOT, Account, ServerProcess, answered, free_port, sign_up

PARTITIONS, LIKE_PARTITIONS = 4, 2
GROUPS = ("store", "fanout")
PATIENCE_S = 120.0
COMMAND_S = 180.0
CAUGHT_UP_S = 90.0
"""On a busy machine none of this is a test of speed."""
LINES_SHOWN = 30
GRACE_S = 5
STORES = ("USERS", "TWEETS", "GRAPH", "KEYS")
KEPT = pytest.StashKey["Site"]()


class Finished(NamedTuple):
    """What a command came to."""

    code: int
    output: str


class GatewayProcess(ServerProcess):
    """`roost serve`, as a gateway."""

    patience_s = PATIENCE_S


class WorkerProcess(ServerProcess):
    """`roost work`: it is ready when it has said that it begins. At its URL it tells its metrics and health."""

    patience_s = PATIENCE_S
    _told = 0

    def launch(self) -> None:
        """Start without waiting."""
        self._told = len(self.output)
        super().launch()

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        del http
        return '"work_began"' in self.output[self._told :]


@dataclass(frozen=True)
class Site:
    """One cluster's place on the servers, by its settings: a Kafka prefix and a keyspace, and the caches."""

    folder: Path
    env_file: Path
    settings: Mapping[str, object]

    def other(self, name: str, **settings: object) -> "Site":
        """Return this site with other settings."""
        return written(self.folder / name, {**self.settings, **settings})

    def gateway(self, name: str, *options: str, **settings: object) -> GatewayProcess:
        """Return a gateway that can be started, on a port of its own."""
        return GatewayProcess(self.folder / name, self._command("serve", *options), **settings)  # type: ignore[arg-type]

    def worker(self, name: str, group: str) -> WorkerProcess:
        """Return a worker of a group that can be started."""
        port = free_port()
        return WorkerProcess(self.folder / name, self._command("work", "--group", group), port=port, work_port=port)

    async def roost(self, *arguments: str) -> Finished:
        """Run a command to its end."""
        return await asyncio.to_thread(self.run, *arguments)

    def run(self, *arguments: str) -> Finished:
        """Run a command to its end, and block meanwhile."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
        done = subprocess.run(
            self._command(*arguments),
            cwd=ROOT,
            env=inherited,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        return Finished(done.returncode, done.stdout + done.stderr)

    def load(self) -> Settings:
        """Return the settings as a process of this site has them."""
        return Settings.load({"ROOST_ENV_FILE": str(self.env_file)})

    def _command(self, *arguments: str) -> Sequence[str]:
        return (*COMMAND, "--env", str(self.env_file), *arguments)


def written(folder: Path, settings: Mapping[str, object]) -> Site:
    """Write the settings of a site into a folder of its own."""
    folder.mkdir(parents=True)
    env_file = folder / "settings.env"
    lines = [f"ROOST_{name.upper()}={value}\n" for name, value in settings.items()]
    env_file.write_text("".join(lines), encoding="utf-8")
    return Site(folder, env_file, settings)


def bare_site(request: pytest.FixtureRequest, folder: Path, name: str) -> Site:
    """Return a site on the session's servers, where nothing was made yet."""
    kafka, redis = request.getfixturevalue("kafka_url"), request.getfixturevalue("redis_url")
    stores = keyspace_url(request.getfixturevalue("cassandra_url"), name)
    settings = {
        "log_url": f"{kafka}/{name}",
        "timelines_url": redis,
        "broadcast_url": redis,
        **{f"{store.lower()}_url": stores for store in STORES},
        "log_partitions": PARTITIONS,
        "like_partitions": LIKE_PARTITIONS,
        "token_key": "k" * 32,
        "shutdown_grace_s": GRACE_S,
        "log_timeout_ms": 20_000,
        "stores_timeout_ms": 20_000,
        "request_timeout_ms": 60_000,
        "log_format": "json",
    }
    return written(folder, settings)


def session_site(request: pytest.FixtureRequest, folder: Path) -> Site:
    """Return the session's cluster, migrated once, with a folder of its own for settings and logs.

    Tests share the log and the stores: what one left behind is part of the next one's proof.
    """
    config = request.config
    if KEPT not in config.stash:
        made = bare_site(request, folder / "first", f"roost_{os.getpid()}")
        done = made.run("migrate")
        assert done.code == 0, done.output
        config.stash[KEPT] = made
    return written(folder / "site", config.stash[KEPT].settings)


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """The session's cluster."""
    return session_site(request, tmp_path)


class Cluster:
    """The processes of a site: gateways, and workers of every group."""

    def __init__(self, site: Site, gateways: Sequence[GatewayProcess], workers: Sequence[WorkerProcess]) -> None:
        self.site = site
        self.gateways = list(gateways)
        self.workers = list(workers)
        self._ever: list[ServerProcess] = []

    @property
    def urls(self) -> Sequence[str]:
        """Where the gateways are."""
        return [gateway.url for gateway in self.gateways]

    async def start(self, *processes: ServerProcess) -> None:
        """Start processes, and wait until they are ready; whatever happens, they end with the cluster."""
        self._ever += processes
        await asyncio.gather(*(process.start() for process in processes))

    async def stop(self) -> None:
        """Ask all that runs to end, and wait for that."""
        await asyncio.gather(*(each.stop() for each in (*self.gateways, *self.workers) if each.code is None))

    def end(self) -> None:
        """End whatever still runs."""
        for process in self._ever:
            process.end()

    def said(self) -> str:
        """The last lines of every process."""
        told = {process.data_dir.name: process.output.splitlines()[-LINES_SHOWN:] for process in self._ever}
        return "\n".join(line for name, lines in told.items() for line in (f"== {name}", *lines))

    async def audit(self, sample: int = 100) -> str:
        """Audit as an operator does, nothing may be found; return what was said."""
        done = await self.site.roost("audit", "--sample", str(sample))
        assert done.code == 0, done.output
        return done.output.splitlines()[-1]


@asynccontextmanager
async def running(site: Site, gateways: int = 2, workers: int = 2, **settings: object) -> AsyncIterator[Cluster]:
    """Run a cluster with so many gateways, and so many workers of each group; what they said is shown on failure."""
    cluster = Cluster(
        site,
        [site.gateway(f"gateway{number}", **settings) for number in range(gateways)],
        [site.worker(f"{group}{number}", group) for group in GROUPS for number in range(workers)],
    )
    async with ending(cluster):
        await cluster.start(*cluster.gateways, *cluster.workers)
        yield cluster
        await cluster.stop()


@asynccontextmanager
async def ending(cluster: Cluster) -> AsyncIterator[None]:
    """End a cluster's processes in any case, and show what they said if it was a bad one."""
    try:
        yield
    except BaseException:
        print(cluster.said())  # noqa: T201 - a failed test shows it
        raise
    finally:
        cluster.end()


@dataclass(frozen=True)
class Roamer(Account):
    """Somebody who turns to the next gateway with each request."""

    turns: Iterator[str]

    async def run(self, document: str, **variables: Any) -> Answer:
        """See `Account`."""
        return await answered(self.http, next(self.turns), document, variables, self.token)


async def sign_up_roamer(http: httpx.AsyncClient, urls: Sequence[str], handle: str) -> Roamer:
    """Make an account at the first gateway, for somebody who roams from the second on."""
    made = await sign_up(http, urls[0], handle)
    return Roamer(made.handle, made.id, made.token, http, made.url, cycle((*urls[1:], urls[0])))


async def until(is_so: Callable[[], Awaitable[bool]], patience_s: float = CAUGHT_UP_S) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(patience_s):
        while True:
            if await is_so():
                return
            await asyncio.sleep(LOOK_AGAIN_S)
