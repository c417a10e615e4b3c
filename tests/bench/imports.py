"""`roost import` as people run it: a real follow graph, and made-up tweets, into empty data folders."""

import gzip
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import orjson

from infra.adapters.sqlite.database import open_database
from infra.adapters.sqlite.store import TABLES
from tests.bench.figures import Figure, Target
from tests.bench.folders import WORDS
from tests.bench.run import Run, in_child

BENCH = "import"
ROOT = Path(__file__).parents[2]
FOLLOWS_FILE = ROOT / "../shared/data/graph/follows_higgs.tsv.gz"
FOLLOWS_S = 60.0
TWEETS = 100_000
AUTHORS = 5_000
WEEK_S = 7 * 86_400
LIMIT_S = 600.0
ROWS_A_COMMIT = 40_000
FLOOR_NAME = "the file read, and SQLite alone with the same table and indexes"
COMMAND = "import os; os.sched_setaffinity(0, {cores}); from infra.cli.main import main; main()"


def run(run: Run) -> list[Figure]:
    """Time the whole command, interpreter start included, on all cores."""
    return [*_follows(run), *_tweets(run)]


def _follows(run: Run) -> Iterator[Figure]:
    if not FOLLOWS_FILE.exists():
        run.say(f"{BENCH}: skipped the real follow graph, which a folder `shared` beside the checkout would hold")
        return
    data_dir = run.new_folder("import-follows")
    run.say(f"{BENCH}: {FOLLOWS_FILE.name}")
    seconds = _imported(run, data_dir, "--follows", FOLLOWS_FILE)
    rows = _count(data_dir, "follows")
    floor_s = in_child(insert_follows, FOLLOWS_FILE, run.new_folder("floor-follows"))
    yield Figure(
        BENCH, f"{FOLLOWS_FILE.name}: {rows:,} follows", seconds, "s", floor_s, FLOOR_NAME, Target(below=FOLLOWS_S)
    )
    yield Figure(BENCH, f"{FOLLOWS_FILE.name}: follows/s", rows / seconds, "/s", rows / floor_s)


def _tweets(run: Run) -> Iterator[Figure]:
    count = TWEETS // 5 if run.is_quick else TWEETS
    path = run.folder / "tweets.jsonl"
    write_tweets(path, count, time.time())
    data_dir = run.new_folder("import-tweets")
    run.say(f"{BENCH}: {count:,} made-up tweets")
    seconds = _imported(run, data_dir, "--tweets", path)
    rows = _count(data_dir, "tweets")
    if rows != count:
        raise RuntimeError(f"{rows} of {count} tweets were imported")
    floor_s = in_child(insert_tweets, path, run.new_folder("floor-tweets"))
    yield Figure(BENCH, f"{rows:,} made-up tweets: tweets/s", rows / seconds, "/s", rows / floor_s, FLOOR_NAME)


def write_tweets(path: Path, count: int, now: float) -> None:
    """Write so many tweets of the last week, the oldest first, a tenth of them replies."""
    rng = random.Random(4)
    with path.open("wb") as file:
        for number in range(count):
            row = {
                "id": f"s{number}",
                "author": f"author{rng.randrange(AUTHORS)}",
                "text": f"Tweet number {number}, about what {rng.choice(WORDS)} people would say #topic{number % 50}",
                "createdAt": now - WEEK_S + WEEK_S * number / (count + 1),
            }
            if number % 10 == 9:
                row["inReplyTo"] = f"s{rng.randrange(number)}"
            file.write(orjson.dumps(row) + b"\n")


def insert_follows(path: Path, folder: Path) -> float:
    """Return the seconds that the least possible work takes on a file of follows."""
    statement = "INSERT OR IGNORE INTO follows VALUES (?, ?, ?, ?, ?)"
    began_s = time.perf_counter()
    with closing(open_database(folder / "store.db", TABLES, synced=False)) as connection, gzip.open(path) as file:
        rows = []
        for number, line in enumerate(file):
            follower, followee = line.split(maxsplit=2)[:2]
            if follower.isdigit():
                rows.append((int(follower), int(followee), number, 1, number))
            if len(rows) == ROWS_A_COMMIT:
                _insert(connection, statement, rows)
                rows = []
        _insert(connection, statement, rows)
    return time.perf_counter() - began_s


def insert_tweets(path: Path, folder: Path) -> float:
    """Return the seconds that the least possible work takes on a file of tweets."""
    statement = "INSERT INTO tweets VALUES (?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL, NULL, ?, NULL, NULL)"
    began_s = time.perf_counter()
    with closing(open_database(folder / "store.db", TABLES, synced=False)) as connection, path.open("rb") as file:
        rows = []
        for number, line in enumerate(file):
            row = orjson.loads(line)
            rows.append((number, int(row["author"][6:]), row["text"], int(row["createdAt"] * 1000), number))
            if len(rows) == ROWS_A_COMMIT:
                _insert(connection, statement, rows)
                rows = []
        _insert(connection, statement, rows)
    return time.perf_counter() - began_s


def _insert(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(statement, rows)
    connection.execute("COMMIT")


def _imported(run: Run, data_dir: Path, option: str, path: Path) -> float:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    began_s = time.perf_counter()
    finished = subprocess.run(
        [sys.executable, "-c", COMMAND.format(cores=set(run.cores)), "import", option, str(path)],
        env=kept | {"ROOST_DATA_DIR": str(data_dir)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_S,
        check=False,
    )
    seconds = time.perf_counter() - began_s
    if finished.returncode != 0:
        raise RuntimeError(f"the import failed: {finished.stdout.decode(errors='replace')[-2_000:]}")
    return seconds


def _count(data_dir: Path, table: str) -> int:
    with closing(sqlite3.connect(data_dir / "store.db")) as store:
        (count,) = store.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)
