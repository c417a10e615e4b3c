"""Live home timelines: 1,000 sockets that follow one author; how many deliveries a second, and how late."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from infra.embedded import open_engine
from infra.settings import Settings
from loaders.records import UserId
from tests.bench.figures import Figure, Target, middle, percentile
from tests.bench.folders import follow, make_users
from tests.bench.http_load import SATURATED, Client
from tests.bench.requests import http_request, is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.serve import BROADCAST
from tests.bench.servers import Server, floor_server, roost_server
from tests.bench.socket_load import Crowd

BENCH = "live"
SOCKETS = 1_000
IN_FLIGHT = (1, 4)
ATTACH_S = 60.0
STEADY_POSTS_A_SECOND = 5
FLOOR_NAME = "uvicorn, ready frames of the same size"

Publish = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Burst:
    """What some seconds of publishing came to."""

    deliveries_s: float
    latencies_s: Sequence[float]
    client_share: float
    server_share: float


def run(run: Run) -> list[Figure]:
    """Measure bursts with one and four posts in flight, and a steady rate, each beside the floor."""
    data_dir = run.copy(run.made("live", make_folder))
    author, *viewers = run_loop(open_accounts(data_dir))
    tokens = tokens_of(data_dir, viewers)
    posts = post_requests(tokens_of(data_dir, [author]))
    with roost_server(data_dir, run.server_core) as roost:
        frame_bytes = run_loop(_frame_bytes(roost, tokens[:1], posts))
        with floor_server(frame_bytes, run.server_core, run.folder) as floor:
            measured = run_loop(_measure(run, roost, floor, tokens, posts))
    return list(_figures(measured, frame_bytes))


def make_folder(data_dir: Path) -> None:
    """Make a data folder of one author and the followers, pushed to each."""

    async def fill() -> None:
        async with open_engine(Settings.for_tests(data_dir)) as engine:
            author, *viewers = await make_users(engine, ["author", *(f"viewer{n}" for n in range(SOCKETS))])
            await follow(engine, [(viewer, author) for viewer in viewers])

    run_loop(fill())


async def attached(server: Server, count: int) -> None:
    """Wait until so many home timelines are streamed."""
    deadline_s = time.monotonic() + ATTACH_S
    while await asyncio.to_thread(server.metric, "roost_home_streams") < count:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"after {ATTACH_S:.0f} s, not all of {count} sockets hear their timelines")


async def open_accounts(data_dir: Path) -> list[UserId]:
    async with open_engine(Settings.for_tests(data_dir)) as engine:
        handles = ["author", *(f"viewer{n}" for n in range(SOCKETS))]
        found = await engine.services.users.by_handles(handles)
        return [found[handle].id for handle in handles]


async def _frame_bytes(server: Server, tokens: Sequence[str], posts: Iterator[bytes]) -> int:
    """Return how long the frame of one post is, by letting one socket hear one."""
    crowd, client = Crowd(), await Client.open(server.port)
    await crowd.join(server.port, tokens)
    await attached(server, 1)
    crowd.begin()
    await crowd.publish(_poster(client, posts))
    crowd.close()
    client.close()
    if b'"TimelineTweetAdded"' not in crowd.first or b'"errors"' in crowd.first:
        raise RuntimeError(f"this is no new tweet: {crowd.first[:500]!r}")
    return len(crowd.first)


def _poster(client: Client, posts: Iterator[bytes]) -> Publish:
    async def publish() -> None:
        if not is_posted(body := await client.ask(next(posts))):
            raise RuntimeError(f"a post failed: {body[:500]!r}")

    return publish


async def _measure(
    run: Run, roost: Server, floor: Server, tokens: Sequence[str], posts: Iterator[bytes]
) -> dict[str, list[Burst]]:
    requests = itertools.repeat(http_request("", tokens[0], path=BROADCAST))
    crowds: dict[str, tuple[Crowd, Server, list[Publish]]] = {}
    for name, server in (("roost", roost), ("floor", floor)):
        crowd = Crowd()
        await crowd.join(server.port, tokens)
        clients = [await Client.open(server.port) for _ in range(max(IN_FLIGHT))]
        publishers = [_poster(each, posts) if server is roost else _asker(each, requests) for each in clients]
        crowds[name] = crowd, server, publishers
    await attached(roost, len(tokens))
    measured: dict[str, list[Burst]] = {}
    for number in range(run.rounds(4, 2)):
        run.say(f"{BENCH}: round {number + 1}")
        for name, (crowd, server, publishers) in crowds.items():
            for in_flight in IN_FLIGHT:
                burst = await _burst(crowd, server, publishers[:in_flight], run.seconds(4, 1.5))
                measured.setdefault(f"{name} {in_flight}", []).append(burst)
            burst = await _burst(crowd, server, publishers[:1], run.seconds(6, 3), 1 / STEADY_POSTS_A_SECOND)
            measured.setdefault(f"{name} steady", []).append(burst)
    for crowd, _, _ in crowds.values():
        crowd.close()
    return measured


def _asker(client: Client, requests: Iterator[bytes]) -> Publish:
    async def publish() -> None:
        await client.ask(next(requests))

    return publish


async def _burst(
    crowd: Crowd, server: Server, publishers: Sequence[Publish], seconds: float, pause_s: float = 0.0
) -> Burst:
    """Publish the next event once all sockets have heard the last; so many publishers do that side by side."""
    crowd.begin()
    server_before_s, client_before_s = server.cpu_s(), time.process_time()
    began_s = time.perf_counter()

    async def publish(send: Publish) -> None:
        due_s = began_s
        while time.perf_counter() - began_s < seconds:
            await crowd.publish(send)
            due_s += pause_s
            if pause_s:
                await asyncio.sleep(due_s - time.perf_counter())

    await asyncio.gather(*map(publish, publishers))
    took_s = time.perf_counter() - began_s
    return Burst(
        crowd.arrived / took_s,
        crowd.latencies_s,
        (time.process_time() - client_before_s) / took_s,
        (server.cpu_s() - server_before_s) / took_s,
    )


def _figures(measured: dict[str, list[Burst]], frame_bytes: int) -> Iterator[Figure]:
    for in_flight in IN_FLIGHT:
        own, floor = measured[f"roost {in_flight}"], measured[f"floor {in_flight}"]
        busiest = max(median(each.client_share for each in bursts) for bursts in (own, floor))
        yield middle(
            BENCH,
            f"deliveries/s to {SOCKETS:,} sockets, {in_flight} in flight, frames of {frame_bytes} bytes",
            [each.deliveries_s for each in own],
            "/s",
            floor=median(each.deliveries_s for each in floor),
            floor_name=FLOOR_NAME,
            target=Target(at_least=20_000),
            note=f"server {median(each.server_share for each in own):.0%} of its core, client "
            f"{median(each.client_share for each in own):.0%}"
            + ("; the client's core was SATURATED" if busiest > SATURATED else ""),
        )
        yield middle(
            BENCH,
            f"deliveries a second of the server's processor time, {in_flight} in flight",
            [each.deliveries_s / each.server_share for each in own],
            "/s",
            floor=median(each.deliveries_s / each.server_share for each in floor),
        )
        yield _late(f"post to socket, {in_flight} in flight", own, floor, 0.99)
    for share in (0.5, 0.99):
        title = f"post to socket, {STEADY_POSTS_A_SECOND} posts/s"
        yield _late(title, measured["roost steady"], measured["floor steady"], share, Target(below=100))


def _late(
    title: str, own: Sequence[Burst], floor: Sequence[Burst], share: float, target: Target | None = None
) -> Figure:
    return middle(
        BENCH,
        f"{title}: p{100 * share:.0f}",
        [1000 * percentile(each.latencies_s, share) for each in own],
        "ms",
        floor=median(1000 * percentile(each.latencies_s, share) for each in floor),
        target=target if share == 0.99 else None,
    )
