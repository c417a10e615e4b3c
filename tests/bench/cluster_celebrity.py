"""A celebrity posts: what it costs the workers and how late sockets hear it, beside an author whom ten follow."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from realtime.worker import FANOUT
from tests.bench.cluster_follows import write_follows
from tests.bench.cluster_load import poster, publish_each
from tests.bench.cluster_people import CELEBRITY, FEW, RARE, People, connected_to, made_up_id, people_of
from tests.bench.cluster_stand import WORKERS, Meter, Servers, as_server, caught_up, on_cluster, per, processes
from tests.bench.figures import Figure, middle, percentile
from tests.bench.http_load import Client
from tests.bench.live import attached
from tests.bench.requests import post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.socket_load import Crowd

BENCH = "cluster-celebrity"
FIRST_FAN = 1_000_000
PAUSE_S = 0.05
REST_S = 3.0
FLOOR = f"an author with {FEW}"


@dataclass(slots=True)
class Posts:
    """What an author's posts came to: seconds until sockets had them by round, and each round's CPU by process."""

    latencies_s: list[Sequence[float]] = field(default_factory=list)
    spent: list[Mapping[str, float]] = field(default_factory=list)


def run(run: Run) -> list[Figure]:
    """Measure both authors in turn, the followers loaded before."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    people, fans = people_of(run, servers), run.size("followers")
    took_s = run.kept("fans", partial(_load, run, people, fans))
    found = run_loop(_rounds(run, servers, people, fans))
    return list(_figures(found, fans, run.size("celebrity-posts"), took_s))


def _load(run: Run, people: People, fans: int) -> float:
    run.say(f"{BENCH}: writing {fans:,} followers")
    began_s = time.perf_counter()
    run_loop(write_follows(people.site, people.celebrity, [made_up_id(FIRST_FAN + each) for each in range(fans)]))
    return time.perf_counter() - began_s


async def _rounds(run: Run, servers: Servers, people: People, fans: int) -> Mapping[str, Posts]:
    posts, crowd = run.size("celebrity-posts"), Crowd()
    found = {CELEBRITY: Posts(), RARE: Posts()}
    async with processes(run, people.site) as cluster, connected_to(people.site) as connected:
        celebrity, rare = await connected.parts.graph.counts([people.celebrity, people.rare])
        if (celebrity.followers, rare.followers) != (fans + rare.followers, min(FEW, len(people.viewers))):
            raise RuntimeError(f"the followers are not those that were written: {celebrity}, {rare}")
        gateway, meter = as_server(cluster.gateways[0]), Meter(servers, cluster)
        client = await Client.open(gateway.port)
        tokens = tokens_of(people.keys, [people.celebrity, people.rare])
        sends = {name: poster(client, post_requests([token])) for name, token in zip(found, tokens, strict=True)}
        for send in sends.values():
            # The first post finds the celebrity above the push limit.
            await send()
        await caught_up(connected, FANOUT)
        await crowd.join(gateway.port, tokens_of(people.keys, people.viewers[:FEW]))
        await attached(gateway, len(crowd.sockets))
        await meter.rest(REST_S)
        for number in range(run.size("rounds")):
            run.say(f"{BENCH}: round {number + 1}")
            for name, send in sends.items():
                before = meter.now()
                found[name].latencies_s.append(await publish_each(crowd, send, posts, PAUSE_S))
                found[name].spent.append(meter.spent(before))
        crowd.close()
        client.close()
    return found


def _figures(found: Mapping[str, Posts], fans: int, posts: int, took_s: float) -> Iterator[Figure]:
    own, few, title = found[CELEBRITY], found[RARE], f"{fans:,} followers"
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        own_ms, few_ms = ([1_000 * percentile(each, share) for each in one.latencies_s] for one in (own, few))
        yield middle(BENCH, f"{title}: post to socket, {name}", own_ms, "ms", floor=median(few_ms), floor_name=FLOOR)
    for label, names in (("workers'", WORKERS), ("every process's", tuple(own.spent[0]))):
        own_ms, few_ms = (
            [1_000 * sum(each[name] for name in names) / posts for each in one.spent] for one in (own, few)
        )
        yield middle(
            BENCH,
            f"{title}: {label} processor time a post",
            own_ms,
            "ms",
            floor=median(few_ms),
            floor_name=FLOOR,
            note=per(own.spent[-1], posts),
        )
    yield Figure(BENCH, "followers written in bulk, as the projection leaves them", fans / took_s, "/s")
