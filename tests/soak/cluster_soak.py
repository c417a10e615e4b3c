"""The same on a cluster: its processes are killed, its servers killed, frozen and emptied. Only `make soak` runs it."""

import asyncio
import os
import random
import sys
from collections.abc import Mapping
from itertools import cycle
from urllib.parse import urlsplit

import httpx
import pytest

from infra.stack.redis import ask
from infra.stack.server import Server
from tests.cluster.processes import PATIENCE_S, Cluster, Site, running, sign_up_roamer, site
from tests.server_process import ServerProcess
from tests.servers import shared
from tests.soak.faults import Fault, plan
from tests.soak.people import Terms
from tests.soak.soak import FAULTS, SEED, Soak
from tests.soak.told import Outcome

__all__ = ["site"]
pytestmark = pytest.mark.cluster

FAULTS_DEFAULT = 24
ACTING, WATCHING = 5, 2
ANSWER_S = 6.0
QUIET_S, LASTS_S = (1.0, 4.0), (1.0, 12.0)
CLUSTER = Terms(refused_is_absent=False, hidden_s=3.0)
"""Within a second everywhere, on a machine that has nothing else to do."""
IMPATIENT = {"log_timeout_ms": 900, "stores_timeout_ms": 2_000, "request_timeout_ms": 5_000}
SERVERS = ("kafka", "cassandra", "redis")


def faults_of(cluster: Cluster, servers: Mapping[str, Server], seed: int) -> Mapping[str, Fault]:
    """Return what can happen to the processes of a cluster and to the servers behind them."""
    dice = random.Random(seed)
    redis = urlsplit(servers["redis"].url)

    def killed(*processes: ServerProcess) -> Fault:
        async def kill(seconds: float) -> None:
            process = dice.choice(processes)
            process.kill()
            await asyncio.sleep(seconds)
            await process.start()

        return kill

    def frozen(*processes: ServerProcess) -> Fault:
        async def freeze(seconds: float) -> None:
            process = dice.choice(processes)
            process.freeze()
            await asyncio.sleep(seconds)
            process.thaw()

        return freeze

    def server_killed(server: Server) -> Fault:
        async def kill(seconds: float) -> None:
            server.kill()
            await asyncio.sleep(seconds)
            await server.start()

        return kill

    def server_frozen(server: Server) -> Fault:
        async def freeze(seconds: float) -> None:
            server.freeze()
            await asyncio.sleep(seconds)
            server.thaw()

        return freeze

    async def empty(_: float) -> None:
        await ask(redis.hostname or "", redis.port or 0, "FLUSHALL")

    return {
        "gateway killed": killed(*cluster.gateways),
        "gateway frozen": frozen(*cluster.gateways),
        "worker killed": killed(*cluster.workers),
        "worker frozen": frozen(*cluster.workers),
        **{f"{name} killed": server_killed(server) for name, server in servers.items()},
        **{f"{name} frozen": server_frozen(server) for name, server in servers.items()},
        "redis emptied": empty,
    }


async def test_what_people_were_told_holds_whatever_happened_to_the_cluster(
    request: pytest.FixtureRequest, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    count = int(os.environ.get(FAULTS, FAULTS_DEFAULT))
    servers = {name: shared(request).running(name) for name in SERVERS}
    own = site.other("soaked", push_limit=6, **IMPATIENT)
    async with running(own) as cluster:
        async with httpx.AsyncClient(timeout=PATIENCE_S) as patient:
            names = [f"soaked{number}" for number in range(ACTING + WATCHING)]
            made = [await sign_up_roamer(patient, cluster.urls, name) for name in names]
        async with httpx.AsyncClient(timeout=ANSWER_S) as http:
            accounts = [
                type(each)(each.handle, each.id, each.token, http, each.url, cycle(cluster.urls)) for each in made
            ]
            turns = cycle([gateway.socket_url for gateway in cluster.gateways])
            soak = Soak(accounts, WATCHING, lambda: next(turns), CLUSTER, seed)
            await soak.begin()
            faults = faults_of(cluster, servers, seed)
            planned = plan([*faults], count, QUIET_S, LASTS_S, seed)
            try:
                back_s = await soak.suffer(planned, faults)
            finally:
                with capsys.disabled():
                    sys.stdout.write(f"\n{SEED}={seed}\n" + "\n".join(soak.told.lines()) + "\n")
            said = await cluster.audit()
    with capsys.disabled():
        sys.stdout.write("\n".join([soak.headline(back_s, planned), said, ""]))
    assert all(soak.told.total(outcome) for outcome in Outcome), "some of everything"
