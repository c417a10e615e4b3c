"""Processor time of a post, a page and a delivery in each process of a cluster: what capacity is planned by."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from infra.cluster.parts import Connected
from tests.bench.cluster_floors import floor_topics
from tests.bench.cluster_load import asker, poster, publish_each
from tests.bench.cluster_people import People, connected_to, people_of
from tests.bench.cluster_posts import records
from tests.bench.cluster_stand import GATEWAY, WORKERS, Meter, Servers, as_server, caught_up, on_cluster, processes
from tests.bench.figures import Figure
from tests.bench.http_load import Client, load
from tests.bench.kafka_posts import bare_appends
from tests.bench.live import attached
from tests.bench.requests import home_requests, home_timeline, http_request, is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.serve import BROADCAST
from tests.bench.servers import Server, floor_server
from tests.bench.socket_load import Crowd

BENCH = "cluster-cpu"
POSTS_AT_ONCE, PAGES_AT_ONCE = 64, 16
ENTRIES = 30
REST_S = 4.0
HEARD_S = 0.5
FLOORS = {
    "post": "the bare producer's own, and the broker's for its record",
    "page": "raw ASGI under uvicorn, ready bytes of the page's size",
    "delivery": "uvicorn, ready frames of the same size",
}

Spent = Mapping[str, float]
"""Processor seconds of one thing, by process."""


@dataclass(slots=True)
class Found:
    """What one post, page and delivery costs, the floors likewise, and the shares of a core at rest."""

    costs: dict[str, Spent] = field(default_factory=dict)
    floors: dict[str, Spent] = field(default_factory=dict)
    at_rest: Spent = field(default_factory=dict)


def run(run: Run) -> list[Figure]:
    """Measure each load by itself, what the processes use at rest left out."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    return list(_figures(run_loop(_loads(run, servers, people_of(run, servers)))))


async def _loads(run: Run, servers: Servers, people: People) -> Found:
    found = Found()
    async with processes(run, people.site) as cluster, connected_to(people.site) as connected:
        gateway, meter = as_server(cluster.gateways[0]), Meter(servers, cluster)
        load = _Load(run, gateway, meter, people, connected)
        await load.fill()
        await meter.rest(REST_S)
        found.at_rest = meter.at_rest
        found.costs["post"] = await load.posts()
        found.costs["page"], page_bytes = await load.pages()
        found.costs["delivery"], frame_bytes = await load.deliveries()
        found.floors["post"] = await _bare_posts(run, servers, meter)
    with floor_server(page_bytes, run.server_core, run.folder) as floor:
        found.floors["page"] = await _bare_pages(run, floor)
    with floor_server(frame_bytes, run.server_core, run.folder) as floor:
        found.floors["delivery"] = await _bare_deliveries(run, floor, people)
    return found


