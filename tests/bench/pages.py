"""Home timelines over HTTP on the bundled sample: 32 connections, many viewers, while posts arrive."""

import asyncio
import itertools
import random
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import mean, median

import orjson

from loaders.records import UserId
from tests.bench.figures import Figure, Target, middle
from tests.bench.http_load import SATURATED, Client, Lap, load
from tests.bench.requests import LIGHT_QUERY, home_requests, home_timeline, is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, floor_server, roost_server

BENCH = "pages"
CONNECTIONS = 32
EDGES_MIN = 18
VIEWERS = 400
FOLLOWS_MIN = 10
POSTS_A_SECOND = 20
FLOOR, CONTRACT, LIGHT = "floor", "contract", "light"
FLOOR_NAME = "raw ASGI, ready bytes of the page's size"


def run(run: Run) -> list[Figure]:
    """Measure the contract's document and a light one, each round after one of the floor."""
    data_dir = run.sample()
    viewers, authors = choose_viewers(data_dir, VIEWERS), choose_authors(data_dir, 100)
    tokens = tokens_of(data_dir, viewers)
    requests = {
        CONTRACT: home_requests(tokens, home_timeline()),
        LIGHT: home_requests(tokens, LIGHT_QUERY),
    }
    with roost_server(data_dir, run.server_core) as roost:
        sizes = {name: run_loop(read_once(roost.port, each)) for name, each in requests.items()}
        with (
            floor_server(sizes[CONTRACT], run.server_core, run.folder) as floor,
            floor_server(sizes[LIGHT], run.server_core, run.folder) as light_floor,
        ):
            posts = post_requests(tokens_of(data_dir, authors))
            laps = run_loop(_rounds(run, roost, {CONTRACT: floor, LIGHT: light_floor}, requests, posts))
    return [
        figure
        for name, document in ((CONTRACT, "contract's HomeTimeline"), (LIGHT, "light query"))
        for figure in _figures(f"{document}, {sizes[name] / 1000:.1f} kB", laps, name)
    ]


def choose_viewers(data_dir: Path, count: int) -> list[UserId]:
    """Return viewers who follow some, evenly drawn from all of these."""
    with sqlite3.connect(data_dir / "store.db") as store:
        rows = store.execute(
            "SELECT follower_id FROM follows WHERE standing GROUP BY follower_id HAVING count(*) >= ? ORDER BY 1",
            (FOLLOWS_MIN,),
        ).fetchall()
    ids = [UserId(row[0]) for row in rows]
    random.Random(1).shuffle(ids)
    return ids[:count]


def choose_authors(data_dir: Path, count: int) -> list[UserId]:
    """Return authors drawn at random from all who wrote."""
    with sqlite3.connect(data_dir / "store.db") as store:
        rows = store.execute("SELECT DISTINCT author_id FROM tweets ORDER BY 1").fetchall()
    ids = [UserId(row[0]) for row in rows]
    random.Random(2).shuffle(ids)
    return ids[:count]


async def read_once(port: int, requests: Sequence[bytes], edges_min: int = EDGES_MIN) -> int:
    """Let every viewer read once, look at each answer, and return the mean size of a page in bytes."""
    client = await Client.open(port)
    sizes, edges = [], []
    for request in requests:
        body = await client.ask(request)
        answer = orjson.loads(body)
        if "errors" in answer:
            raise RuntimeError(f"a page has errors: {answer['errors']}")
        edges.append(len(answer["data"]["homeTimeline"]["edges"]))
        sizes.append(len(body))
    client.close()
    if mean(edges) < edges_min:
        raise RuntimeError(f"pages are too short to measure: {mean(edges):.1f} entries in the mean")
    return round(mean(sizes))


async def _rounds(
    run: Run, roost: Server, floors: dict[str, Server], requests: dict[str, list[bytes]], posts: Iterator[bytes]
) -> dict[str, list[tuple[Lap, float]]]:
    """Return for each name its laps, each with the seconds of processor time that the server used."""
    laps: dict[str, list[tuple[Lap, float]]] = defaultdict(list)
    endless = {name: itertools.cycle(each) for name, each in requests.items()}
    seconds = run.seconds(4, 1.5)
    for number in range(run.rounds()):
        run.say(f"{BENCH}: round {number + 1}")
        for name in requests:
            floor = floors[name]
            before_s = floor.cpu_s()
            lap = await load(floor.port, endless[name], CONNECTIONS, seconds / 2)
            laps[f"{FLOOR} {name}"].append((lap, floor.cpu_s() - before_s))
            async with arriving(roost, posts, POSTS_A_SECOND):
                before_s = roost.cpu_s()
                lap = await load(roost.port, endless[name], CONNECTIONS, seconds)
                laps[name].append((lap, roost.cpu_s() - before_s))
    return laps


@asynccontextmanager
async def arriving(server: Server, posts: Iterator[bytes], rate: float) -> AsyncIterator[None]:
    """Let posts arrive at a steady rate while the block runs; a post that fails, fails the block."""

    async def post() -> None:
        client = await Client.open(server.port)
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        try:
            while True:
                if not is_posted(body := await client.ask(next(posts))):
                    raise RuntimeError(f"a post failed: {body[:500]!r}")
                next_s += 1 / rate
                await asyncio.sleep(next_s - loop.time())
        finally:
            client.close()

    task = asyncio.ensure_future(post())
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _figures(title: str, laps: dict[str, list[tuple[Lap, float]]], name: str) -> Iterator[Figure]:
    own, floor = laps[name], laps[f"{FLOOR} {name}"]
    saturated = max(lap.client_share for lap, _ in floor) > SATURATED
    floor_rate = median(lap.rate for lap, _ in floor)
    target = Target(at_least=500) if name == CONTRACT else None
    yield middle(
        BENCH,
        f"{title}: pages/s",
        [lap.rate for lap, _ in own],
        "/s",
        floor=floor_rate,
        floor_name=FLOOR_NAME,
        target=target,
        note="; ".join(
            (
                f"client {median(lap.client_share for lap, _ in own):.0%} of its core",
                f"server {median(cpu_s / lap.seconds for lap, cpu_s in own):.0%}",
                *(("at the floor the client's core is SATURATED: the true floor is higher",) if saturated else ()),
            )
        ),
    )
    for share, label in ((0.5, "p50"), (0.99, "p99")):
        yield middle(
            BENCH,
            f"{title}: {label}",
            [lap.latency_ms(share) for lap, _ in own],
            "ms",
            floor=median(lap.latency_ms(share) for lap, _ in floor),
        )
    yield middle(
        BENCH,
        f"{title}: server's processor time a page",
        [1000 * cpu_s / len(lap.latencies_s) for lap, cpu_s in own],
        "ms",
        floor=median(1000 * cpu_s / len(lap.latencies_s) for lap, cpu_s in floor),
    )
