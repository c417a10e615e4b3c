"""What the cluster's figures stand on: real servers, sites on them, Roost's own processes, and where time goes."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from infra.auth import HEX, token_key
from infra.cluster.known import CassandraKnown
from infra.cluster.parts import Connected
from infra.stack.cassandra import cassandra_server
from infra.stack.kafka import kafka_server
from infra.stack.programs import Missing
from infra.stack.redis import redis_server
from infra.stack.server import Server as StackServer
from loaders.places import Place
from realtime.worker import FANOUT, STORE
from tests.bench.figures import Figure
from tests.bench.run import Run, pin, run_loop
from tests.bench.servers import Server
from tests.cluster.processes import STORES, Cluster, GatewayProcess, Site, running, written
from tests.contracts.cassandra_adapters import keyspace_url

GRACE_S = 5
CAUGHT_UP_S = 3_600.0
LOOK_AGAIN_S = 0.02
GATEWAY = "gateway"
WORKERS = (STORE, FANOUT)
SERVERS = ("kafka", "cassandra", "redis")


@dataclass(frozen=True, slots=True)
class Servers:
    """Kafka, Cassandra and Redis, one node of each, on all cores."""

    kafka: StackServer
    cassandra: StackServer
    redis: StackServer

    @property
    def each(self) -> Sequence[StackServer]:
        """All of them."""
        return (self.kafka, self.cassandra, self.redis)

    def site(self, run: Run, name: str, keys: Path, **settings: object) -> Site:
        """Return a new cluster on the servers, migrated; its tokens are signed with the key of a data folder."""
        stores = keyspace_url(self.cassandra.url, name)
        given = {
            "log_url": f"{self.kafka.url}/{name}",
            "timelines_url": self.redis.url,
            "broadcast_url": self.redis.url,
            **{f"{store.lower()}_url": stores for store in STORES},
            "token_key": HEX + token_key(keys).hex(),
            "shutdown_grace_s": GRACE_S,
            # What is measured is work, and not how soon some of it is refused.
            "admission_wait_max_ms": 60_000,
            "admission_lasting_wait_max_ms": 60_000,
            "log_timeout_ms": 20_000,
            "log_format": "json",
            **settings,
        }
        site = written(run.folder / f"site-{name}", given)
        with unpinned(run):
            done = site.run("migrate")
        if done.code != 0:
            raise RuntimeError(f"the cluster {name} could not be made: {done.output[-2_000:]}")
        return site


class Reading(NamedTuple):
    """Processor seconds by process at a moment."""

    at_s: float
    cpu_s: Mapping[str, float]


class Meter:
    """The processor time of gateways, workers and servers, all threads together.

    What `rest` saw them use while nothing came is left out of what `spent` answers: groups beat once a second in each
    partition of the log, whatever is posted.
    """

    def __init__(self, servers: Servers, cluster: Cluster) -> None:
        self._pids: dict[str, list[int]] = {GATEWAY: [gateway.pid for gateway in cluster.gateways]}
        for worker in cluster.workers:
            self._pids.setdefault(worker.data_dir.name.rstrip("0123456789"), []).append(worker.pid)
        for server in servers.each:
            self._pids[server.name] = [node.process.pid for node in server.nodes if node.process.pid is not None]
        self.at_rest: Mapping[str, float] = dict.fromkeys(self._pids, 0.0)

    async def rest(self, seconds: float) -> None:
        """Look how much of a core each uses while nothing comes."""
        before = self.now()
        await asyncio.sleep(seconds)
        self.at_rest = {name: used / seconds for name, used in self.spent(before).items()}

    def now(self) -> Reading:
        """Look at the counters."""
        used = {name: sum(Server(pid, 0).cpu_s() for pid in pids) for name, pids in self._pids.items()}
        return Reading(time.perf_counter(), used)

    def spent(self, before: Reading) -> Mapping[str, float]:
        """Return the seconds that each has used since, beyond what it uses at rest."""
        after = self.now()
        took_s = after.at_s - before.at_s
        return {
            name: max(0.0, used - before.cpu_s[name] - took_s * self.at_rest[name])
            for name, used in after.cpu_s.items()
        }


def on_cluster(run: Run, bench: str, measure: Callable[[Servers], Sequence[Figure]]) -> list[Figure]:
    """Measure on the run's real servers, which the first benchmark starts; nothing, and why, where they are not."""
    try:
        servers = run.kept("servers", partial(_started, run))
    except Missing as missing:
        run.say(f"{bench}: not measured. {missing}")
        return []
    return list(measure(servers))


@contextmanager
def unpinned(run: Run) -> Iterator[None]:
    """Let what is started meanwhile have all cores: the cluster's processes are too many for one."""
    os.sched_setaffinity(0, run.cores)
    try:
        yield
    finally:
        pin(run.cores[-1])


@asynccontextmanager
async def processes(run: Run, site: Site, gateways: int = 1) -> AsyncIterator[Cluster]:
    """Run gateways, and workers of both groups, as processes of their own."""
    async with AsyncExitStack() as stack:
        with unpinned(run):
            started = running(site, gateways, run.size("workers"), log_level="warning")
            cluster = await stack.enter_async_context(started)
        yield cluster


def as_server(gateway: GatewayProcess) -> Server:
    """Return a gateway as the loads know servers."""
    return Server(gateway.pid, gateway.port)


async def behind(connected: Connected, group: str, ends: Place) -> int:
    """Return how many events a group has not handled yet."""
    positions = await CassandraKnown(connected).positions(group)
    return sum(max(0, end - positions.get(partition, 0)) for partition, end in enumerate(ends))


async def caught_up(connected: Connected, group: str, ends: Place | None = None) -> None:
    """Wait until a group has handled all up to a place, or what the log holds now."""
    ends = ends or await connected.log.end()
    async with asyncio.timeout(CAUGHT_UP_S):
        while True:
            if not await behind(connected, group, ends):
                return
            await asyncio.sleep(LOOK_AGAIN_S)


def per(spent: Mapping[str, float], count: int) -> str:
    """Return processor milliseconds a piece, by process, as a note."""
    shares = {name: 1_000 * used / count for name, used in spent.items()}
    return "CPU ms each: " + ", ".join(f"{name} {share:.2f}" for name, share in shares.items() if share >= 0.005)


def _started(run: Run) -> Servers:
    folders = {name: run.new_folder(name) for name in SERVERS}
    servers = Servers(
        kafka_server(folders["kafka"]), cassandra_server(folders["cassandra"]), redis_server(folders["redis"])
    )
    run.say("Starting Kafka, Cassandra and Redis")
    for server in servers.each:
        run.closing.callback(_stop, server)
        with unpinned(run):
            run_loop(server.start())
    return servers


def _stop(server: StackServer) -> None:
    run_loop(server.stop())
