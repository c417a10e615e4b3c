"""Post to socket across two gateways: posted at the one, heard at the other, beside bare clients of Kafka and Redis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from realtime.worker import FANOUT
from tests.bench.cluster_floors import Relay, floor_topics
from tests.bench.cluster_load import poster, publish_each
from tests.bench.cluster_people import People, connected_to, people_of
from tests.bench.cluster_posts import records
from tests.bench.cluster_stand import Servers, as_server, caught_up, on_cluster, processes
from tests.bench.figures import Figure, middle, percentile
from tests.bench.http_load import Client
from tests.bench.live import attached
from tests.bench.requests import post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.socket_load import Crowd

BENCH = "cluster-sockets"
PAUSE_S = 0.1
FLOOR = "a record produced and consumed, then a message published and heard, one after the other"


@dataclass(slots=True)
class Found:
    """Seconds by round: until each socket had a post, and the floor's."""

    own: list[Sequence[float]] = field(default_factory=list)
    floor: list[Sequence[float]] = field(default_factory=list)


def run(run: Run) -> list[Figure]:
    """Measure one post at a time, rounds in turn with the floor's."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    people = people_of(run, servers)
    return list(_figures(run_loop(_rounds(run, servers, people)), len(people.viewers)))


async def _rounds(run: Run, servers: Servers, people: People) -> Found:
    found, crowd, posts = Found(), Crowd(), run.size("sockets-posts")
    topics, value = await floor_topics(servers.kafka), records()[0]
    async with (
        processes(run, people.site, gateways=2) as cluster,
        connected_to(people.site) as connected,
        Relay.open(servers.kafka, servers.redis.url, topics) as relay,
    ):
        hearing, posting = map(as_server, cluster.gateways)
        await caught_up(connected, FANOUT)
        await crowd.join(hearing.port, tokens_of(people.keys, people.viewers))
        await attached(hearing, len(crowd.sockets))
        client = await Client.open(posting.port)
        send = poster(client, post_requests(tokens_of(people.keys, [people.author])))
        await publish_each(crowd, send, 1, PAUSE_S)
        for number in range(run.size("rounds")):
            run.say(f"{BENCH}: round {number + 1}")
            found.floor.append(await relay.latencies_s(value, posts))
            found.own.append(await publish_each(crowd, send, posts, PAUSE_S))
        crowd.close()
        client.close()
    return found


def _figures(found: Found, sockets: int) -> Iterator[Figure]:
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        own, floor = ([1_000 * percentile(each, share) for each in rounds] for rounds in (found.own, found.floor))
        title = f"post at one gateway to {sockets} sockets at another: {name}"
        yield middle(BENCH, title, own, "ms", floor=median(floor), floor_name=FLOOR)
