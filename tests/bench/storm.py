"""After a restart: thousands of sockets come back at once, each with its cursor, while others read pages."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median

import orjson

from infra.embedded import open_engine
from infra.settings import Settings
from loaders.records import UserId
from tests.bench.figures import Figure, Target, middle, percentile
from tests.bench.folders import follow, make_users
from tests.bench.http_load import Client
from tests.bench.requests import home_requests, home_timeline, is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, floor_server, roost_server
from tests.bench.socket_load import Crowd, SocketLost

BENCH = "storm"
SOCKETS, SOCKETS_QUICK = 5_000, 500
MISSED = 50
"""Tweets that each of them has missed meanwhile."""
WAIT_S = 120.0
PAUSE_S = 0.02
FLOOR_NAME = "uvicorn, as many sockets that are told nothing"


class Returning(Crowd):
    """Sockets that have missed the same; who has heard of all of it, and how long that took."""

    def __init__(self, missed: int) -> None:
        super().__init__()
        self.took_s: list[float] = []
        self.heard_all = asyncio.Event()
        self._missed = missed
        self._left = 0
        self._began_s = 0.0
        self._why = ""

    async def come_back(self, port: int, tokens: Sequence[str], after: str | None) -> None:
        """Open a socket for each token, all at once, and wait until each has heard what it missed."""
        self._left, self._began_s = len(tokens), time.perf_counter()
        async with asyncio.timeout(WAIT_S):
            await self.join(port, tokens, len(tokens), after)
            if self._missed:
                await self.heard_all.wait()
        if self._why:
            raise SocketLost(self._why)

    def heard(self, number: int, payload: bytes) -> None:
        """Take notice that one socket has its frame of this number."""
        if not self.first:
            self.first = payload
        if number + 1 > self._missed:
            self.lost(f"frame {number} came, and {self._missed} were missed")
        elif number + 1 == self._missed:
            self.took_s.append(time.perf_counter() - self._began_s)
            self._left -= 1
            if self._left == 0:
                self.heard_all.set()

    def lost(self, why: str) -> None:
        """End the measurement: nobody is to be sent away."""
        self._why = why
        self.heard_all.set()


@dataclass(frozen=True, slots=True)
class Storm:
    """How long the sockets took, and pages before and meanwhile."""

    seconds: float
    took_s: Sequence[float]
    calm_s: Sequence[float]
    meanwhile_s: Sequence[float]


def run(run: Run) -> list[Figure]:
    """Measure storms, and beside each how long bare uvicorn takes to accept as many sockets."""
    count = SOCKETS_QUICK if run.is_quick else SOCKETS
    data_dir = run.copy(run.made(f"storm-{count}", _Folder(count)))
    author, *viewers = run_loop(_accounts(data_dir, count))
    tokens, own = tokens_of(data_dir, viewers), tokens_of(data_dir, [author])
    storms, floors = [], []
    for number in range(run.rounds(3, 1)):
        run.say(f"{BENCH}: round {number + 1}")
        with roost_server(data_dir, run.server_core) as roost:
            storms.append(run_loop(_storm(roost, tokens, own)))
        with floor_server(1, run.server_core, run.folder) as floor:
            floors.append(run_loop(_accepted(floor, tokens)))
    return list(_figures(count, storms, floors))


@dataclass(frozen=True, slots=True)
class _Folder:
    """Makes a data folder of one author and so many followers."""

    count: int

    def __call__(self, data_dir: Path) -> None:
        async def fill() -> None:
            async with open_engine(Settings.for_tests(data_dir, push_limit=20_000)) as engine:
                author, *viewers = await make_users(engine, _handles(self.count))
                await follow(engine, [(viewer, author) for viewer in viewers])

        run_loop(fill())


def _handles(count: int) -> list[str]:
    return ["author", *(f"viewer{number}" for number in range(count))]


async def _accounts(data_dir: Path, count: int) -> list[UserId]:
    async with open_engine(Settings.for_tests(data_dir)) as engine:
        found = await engine.services.users.by_handles(_handles(count))
        return [found[handle].id for handle in _handles(count)]


async def _storm(server: Server, tokens: Sequence[str], own: Sequence[str]) -> Storm:
    client = await Client.open(server.port)
    pages = cycle(home_requests(tokens[:50], home_timeline()))
    after = orjson.loads(await client.ask(next(pages)))["data"]["homeTimeline"]["liveCursor"]
    posts = post_requests(own)
    for _ in range(MISSED):
        if not is_posted(body := await client.ask(next(posts))):
            raise RuntimeError(f"a post failed: {body[:500]!r}")
    calm_s = [await _page_s(client, pages) for _ in range(200)]
    meanwhile_s: list[float] = []

    async def read_on() -> None:
        while True:
            meanwhile_s.append(await _page_s(client, pages))
            await asyncio.sleep(PAUSE_S)

    reading, crowd = asyncio.ensure_future(read_on()), Returning(MISSED)
    began_s = time.perf_counter()
    try:
        await crowd.come_back(server.port, tokens, after)
        seconds = time.perf_counter() - began_s
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        crowd.close()
        client.close()
    return Storm(seconds, crowd.took_s, calm_s, meanwhile_s)


async def _page_s(client: Client, pages: Iterator[bytes]) -> float:
    began_s = time.perf_counter()
    await client.ask(next(pages))
    return time.perf_counter() - began_s


async def _accepted(server: Server, tokens: Sequence[str]) -> float:
    crowd, began_s = Returning(0), time.perf_counter()
    await crowd.come_back(server.port, tokens, None)
    seconds = time.perf_counter() - began_s
    crowd.close()
    return seconds


def _figures(count: int, storms: Sequence[Storm], floors: Sequence[float]) -> Iterator[Figure]:
    title = f"{count:,} sockets come back at once, {MISSED} tweets behind"
    yield middle(
        BENCH,
        f"{title}: all have heard them after",
        [storm.seconds for storm in storms],
        "s",
        floor=median(floors),
        floor_name=FLOOR_NAME,
        target=Target(below=30),
    )
    yield middle(BENCH, f"{title}: one of them after, p50", [median(storm.took_s) for storm in storms], "s")
    for share in (0.5, 0.99):
        yield middle(
            BENCH,
            f"{title}: a page meanwhile, p{share * 100:.0f}",
            [1000 * percentile(storm.meanwhile_s, share) for storm in storms],
            "ms",
            floor=median([1000 * percentile(storm.calm_s, share) for storm in storms]),
            floor_name="a page before",
        )
