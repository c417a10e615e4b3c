"""On a cluster, one trace leads through Kafka and Redis, and one request's name to the workers' lines."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.cluster.processes import PATIENCE_S, Cluster, Site, running, site
from tests.collector import Collector
from tests.server_process import LOOK_AGAIN_S, ServerProcess, open_socket, sign_up
from tests.servers import cassandra_url, kafka_url, redis_url

__all__ = ["cassandra_url", "kafka_url", "redis_url", "site"]

pytestmark = pytest.mark.cluster

SPREAD = ("store handle", "fanout handle", "broadcast publish", "socket deliver")
"""How a tweet gets about. Processes tell of it each in its own time: all have to have, before a trace is read."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector.running() as running:
        yield running


@pytest.fixture
async def cluster(site: Site, collector: Collector) -> AsyncIterator[Cluster]:
    traced = site.other("traced", otlp_url=collector.url, trace_ratio=1.0, log_level="debug")
    async with running(traced, gateways=2, workers=1) as cluster:
        yield cluster


async def handled(worker: ServerProcess, correlation_id: str) -> bool:
    """Wait until a worker has told that it handled what a request has caused."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = [json.loads(line) for line in worker.output.splitlines() if "events_handled" in line]
            if any(correlation_id in line["correlationIds"] for line in lines):
                return True
            await asyncio.sleep(LOOK_AGAIN_S)


async def test_one_trace_leads_from_one_gateway_through_the_workers_to_the_other(
    cluster: Cluster, collector: Collector
) -> None:
    ours, theirs = cluster.gateways
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        ada, bob = await sign_up(http, ours.url, "traced_ada"), await sign_up(http, theirs.url, "traced_bob")
        await bob.follow(ada)
        await bob.home()
        async with open_socket(theirs.socket_url, bob.token) as live:
            await live.subscribe("HomeTimelineUpdates")
            await ada.tweet("MARKERhunter2")
            while (await live.next(PATIENCE_S))["__typename"] != "TimelineTweetAdded":
                pass
            spans = await collector.trace_with("POST /graphql", "mutation PostTweet", "log.append", *SPREAD)

    services = {name: each[0].service for name, each in spans.items()}
    assert services["POST /graphql"] == services["log.append"] == services["socket deliver"] == "roost-gateway"
    assert (services["store handle"], services["fanout handle"]) == ("roost-work-store", "roost-work-fanout")
    assert services["broadcast publish"] == "roost-work-fanout"
    for parent, child in (
        ("log.append", "store handle"),
        ("log.append", "fanout handle"),
        ("fanout handle", "broadcast publish"),
        ("broadcast publish", "socket deliver"),
    ):
        assert spans[child][0].parent_id == spans[parent][0].span_id, child
    assert b"hunter2" not in collector.raw
    correlation_id = spans["mutation PostTweet"][0].attributes["roost.correlation_id"]
    assert [await handled(worker, correlation_id) for worker in cluster.workers] == [True, True]
    assert "hunter2" not in "".join(each.output for each in (*cluster.gateways, *cluster.workers))
