"""Hiding across two gateways (V1): deleted at the one, until no page that begins at the other shows it any more."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import orjson

from realtime.worker import FANOUT
from tests.answers import contract
from tests.bench.cluster_people import People, connected_to, people_of
from tests.bench.cluster_stand import Servers, as_server, caught_up, on_cluster, processes
from tests.bench.figures import Figure, Target, middle, percentile
from tests.bench.http_load import Client
from tests.bench.requests import home_timeline, http_request, post_requests, tokens_of
from tests.bench.run import Run, run_loop

BENCH = "cluster-hiding"
SHOWN_S = 30.0
TRIES = 20
FLOOR = "a page of the same viewer, which is as close as looking can tell"


@dataclass(slots=True)
class Found:
    """Seconds by round: from a deletion until the last page began that showed the tweet, until its answer, a page."""

    hidden: list[Sequence[float]] = field(default_factory=list)
    answered: list[Sequence[float]] = field(default_factory=list)
    page: list[Sequence[float]] = field(default_factory=list)


def run(run: Run) -> list[Figure]:
    """Measure one deletion at a time."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    people = people_of(run, servers)
    return list(_figures(run_loop(_rounds(run, people))))


async def _rounds(run: Run, people: People) -> Found:
    found = Found()
    author, viewer = tokens_of(people.keys, [people.author, people.viewers[0]])
    async with (
        processes(run, people.site, gateways=2) as cluster,
        connected_to(people.site) as connected,
    ):
        reading, acting = map(as_server, cluster.gateways)
        await caught_up(connected, FANOUT)
        reader, actor = await Client.open(reading.port), await Client.open(acting.port)
        looker = Looker(reader, http_request(home_timeline(), viewer))
        posts = post_requests([author])
        for number in range(run.size("rounds")):
            run.say(f"{BENCH}: round {number + 1}")
            hidden, answered = [], []
            looker.pages_s.clear()
            for _ in range(run.size("sockets-posts")):
                tweet_id = orjson.loads(await actor.ask(next(posts)))["data"]["postTweet"]["tweet"]["id"]
                await looker.until(tweet_id, is_shown=True)
                looking = asyncio.create_task(looker.until(tweet_id, is_shown=False))
                sent_s = time.perf_counter()
                await _delete(actor, author, tweet_id)
                answered.append(time.perf_counter() - sent_s)
                hidden.append(max(0.0, await looking - sent_s))
            found.hidden.append(hidden)
            found.answered.append(answered)
            found.page.append(list(looker.pages_s))
        reader.close()
        actor.close()
    return found


class Looker:
    """Reads one viewer's page over and over."""

    def __init__(self, client: Client, request: bytes) -> None:
        self._client = client
        self._request = request
        self.pages_s: list[float] = []

    async def until(self, tweet_id: str, *, is_shown: bool) -> float:
        """Read until a tweet shows, or no longer does; return when the last page began that told otherwise."""
        last_s, text = 0.0, tweet_id.encode()
        async with asyncio.timeout(SHOWN_S):
            while True:
                began_s = time.perf_counter()
                page = await self._client.ask(self._request)
                self.pages_s.append(time.perf_counter() - began_s)
                if (text in page) is is_shown:
                    return last_s
                last_s = began_s


async def _delete(client: Client, token: str, tweet_id: str) -> None:
    """Delete, and ask again as long as it is not hidden everywhere (V3)."""
    request = http_request(contract()["DeleteTweet"], token, {"id": tweet_id})
    for attempt in itertools.count(1):
        try:
            body = await client.ask(request)
        except RuntimeError:
            if attempt == TRIES:
                raise
            continue
        if b'"errors":' in body:
            raise RuntimeError(f"a deletion failed: {body[:500]!r}")
        return


def _figures(found: Found) -> Iterator[Figure]:
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        hidden, answered, page = (
            [1_000 * percentile(each, share) for each in rounds]
            for rounds in (found.hidden, found.answered, found.page)
        )
        target = Target(below=1_000) if name == "p99" else None
        title = f"deleted at one gateway, until the last page that showed it began at another: {name}"
        yield middle(BENCH, title, hidden, "ms", floor=median(page), floor_name=FLOOR, target=target)
        yield middle(BENCH, f"deletion answered: {name}", answered, "ms")
