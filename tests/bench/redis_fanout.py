"""Fan-out into Redis: entries a second of one Redis core through `push_many`, and bytes an entry."""

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.adapters.redis.connection import Call, RedisConnection, RedisLimits
from infra.adapters.redis.timelines import Pushes, RedisTimelineStore, runs_of
from infra.stack.programs import Missing
from infra.stack.redis import redis_server
from loaders.records import TweetId, UserId
from tests.bench.figures import Figure, Target, middle
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "redis-fanout"
VIEWERS, FOLLOWERS = 5_000, 1_000
LENGTH = 800
MEASURED_LISTS = 50
FIRST_ID = 1_790_000_000_000 << 21
SETTLED = {partition: 3_000_000_000 + partition for partition in range(64)}
PATIENT = RedisLimits(timeout_s=60.0)


@dataclass(slots=True)
class Found:
    """What the rounds came to, in entries a second."""

    wall: list[float] = field(default_factory=list)
    core: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    replay: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    floor_core: list[float] = field(default_factory=list)
    bytes_built: float = 0.0
    bytes_flowing: float = 0.0


def run(run: Run) -> list[Figure]:
    """Measure full batches, single posts and a replay, against the same scripts fed by a bare loop."""
    rounds, posts = run.rounds(5, 3), 100 if run.is_quick else 500
    run.say(f"{BENCH}: {posts} posts a batch, each to {FOLLOWERS:,} of {VIEWERS:,} lists")
    try:
        found = in_child(_measure, run.new_folder("redis"), run.server_core, rounds, posts)
    except Missing as missing:
        run.say(f"{BENCH}: {missing}")
        return []
    floor = {"floor": sorted(found.floor)[rounds // 2], "floor_name": "the same calls from a bare loop"}
    core = {"floor": sorted(found.floor_core)[rounds // 2], "floor_name": floor["floor_name"]}
    return [
        middle(BENCH, f"entries/s, batches of {posts} posts", found.wall, "/s", **floor),
        middle(
            BENCH, "entries per second of a Redis core", found.core, "/s", target=Target(at_least=300_000.0), **core
        ),
        middle(BENCH, "entries/s, one post a batch", found.single, "/s", **floor),
        middle(BENCH, "entries/s, a batch again", found.replay, "/s", **floor),
        Figure(BENCH, "bytes an entry, lists of 800 as built", found.bytes_built, "B", target=Target(below=11.0)),
        Figure(BENCH, "bytes an entry, lists in flow", found.bytes_flowing, "B", note="memory comes in pieces"),
    ]


def _measure(folder: Path, core: int, rounds: int, posts: int) -> Found:
    as_server()
    return run_loop(_rounds(folder, core, rounds, posts))


async def _rounds(folder: Path, core: int, rounds: int, posts: int) -> Found:
    found = Found()
    async with redis_server(folder) as server, RedisConnection.open(server.url, PATIENT) as connection:
        pid = server.nodes[0].process.pid
        assert pid is not None
        os.sched_setaffinity(pid, {core})
        store = RedisTimelineStore(connection, LENGTH, push_timeout_s=PATIENT.timeout_s)
        posting = Posting(random.Random(5))
        await _build(store, posting.viewers)
        found.bytes_built = await _bytes_an_entry(connection)
        # Half of a list's slack is filled at any time, in the mean.
        await store.push_many(posting.batch(LENGTH // 2))
        for _ in range(rounds):
            batch = posting.batch(posts)
            await _pushed(connection, store, [batch], found.wall, found.core)
            await _pushed(connection, store, [[post] for post in posting.batch(posts // 5)], found.single, [])
            await _pushed(connection, store, [batch], found.replay, [])
            await _bare(connection, store, posting.batch(posts), found)
        found.bytes_flowing = await _bytes_an_entry(connection)
    return found


class Posting:
    """Makes posts with ever greater ids, each to followers drawn at random."""

    def __init__(self, rng: random.Random) -> None:
        self.viewers = [UserId(FIRST_ID - (number << 21)) for number in range(1, VIEWERS + 1)]
        self._rng = rng
        self._newest = FIRST_ID

    def batch(self, posts: int) -> Pushes:
        """Return the pushes of so many posts."""
        pushes = []
        for _ in range(posts):
            self._newest += self._rng.randrange(1, 1 << 33)
            pushes.append((TweetId(self._newest), self._rng.sample(self.viewers, FOLLOWERS)))
        return pushes


async def _build(store: RedisTimelineStore, viewers: Sequence[UserId]) -> None:
    older = [TweetId(FIRST_ID - (number << 30)) for number in range(LENGTH)]
    for viewer_id in viewers:
        token = await store.begin_build(viewer_id)
        await store.finish_build(viewer_id, token, older, TweetId(1), SETTLED)


async def _pushed(
    connection: RedisConnection,
    store: RedisTimelineStore,
    batches: Sequence[Pushes],
    wall: list[float],
    core: list[float],
) -> None:
    entries = FOLLOWERS * sum(map(len, batches))
    used_s, began_s = await _core_s(connection), time.perf_counter()
    for batch in batches:
        await store.push_many(batch)
    wall.append(entries / (time.perf_counter() - began_s))
    core.append(entries / (await _core_s(connection) - used_s))


async def _bare(connection: RedisConnection, store: RedisTimelineStore, batch: Pushes, found: Found) -> None:
    """Send the same calls one by one over a client of redis-py, all made and counted before."""
    commands = [call.command(by_text=False) for run in runs_of(batch) for call in store.push_calls(run)]
    client = connection.nodes.client(connection.nodes.masters()[0])
    used_s, began_s = await _core_s(connection), time.perf_counter()
    for command in commands:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]
    entries = FOLLOWERS * len(batch)
    found.floor.append(entries / (time.perf_counter() - began_s))
    found.floor_core.append(entries / (await _core_s(connection) - used_s))


async def _core_s(connection: RedisConnection) -> float:
    """Answer the processor time that Redis has used, in seconds."""
    told = (await connection.one(Call("", ("INFO", "cpu")))).decode().splitlines()
    facts = dict(line.split(":") for line in told if ":" in line)
    return float(facts["used_cpu_user"]) + float(facts["used_cpu_sys"])


async def _bytes_an_entry(connection: RedisConnection) -> float:
    """Answer what Redis says that some lists take, by the ids that they hold."""
    used = entries = 0
    keys = (await connection.one(Call("", ("KEYS", "tl:*"))))[:MEASURED_LISTS]
    for key in map(bytes.decode, keys):
        used += await connection.one(Call(key, ("MEMORY", "USAGE", key, "SAMPLES", 0)))
        entries += await connection.one(Call(key, ("LLEN", key))) - 2
    return used / entries
