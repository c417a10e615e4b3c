"""Fan-out end to end: from an append to Kafka, through both groups' own processes, into lists in Redis."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean

from infra.adapters.redis.connection import RedisConnection, RedisLimits
from infra.adapters.redis.timelines import Pushes, RedisTimelineStore
from infra.clocks import Clocks
from infra.cluster.parts import Connected
from loaders.records import TweetId, UserId
from realtime.events import TweetPosted
from realtime.worker import FANOUT
from tests.bench.cluster_floors import bare_pushes
from tests.bench.cluster_graphs import Graph, graphs
from tests.bench.cluster_people import connected_to
from tests.bench.cluster_stand import Meter, Servers, caught_up, on_cluster, per, processes
from tests.bench.figures import Figure, middle
from tests.bench.run import Run, run_loop

BENCH = "cluster-fanout"
AUTHORS = 300
FOLLOWERS_MIN = 10
APPENDED_AT_ONCE = 500
CHECKED = 20
FLOOR = "the same Redis calls from a bare loop"
PATIENT = RedisLimits(timeout_s=60.0)
REST_S = 2.0
LOOKED_AT = 800
SEED = 3

Followers = Mapping[UserId, Sequence[UserId]]


@dataclass(slots=True)
class Found:
    """What the rounds came to: rates in entries, and posts, a second."""

    mean_followers: float
    entries: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    by_worker: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    note: str = ""


def run(run: Run) -> list[Figure]:
    """Measure rounds of posts by authors of real graphs, each round before one of the floor."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    return [
        figure for graph in graphs(run, servers) for figure in _figures(graph, run_loop(_rounds(run, servers, graph)))
    ]


async def _rounds(run: Run, servers: Servers, graph: Graph) -> Found:
    settings = graph.site.load()
    async with (
        processes(run, graph.site, gateways=0) as cluster,
        connected_to(graph.site) as connected,
        RedisConnection.open(settings.timelines_url, PATIENT) as redis,
    ):
        store = RedisTimelineStore(
            redis,
            settings.timeline_length,
            push_timeout_s=PATIENT.timeout_s,
            prefix=f"{connected.log.topics.prefix}.tl",
        )
        followers = await _followers(connected, graph.authors, settings.push_limit)
        await _build(store, followers)
        found, meter = Found(mean(map(len, followers.values()))), Meter(servers, cluster)
        await meter.rest(REST_S)
        for number in range(run.size("rounds")):
            run.say(f"{BENCH}: {graph.name}, round {number + 1}")
            await _lap(connected, store, meter, _posts(connected, followers, run.size("fanout-posts")), found)
            found.floor.append(await bare_pushes(redis, store, _posts(connected, followers, run.size("fanout-posts"))))
    return found


async def _followers(connected: Connected, authors: Sequence[UserId], push_limit: int) -> Followers:
    """Return authors who are pushed, drawn at random, each with all the lists that their posts come to."""
    switches = await connected.parts.policy.switches()
    found: dict[UserId, Sequence[UserId]] = {}
    for author in random.Random(SEED).sample(authors, len(authors)):
        if author not in switches:
            followers = await connected.parts.graph.followers(author, push_limit)
            if len(followers) >= FOLLOWERS_MIN:
                found[author] = (author, *followers)
        if len(found) == AUTHORS:
            break
    return found


async def _build(store: RedisTimelineStore, followers: Followers) -> None:
    """Give everybody concerned a list."""
    for viewer_id in {viewer for viewers in followers.values() for viewer in viewers}:
        token = await store.begin_build(viewer_id)
        await store.finish_build(viewer_id, token, [], TweetId(0), {})


def _posts(connected: Connected, followers: Followers, count: int) -> Pushes:
    authors = list(followers)
    return [(TweetId(connected.parts.new_id()), followers[authors[number % len(authors)]]) for number in range(count)]


async def _lap(connected: Connected, store: RedisTimelineStore, meter: Meter, posts: Pushes, found: Found) -> None:
    now_ms = Clocks().now_ms()
    events = [TweetPosted(tweet_id, viewers[0], f"Post {tweet_id}", now_ms) for tweet_id, viewers in posts]
    entries = sum(len(viewers) for _, viewers in posts)
    before, began_s = meter.now(), time.perf_counter()
    for start in range(0, len(events), APPENDED_AT_ONCE):
        await connected.parts.log.append(events[start : start + APPENDED_AT_ONCE])
    await caught_up(connected, FANOUT)
    took_s, spent = time.perf_counter() - began_s, meter.spent(before)
    for tweet_id, viewers in random.Random(SEED).sample(posts, min(CHECKED, len(posts))):
        newest = await store.newest(viewers[-1], None, LOOKED_AT)
        if newest is None or tweet_id not in newest.ids:
            raise RuntimeError(f"the post {tweet_id} is not in a follower's list")
    found.entries.append(entries / took_s)
    found.posts.append(len(posts) / took_s)
    found.by_worker.append(entries / spent[FANOUT])
    found.note = per(spent, len(posts))


def _figures(graph: Graph, found: Found) -> Iterator[Figure]:
    floor = {"floor": sorted(found.floor)[len(found.floor) // 2], "floor_name": FLOOR}
    title = f"{graph.name}, {found.mean_followers:.0f} lists a post"
    yield middle(BENCH, f"{title}: entries/s from append to pushed", found.entries, "/s", **floor)
    yield middle(BENCH, f"{title}: posts/s from append to pushed", found.posts, "/s", note=found.note)
    yield middle(
        BENCH, f"{title}: entries a second of the group {FANOUT}'s processor time", found.by_worker, "/s", **floor
    )
