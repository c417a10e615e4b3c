"""Memory: what the server holds, and what each timeline entry, each user and each socket adds to it."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from infra.adapters.memory import MemoryTimelineStore
from infra.clocks import Clocks
from infra.embedded import open_parts
from infra.settings import Settings
from loaders.records import TweetId, UserId
from tests.bench.figures import Figure, Target
from tests.bench.http_load import Client
from tests.bench.live import SOCKETS, attached, make_folder, open_accounts
from tests.bench.requests import home_requests, home_timeline, tokens_of
from tests.bench.run import Run, in_child, run_loop
from tests.bench.servers import Server, floor_server, roost_server, rss_bytes
from tests.bench.socket_load import Crowd

BENCH = "memory"
MEGABYTE = 1_000_000
LISTS, LENGTH = 2_000, 800
EMPTY_LISTS = 50_000
SETTLE_S = 0.5


def run(run: Run) -> list[Figure]:
    """Look at resident memory before and after each thing is there."""
    return [*_servers(run), *_sockets(run), *_parts(run)]


def _servers(run: Run) -> Iterator[Figure]:
    run.say(f"{BENCH}: servers")
    with floor_server(100, run.server_core, run.folder) as floor:
        bare = floor.rss_bytes() / MEGABYTE
    with roost_server(run.new_folder("empty"), run.server_core) as server:
        yield _megabytes("server, empty folder", server, bare)
    data_dir = run.sample()
    viewers = _users(data_dir)
    if run.is_quick:
        viewers = viewers[::7]
    requests = home_requests(tokens_of(data_dir, viewers), home_timeline())
    with roost_server(data_dir, run.server_core) as server:
        yield _megabytes("server with the sample, as started", server, bare)
        run_loop(_read(server, requests))
        yield _megabytes(
            f"server with the sample, after {len(viewers):,} viewers read their home timelines",
            server,
            bare,
            Target(below=300),
        )


def _sockets(run: Run) -> Iterator[Figure]:
    run.say(f"{BENCH}: {SOCKETS:,} idle sockets")
    data_dir = run.copy(run.made("live", make_folder))
    tokens = tokens_of(data_dir, run_loop(open_accounts(data_dir))[1:])
    with floor_server(100, run.server_core, run.folder) as floor:
        bare = run_loop(_joined(floor, tokens, is_roost=False))
    with roost_server(data_dir, run.server_core) as server:
        held = run_loop(_joined(server, tokens, is_roost=True))
    yield Figure(
        BENCH,
        "one idle socket that follows its home timeline",
        held / len(tokens) / 1024,
        "KiB",
        floor=bare / len(tokens) / 1024,
        floor_name="an idle socket of raw ASGI under uvicorn",
    )


def _parts(run: Run) -> Iterator[Figure]:
    run.say(f"{BENCH}: timeline entries, relations")
    yield Figure(
        BENCH,
        f"one entry of a cached timeline of {LENGTH}",
        in_child(full_lists) / LISTS / LENGTH,
        "bytes",
        floor=8,
        floor_name="a 64-bit id",
    )
    yield Figure(BENCH, "one cached timeline without entries", in_child(empty_lists) / EMPTY_LISTS, "bytes")
    data_dir = run.sample()
    held, users, follows = in_child(relations, data_dir)
    yield Figure(
        BENCH,
        "one user's relations, on the sample",
        held / users,
        "bytes",
        note=f"{follows / users:.1f} follows each in the mean",
    )


def full_lists() -> int:
    """Return how many bytes full timelines hold."""
    return _grown(LISTS, LENGTH)


def empty_lists() -> int:
    """Return how many bytes timelines without entries hold."""
    return _grown(EMPTY_LISTS, 0)


def relations(data_dir: Path) -> tuple[int, int, int]:
    """Return how many bytes the relations of all users hold, and how many users and follows there are."""

    async def read() -> tuple[int, int, int]:
        viewers = _users(data_dir)
        settings = Settings.for_tests(data_dir, relations_cache_size=len(viewers))
        async with open_parts(settings, Clocks()) as engine:
            # What SQLite keeps of the file is there before, so that it is not counted.
            for index in ("follows_by_follower", "follows_by_followee"):
                scan = f"SELECT count(*) FROM follows INDEXED BY {index} WHERE standing"
                engine.store.connection.execute(scan).fetchall()
            engine.store.connection.execute("SELECT total(log_offset) FROM follows").fetchall()
            graph = engine.services.home.graph
            follows = len((await graph.relations(viewers[0])).follows)
            before = _settled()
            for viewer_id in viewers[1:]:
                follows += len((await graph.relations(viewer_id)).follows)
            return _settled() - before, len(viewers), follows

    return run_loop(read())


def _grown(lists: int, length: int) -> int:
    async def build() -> int:
        store = MemoryTimelineStore(time.monotonic, LENGTH, lists + 1)
        before = _settled()
        for number in range(lists):
            viewer_id = UserId((1 << 40) + number)
            token = await store.begin_build(viewer_id)
            ids = [TweetId(each) for each in range(1, length + 1)]
            await store.finish_build(viewer_id, token, ids, TweetId(0), {0: 1})
        return _settled() - before

    return run_loop(build())


def _settled() -> int:
    gc.collect()
    return rss_bytes()


def _users(data_dir: Path) -> list[UserId]:
    with closing(sqlite3.connect(data_dir / "accounts.db")) as accounts:
        return [UserId(row[0]) for row in accounts.execute("SELECT id FROM users ORDER BY id")]


async def _read(server: Server, requests: list[bytes]) -> None:
    client = await Client.open(server.port)
    for request in requests:
        await client.ask(request)
    client.close()


async def _joined(server: Server, tokens: list[str], is_roost: bool) -> int:
    """Return how much more memory the server holds once all sockets idle, after a first few were there."""
    crowd = Crowd()
    few = len(tokens) // 20
    before = 0
    for part in (tokens[:few], tokens[few:]):
        before = server.rss_bytes()
        await crowd.join(server.port, part)
        if is_roost:
            await attached(server, len(crowd.sockets))
        await asyncio.sleep(SETTLE_S)
    held = server.rss_bytes() - before
    crowd.close()
    return held * len(tokens) // (len(tokens) - few)


def _megabytes(name: str, server: Server, bare: float, target: Target | None = None) -> Figure:
    return Figure(
        BENCH,
        name,
        server.rss_bytes() / MEGABYTE,
        "MB",
        floor=bare,
        floor_name="raw ASGI under uvicorn",
        target=target,
    )
