"""A cluster under a real Prometheus: gateways of one port add up, workers tell of themselves, and alerts fire."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from infra.stack.redis import redis_server
from infra.stack.server import Server
from tests.cluster.processes import GROUPS, PATIENCE_S, Cluster, Site, ending, site, until
from tests.dashboard import CLUSTER, answered, queries
from tests.infra.alert_faults import quick
from tests.prometheus import Prometheus, needs_prometheus, prometheus, promtool
from tests.server_process import Account, sign_up
from tests.servers import redis_here
from tests.shown_metrics import documented, names, told

__all__ = ["site"]
pytestmark = [pytest.mark.cluster, needs_prometheus]

FIRED_ON_A_CLUSTER = ("RoostGatewaySilent", "RoostDegraded", "RoostBreakerOpen", "RoostBroadcastDeaf")
EVERY = "3s"
"""Longer than gateways of one port wait for each other."""
PEOPLE = 8
PAGES = 10
"""Enough for a breaker to open."""


@dataclass(frozen=True)
class Stand:
    """A port with two gateways, a worker of each group, and a Redis that may be killed."""

    cluster: Cluster
    redis: Server
    prometheus: Prometheus
    http: httpx.AsyncClient
    people: Sequence[Account]

    @property
    def url(self) -> str:
        """Where the gateways are."""
        return self.cluster.urls[0]


@asynccontextmanager
async def standing(site: Site, folder: Path) -> AsyncIterator[Stand]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_here(redis_server)(folder / "redis"))
        own = site.other("watched", timelines_url=redis.url, broadcast_url=redis.url)
        gateway, workers = own.gateway("gateways", "--workers", "2"), [own.worker(group, group) for group in GROUPS]
        cluster = Cluster(own, [gateway], workers)
        await stack.enter_async_context(ending(cluster))
        await cluster.start(gateway, *workers)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        people = []
        for number in range(PEOPLE):
            # Another connection for each, so that both gateways are asked.
            async with httpx.AsyncClient(timeout=PATIENCE_S) as fresh:
                made = await sign_up(fresh, gateway.url, f"watched{number}")
                people.append(Account(made.handle, made.id, made.token, http, made.url))
        for person in people[1:]:
            await person.follow(people[0])
        targets = {"roost": [f"127.0.0.1:{gateway.port}"], "roost-work": [f"127.0.0.1:{each.port}" for each in workers]}
        watching = await stack.enter_async_context(prometheus(folder / "prometheus", targets, quick(), EVERY))
        yield Stand(cluster, redis, watching, http, people)


async def test_a_cluster_is_seen_whole_and_its_faults_are_told(site: Site, tmp_path: Path) -> None:
    async with standing(site, tmp_path) as stand:
        await adds_up(stand)
        await is_documented(stand)
        await answered(stand.prometheus, [each for each in queries() if each[0] == CLUSTER])
        await fires_without_redis(stand)
        await fires_with_a_gateway_frozen(stand)


async def adds_up(stand: Stand) -> None:
    """Whichever gateway answers, it tells of both; workers tell what they did."""
    await stand.people[0].tweet("seen by all")
    store, fanout = stand.cluster.workers

    async def is_pushed() -> bool:
        return sum((await told(stand.http, fanout.url))["roost_post_to_timeline_seconds_count"].values()) >= 1

    await until(is_pushed)
    for _ in range(4):
        async with httpx.AsyncClient(timeout=PATIENCE_S) as fresh:
            found = await told(fresh, stand.url)
        signed_up = {key: n for key, n in found["roost_operation_duration_seconds_count"].items() if "SignUp" in key}
        assert sum(signed_up.values()) == PEOPLE
        assert found["roost_worker_up"] == {("0",): 1, ("1",): 1}
        assert sum(found["roost_tweets_posted_total"].values()) == 1
    own = {each: await told(stand.http, each.url) for each in (store, fanout)}
    assert own[store]["roost_partitions_assigned"]["store",] > 0
    assert own[fanout]["roost_partitions_assigned"]["fanout",] > 0
    assert own[fanout]["roost_lag_events"]["fanout",] == 0
    for worker in (store, fanout):
        assert (await stand.http.get(f"{worker.url}/health/ready")).json()["status"] == "ready"


async def is_documented(stand: Stand) -> None:
    """Conventions hold on a cluster too, and every metric documented is told by somebody."""
    texts = [
        (await stand.http.get(f"{each.url}/metrics")).text for each in (*stand.cluster.gateways, *stand.cluster.workers)
    ]
    for text in texts:
        assert promtool("check", "metrics", given=text) == (0, "")
    shown = set().union(*map(names, texts))
    alone = {name for name, about in documented().items() if "one machine" in about or "traces are sent" in about}

    assert shown - documented().keys() == set()
    assert documented().keys() - shown <= alone


async def fires_without_redis(stand: Stand) -> None:
    """A cache that is gone is told in three ways."""
    for name in FIRED_ON_A_CLUSTER:
        await stand.prometheus.calm(name)
    stand.redis.kill()
    for _ in range(PAGES):
        await stand.people[1].home()
    for name in ("RoostBreakerOpen", "RoostDegraded", "RoostBroadcastDeaf"):
        await stand.prometheus.fired(name)
    await stand.redis.restart()
    for _ in range(PAGES):
        await stand.people[1].home()
    await stand.prometheus.calm("RoostDegraded")


async def fires_with_a_gateway_frozen(stand: Stand) -> None:
    """One of two gateways that hangs is told by the other."""
    child = children_of(stand.cluster.gateways[0].pid)[0]
    os.kill(child, signal.SIGSTOP)
    try:
        await stand.prometheus.fired("RoostGatewaySilent")
    finally:
        os.kill(child, signal.SIGCONT)
    await stand.prometheus.calm("RoostGatewaySilent")


def children_of(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
