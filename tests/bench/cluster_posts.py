"""Posting over HTTP to a gateway of a cluster, 64 at once, beside the bare producer that is handed finished records."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from infra.cluster.parts import Connected
from loaders.records import TweetId, UserId
from realtime.events import TweetPosted, encode
from tests.bench.cluster_floors import floor_topics
from tests.bench.cluster_people import People, connected_to, people_of
from tests.bench.cluster_stand import WORKERS, Meter, Servers, as_server, behind, caught_up, on_cluster, per, processes
from tests.bench.figures import Figure
from tests.bench.http_load import Lap, load
from tests.bench.kafka_posts import Lap as Floor
from tests.bench.kafka_posts import bare_appends
from tests.bench.requests import is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop

BENCH = "cluster-posts"
AT_ONCE = 64
FLOOR = f"the producer alone, {AT_ONCE} finished records under way"
TEXT = "x" * 92
"""As long as the texts of the posts."""
VALUES = 1_000
FLOOR_S_MAX = 5.0
WARM_UP_S = 2.0
REST_S = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """The posts, the floor's laps, how far behind each group was at the end, and how long it took to catch up."""

    lap: Lap
    floors: Sequence[Floor]
    behind: Mapping[str, int]
    caught_up_s: Mapping[str, float]
    note: str


def run(run: Run) -> list[Figure]:
    """Measure one gateway and the workers of both groups, between two laps of the floor."""
    return on_cluster(run, BENCH, partial(_measure, run))


def records() -> Sequence[bytes]:
    """Return records as posts make them."""
    events = (TweetPosted(TweetId(number << 40), UserId(number << 40), TEXT, number) for number in range(1, VALUES + 1))
    return [encode(event) for event in events]


def _measure(run: Run, servers: Servers) -> list[Figure]:
    people = people_of(run, servers)
    return list(_figures(run_loop(_posting(run, servers, people)), run.size("posts-seconds")))


async def _posting(run: Run, servers: Servers, people: People) -> Found:
    tokens, seconds = tokens_of(people.keys, people.viewers), run.size("posts-seconds")
    topics, values = await floor_topics(servers.kafka), records()
    floors = []

    async def bare() -> Floor:
        floor_s = min(FLOOR_S_MAX, seconds)
        return await asyncio.to_thread(bare_appends, servers.kafka, topics, values, AT_ONCE, floor_s)

    async with processes(run, people.site) as cluster, connected_to(people.site) as connected:
        gateway, meter = as_server(cluster.gateways[0]), Meter(servers, cluster)
        await load(gateway.port, post_requests(tokens), AT_ONCE, min(WARM_UP_S, seconds), is_posted)
        for group in WORKERS:
            await caught_up(connected, group)
        await meter.rest(REST_S)
        floors.append(await bare())
        run.say(f"{BENCH}: {AT_ONCE} at once for {seconds} s")
        before = meter.now()
        lap = await load(gateway.port, post_requests(tokens), AT_ONCE, seconds, is_posted)
        lags, caught_up_s = await _lags(connected)
        note = per(meter.spent(before), len(lap.latencies_s))
        floors.append(await bare())
    return Found(lap, floors, lags, caught_up_s, note)


async def _lags(connected: Connected) -> tuple[Mapping[str, int], Mapping[str, float]]:
    began_s, ends = time.perf_counter(), await connected.log.end()
    lags, took_s = {group: await behind(connected, group, ends) for group in WORKERS}, {}
    for group in WORKERS:
        await caught_up(connected, group, ends)
        took_s[group] = time.perf_counter() - began_s
    return lags, took_s


def _figures(found: Found, seconds: int) -> Iterator[Figure]:
    lap, title = found.lap, f"{AT_ONCE} at once, {seconds} s"
    floor = median(each.rate for each in found.floors)
    note = f"{found.note}; client {lap.client_share:.0%} of its core"
    yield Figure(BENCH, f"{title}: posts/s", lap.rate, "/s", floor=floor, floor_name=FLOOR, note=note)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        floor = median(each.latency_ms(share) for each in found.floors)
        yield Figure(BENCH, f"{title}: {name}", lap.latency_ms(share), "ms", floor=floor, floor_name=FLOOR)
    for group, took_s in found.caught_up_s.items():
        note = f"{found.behind[group]} events behind; the time is until it had caught up"
        yield Figure(BENCH, f"{title}: {group} behind at the end", took_s, "s", note=note)
