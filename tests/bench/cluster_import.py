"""`roost import` of tweets into a cluster: the whole command, until both groups have applied all of it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.cluster.parts import store_url
from tests.bench.cluster_stand import Meter, Servers, on_cluster, per, processes
from tests.bench.figures import Figure
from tests.bench.imports import COMMAND, ROOT, write_tweets
from tests.bench.run import Run, run_loop
from tests.cluster.processes import Site

BENCH = "cluster-import"
LIMIT_S = 7_200.0
FLOOR_ROWS = 50_000
SENT_AT_ONCE = 2_000
REST_S = 2.0
FLOOR = "the file read, and each row written into one table by the driver alone"
TABLE = "CREATE TABLE bare (id bigint PRIMARY KEY, author text, text text, created_at_ms bigint)"
INSERT = "INSERT INTO bare (id, author, text, created_at_ms) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Found:
    """How long the command took, and the processor seconds of the others meanwhile."""

    seconds: float
    spent: Mapping[str, float]


def run(run: Run) -> list[Figure]:
    """Time one import, interpreter start included, and the floor on some of the same rows."""
    return on_cluster(run, BENCH, partial(_measure, run))


def run_command(run: Run, environ: Mapping[str, str], limit_s: float, *arguments: str) -> str:
    """Run a command of Roost's on all cores, and return what it said. RuntimeError if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    finished = subprocess.run(
        [sys.executable, "-c", COMMAND.format(cores=set(run.cores)), *arguments],
        env={**kept, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    said = finished.stdout + finished.stderr
    if finished.returncode != 0:
        raise RuntimeError(f"roost {' '.join(arguments)} failed: {said[-2_000:]}")
    return said


def _measure(run: Run, servers: Servers) -> list[Figure]:
    rows, path = run.size("import-rows"), run.folder / "cluster-tweets.jsonl"
    write_tweets(path, rows, time.time())
    site = servers.site(run, "imported", run.new_folder("keys-imported"))
    run.say(f"{BENCH}: {rows:,} tweets")
    found = run_loop(_imported(run, servers, site, path, rows))
    floor = run_loop(bare_inserts(site, path, min(rows, FLOOR_ROWS)))
    return list(_figures(found, rows, floor))


async def _imported(run: Run, servers: Servers, site: Site, path: Path, rows: int) -> Found:
    folder = {"ROOST_DATA_DIR": str(run.new_folder("importing"))}
    async with processes(run, site, gateways=0) as cluster:
        meter = Meter(servers, cluster)
        await meter.rest(REST_S)
        before, began_s = meter.now(), time.perf_counter()
        arguments = ("--env", str(site.env_file), "import", "--tweets", str(path))
        said = await asyncio.to_thread(run_command, run, folder, LIMIT_S, *arguments)
        found = Found(time.perf_counter() - began_s, meter.spent(before))
    if f"{rows:,} new" not in said:
        raise RuntimeError(f"not all rows were imported: {said[-2_000:]}")
    return found


async def bare_inserts(site: Site, path: Path, count: int) -> float:
    """Return how many rows of the file a second the driver writes, as many under way as the session allows."""
    async with CassandraSession.open(store_url(site.load())) as session:
        await session.define(
            TABLE.replace("bare", f"{store_url(site.load()).rpartition('/')[2].partition('?')[0]}.bare")
        )
        began_s = time.perf_counter()
        rows: list[Sequence[Statement]] = []
        with path.open("rb") as file:
            for number, line in zip(range(count), file, strict=False):
                row = orjson.loads(line)
                values = (number, row["author"], row["text"], int(row["createdAt"] * 1_000))
                rows.append([(INSERT, values)])
                if len(rows) == SENT_AT_ONCE:
                    await session.write_many(rows)
                    rows = []
        await session.write_many(rows)
        return count / (time.perf_counter() - began_s)


def _figures(found: Found, rows: int, floor: float) -> Iterator[Figure]:
    note = per(found.spent, rows)
    yield Figure(BENCH, f"{rows:,} made-up tweets: rows/s", rows / found.seconds, "/s", floor, FLOOR, note=note)
    yield Figure(BENCH, f"{rows:,} made-up tweets", found.seconds, "s", rows / floor)
