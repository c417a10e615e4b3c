"""Posting over HTTP, durable before it is answered: 8 and 64 at once, and how far each group is behind at the end."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from infra.adapters.sqlite.database import open_database
from tests.bench.figures import Figure, Target, middle
from tests.bench.http_load import Lap, load
from tests.bench.pages import choose_authors
from tests.bench.requests import is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, roost_server

BENCH = "posts"
AUTHORS = 500
LAG_S_MAX = 30.0
POLL_S = 0.005
PAYLOAD = "x" * 250
"""About what a post's event takes in the log."""
LOG_TABLE = "CREATE TABLE rows (id INTEGER PRIMARY KEY, key INTEGER, kind INTEGER, payload TEXT, at_ms INTEGER)"


def run(run: Run) -> list[Figure]:
    """Measure each width on the bundled sample, between two looks at what the disk can do."""
    data_dir = run.sample()
    tokens = tokens_of(data_dir, choose_authors(data_dir, AUTHORS))
    figures: list[Figure] = []
    with roost_server(data_dir, run.server_core) as server:
        for at_once in (8, 64):
            figures += _sustained(run, server, at_once, tokens, run.seconds(30, 5))
        run.say(f"{BENCH}: 64 at once, with idempotency keys")
        lap = run_loop(load(server.port, post_requests(tokens, with_keys=True), 64, run.seconds(10, 3), is_posted))
        figures.append(Figure(BENCH, "64 at once, each with an idempotency key: posts/s", lap.rate, "/s"))
    return figures


def commits(folder: Path, rows_a_commit: int, seconds: float) -> float:
    """Return how many rows a second SQLite itself commits and syncs, so many of them at a time."""
    path = folder / "commits.db"
    connection = open_database(path, LOG_TABLE, synced=True)
    try:
        return _insert(connection, rows_a_commit, seconds)
    finally:
        connection.close()
        for left in folder.glob("commits.db*"):
            left.unlink()


def _insert(connection: sqlite3.Connection, rows_a_commit: int, seconds: float) -> float:
    batch = [(number, 1, PAYLOAD, number) for number in range(rows_a_commit)]
    count, elapsed_s, began_s = 0, 0.0, time.perf_counter()
    while elapsed_s < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows (key, kind, payload, at_ms) VALUES (?, ?, ?, ?)", batch)
        connection.execute("COMMIT")
        count += 1
        elapsed_s = time.perf_counter() - began_s
    return count * rows_a_commit / elapsed_s


def _sustained(run: Run, server: Server, at_once: int, tokens: Sequence[str], seconds: float) -> Iterator[Figure]:
    looks = max(2, run.rounds(3, 2))
    floors = {rows: [commits(run.folder, rows, 1.0)] for rows in (1, at_once)}
    run.say(f"{BENCH}: {at_once} at once for {seconds:.0f} s")
    before_s = server.cpu_s()
    lap: Lap = run_loop(load(server.port, post_requests(tokens), at_once, seconds, is_posted))
    behind, caught_up_s = _lag(server)
    cpu_s = server.cpu_s() - before_s
    for rows, values in floors.items():
        values += [commits(run.folder, rows, 1.0) for _ in range(looks - 1)]
    title = f"{at_once} at once"
    yield Figure(
        BENCH,
        f"{title}, {seconds:.0f} s: posts/s",
        lap.rate,
        "/s",
        floor=median(floors[at_once]),
        floor_name=f"SQLite alone, {at_once} rows a synced commit; {median(floors[1]):,.0f}/s with one",
        target=Target(at_least=1_500) if at_once == 64 else None,
        note=f"server {cpu_s / lap.seconds:.0%} of its core, client {lap.client_share:.0%}",
    )
    yield Figure(
        BENCH, f"{title}: p50", lap.latency_ms(0.5), "ms", floor=1000 / median(floors[1]), floor_name="a commit"
    )
    yield Figure(BENCH, f"{title}: p99", lap.latency_ms(0.99), "ms")
    yield middle(BENCH, f"{title}: server's processor time a post", [1000 * cpu_s / len(lap.latencies_s)], "ms")
    for group, events in behind.items():
        yield Figure(
            BENCH,
            f"{title}: {group} behind at the end",
            caught_up_s[group],
            "s",
            target=Target(below=1.0),
            note=f"{events} events behind; the time is until it had caught up",
        )


def _lag(server: Server) -> tuple[dict[str, int], dict[str, float]]:
    """Return how many events each group is behind now, and after how many seconds it no longer is."""
    began_s = time.perf_counter()
    behind = dict(server.lags())
    caught_up_s = {name: 0.0 for name, events in behind.items() if events == 0}
    while len(caught_up_s) < len(behind) and time.perf_counter() - began_s < LAG_S_MAX:
        for name, events in server.lags().items():
            if events == 0:
                caught_up_s.setdefault(name, time.perf_counter() - began_s)
        time.sleep(POLL_S)
    return behind, {name: caught_up_s.get(name, LAG_S_MAX) for name in behind}