@dataclass(frozen=True, slots=True)
class _Load:
    """The loads on one gateway, each answering what one of its things costs."""

    run: Run
    gateway: Server
    meter: Meter
    people: People
    connected: Connected

    async def fill(self) -> None:
        """Let there be a full page for everybody, read once."""
        client = await Client.open(self.gateway.port)
        send = poster(client, post_requests(tokens_of(self.people.keys, [self.people.author])))
        for _ in range(ENTRIES):
            await send()
        await self._settled()
        for request in self._page_requests():
            await client.ask(request)
        client.close()

    async def posts(self) -> Spent:
        """Post by everybody, many at once, until all is applied."""
        posts = post_requests(tokens_of(self.people.keys, self.people.viewers))
        before = self.meter.now()
        lap = await load(self.gateway.port, posts, POSTS_AT_ONCE, self.run.size("cpu-seconds"), is_posted)
        await self._settled()
        return _each(self.meter.spent(before), len(lap.latencies_s))

    async def pages(self) -> tuple[Spent, int]:
        """Read pages that are cached, and say how long one is, in bytes."""
        client = await Client.open(self.gateway.port)
        body = await client.ask(self._page_requests()[0])
        client.close()
        requests, before = itertools.cycle(self._page_requests()), self.meter.now()
        lap = await load(self.gateway.port, requests, PAGES_AT_ONCE, self.run.size("cpu-seconds"))
        return _each(self.meter.spent(before), len(lap.latencies_s)), len(body)

    async def deliveries(self) -> tuple[Spent, int]:
        """Post one after the other to all sockets, and to one: what the one lacks is what the others cost."""
        (one, _), (all_of_them, frame_bytes) = await self._heard(1), await self._heard(len(self.people.viewers))
        others = max(1, len(self.people.viewers) - 1)
        return {name: max(0.0, cost - one[name]) / others for name, cost in all_of_them.items()}, frame_bytes

    async def _heard(self, sockets: int) -> tuple[Spent, int]:
        """Return what a post costs that so many sockets hear before the next one, and how long a frame is."""
        crowd, client = Crowd(), await Client.open(self.gateway.port)
        await crowd.join(self.gateway.port, tokens_of(self.people.keys, self.people.viewers[:sockets]))
        await attached(self.gateway, sockets)
        send = poster(client, post_requests(tokens_of(self.people.keys, [self.people.author])))
        await publish_each(crowd, send, 1, 0.0)
        before, began_s, posted = self.meter.now(), time.perf_counter(), 0
        while time.perf_counter() - began_s < self.run.size("cpu-seconds"):
            await publish_each(crowd, send, 1, 0.0)
            posted += 1
        spent = self.meter.spent(before)
        crowd.close()
        client.close()
        return _each(spent, posted), len(crowd.first)

    async def _settled(self) -> None:
        for group in WORKERS:
            await caught_up(self.connected, group)

    def _page_requests(self) -> list[bytes]:
        return home_requests(tokens_of(self.people.keys, self.people.viewers), home_timeline())


async def _bare_posts(run: Run, servers: Servers, meter: Meter) -> Spent:
    topics, before = await floor_topics(servers.kafka), meter.now()
    lap = await asyncio.to_thread(
        bare_appends, servers.kafka, topics, records(), POSTS_AT_ONCE, run.size("cpu-seconds")
    )
    count = len(lap.latencies_s)
    return {GATEWAY: lap.cpu_s / count, servers.kafka.name: meter.spent(before)[servers.kafka.name] / count}


async def _bare_pages(run: Run, floor: Server) -> Spent:
    requests, before_s = itertools.repeat(http_request("", "")), floor.cpu_s()
    lap = await load(floor.port, requests, PAGES_AT_ONCE, run.size("cpu-seconds"))
    return {GATEWAY: (floor.cpu_s() - before_s) / len(lap.latencies_s)}


async def _bare_deliveries(run: Run, floor: Server, people: People) -> Spent:
    crowd, client = Crowd(), await Client.open(floor.port)
    await crowd.join(floor.port, tokens_of(people.keys, people.viewers))
    # A socket is ready when it has asked, and here nothing tells that it was heard.
    await asyncio.sleep(HEARD_S)
    send = asker(client, itertools.repeat(http_request("", "", path=BROADCAST)))
    await publish_each(crowd, send, 1, 0.0)
    before_s, heard, began_s = floor.cpu_s(), 0, time.perf_counter()
    while time.perf_counter() - began_s < run.size("cpu-seconds"):
        heard += len(await publish_each(crowd, send, 1, 0.0))
    crowd.close()
    client.close()
    return {GATEWAY: (floor.cpu_s() - before_s) / heard}


def _each(spent: Spent, count: int) -> Spent:
    return {name: used / count for name, used in spent.items()}


def _figures(found: Found) -> Iterator[Figure]:
    for thing, cost in found.costs.items():
        floors = found.floors[thing]
        for name, used in (("all processes", sum(cost.values())), *cost.items()):
            floor = sum(floors.values()) if name == "all processes" else floors.get(name)
            yield Figure(
                BENCH,
                f"processor time a {thing}: {name}",
                1_000 * used,
                "ms",
                floor=None if floor is None else 1_000 * floor,
                floor_name="" if floor is None else FLOORS[thing],
            )
    for name, share in found.at_rest.items():
        yield Figure(BENCH, f"at rest: {name}", 100 * share, "% of a core", note="left out of the above")
