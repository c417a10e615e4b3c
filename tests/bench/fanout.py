"""Fan-out: entries pushed a second by the group's own handler, to followers who all have a list."""

import random
import time
from array import array
from collections.abc import Sequence
from pathlib import Path

from infra.clocks import Clocks
from infra.embedded import Engine, open_engine, open_parts
from infra.settings import Settings
from loaders.records import TweetId, UserId
from realtime.events import TweetPosted
from realtime.ports import Logged
from tests.bench.figures import Figure, middle
from tests.bench.folders import follow, make_users
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "fanout"
AUTHORS = 20
VIEWERS = 5_000
FOLLOWERS_MIN, FOLLOWERS_MAX = 1_000, 2_950
LENGTH = 800


def run(run: Run) -> list[Figure]:
    """Measure with full batches, and with one post a batch, against bare appends to as many arrays."""
    data_dir = run.made("fanout", make_folder)
    run.say(f"{BENCH}: {AUTHORS} authors of {FOLLOWERS_MIN:,} to {FOLLOWERS_MAX:,} followers each")
    rounds, posts = run.rounds(5, 3), 100 if run.is_quick else 500
    full, single, floors = in_child(_measure, data_dir, rounds, posts)
    floor = {"floor": sorted(floors)[len(floors) // 2], "floor_name": "a bare loop of array appends"}
    return [
        middle(BENCH, f"entries/s, batches of {posts} posts", full, "/s", **floor),
        middle(BENCH, "entries/s, one post a batch", single, "/s", **floor),
    ]


def make_folder(data_dir: Path) -> None:
    """Make a data folder of authors with many followers each."""
    run_loop(_fill(data_dir))


async def _fill(data_dir: Path) -> None:
    rng = random.Random(3)
    async with open_engine(Settings.for_tests(data_dir)) as engine:
        authors = await make_users(engine, [f"author{number}" for number in range(AUTHORS)])
        viewers = await make_users(engine, [f"viewer{number}" for number in range(VIEWERS)])
        pairs = [
            (viewer, author)
            for number, author in enumerate(authors)
            for viewer in rng.sample(viewers, FOLLOWERS_MIN + (FOLLOWERS_MAX - FOLLOWERS_MIN) * number // (AUTHORS - 1))
        ]
        await follow(engine, pairs)


def _measure(data_dir: Path, rounds: int, posts: int) -> tuple[list[float], list[float], list[float]]:
    as_server()
    return run_loop(_rounds(data_dir, rounds, posts))


async def _rounds(data_dir: Path, rounds: int, posts: int) -> tuple[list[float], list[float], list[float]]:
    full, single, floors = [], [], []
    settings = Settings.for_tests(data_dir, fanout_batch_size=posts)
    async with open_parts(settings, Clocks()) as engine:
        users = engine.services.users
        names = [f"author{number}" for number in range(AUTHORS)]
        authors = [user.id for user in (await users.by_handles(names)).values()]
        viewers = [user.id for user in (await users.by_handles([f"viewer{n}" for n in range(VIEWERS)])).values()]
        await _build(engine, viewers)
        lists = {viewer: array("q", range(LENGTH)) for viewer in viewers}
        followers = [await engine.services.home.graph.followers(author, FOLLOWERS_MAX) for author in authors]
        for _ in range(rounds):
            full.append(await _pushed(engine, authors, posts, together=True))
            single.append(await _pushed(engine, authors, posts, together=False))
            floors.append(_appended(lists, followers, posts))
    return full, single, floors


async def _build(engine: Engine, viewers: Sequence[UserId]) -> None:
    """Give every viewer a list."""
    for viewer_id in viewers:
        token = await engine.timelines.begin_build(viewer_id)
        await engine.timelines.finish_build(viewer_id, token, [], TweetId(0), {})


async def _pushed(engine: Engine, authors: Sequence[UserId], posts: int, together: bool) -> float:
    """Return how many entries a second the handler pushes; log and projection are ahead of it, and not timed."""
    previous = (await engine.log.bounds())[1]
    events = []
    for number in range(posts):
        tweet_id = TweetId(engine.services.new_id())
        events.append(TweetPosted(tweet_id, authors[number % len(authors)], f"Post {number}", engine.clocks.now_ms()))
    await engine.log.append(events)
    batch: Sequence[Logged] = await engine.log.read(previous, posts)
    await engine.projection.apply(batch)
    before = engine.deliver.entries_pushed
    began_s = time.perf_counter()
    if together:
        await engine.deliver.handle(batch, previous)
    else:
        for logged in batch:
            await engine.deliver.handle([logged], logged.offset - 1)
    return (engine.deliver.entries_pushed - before) / (time.perf_counter() - began_s)


def _appended(lists: dict[UserId, "array[int]"], followers: Sequence[Sequence[UserId]], posts: int) -> float:
    """Return how many entries a second the least possible work appends, trimmed likewise."""
    written = 0
    began_s = time.perf_counter()
    for number in range(posts):
        viewers = followers[number % len(followers)]
        for viewer in viewers:
            lists[viewer].append(number)
        written += len(viewers)
    elapsed_s = time.perf_counter() - began_s
    for ids in lists.values():
        del ids[:-LENGTH]
    return written / elapsed_s
