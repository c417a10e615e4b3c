"""What a page costs as there are more tweets stored, and more follows: processor time of one page, in process."""

import itertools
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median

from infra.app import limits_of
from infra.clocks import Clocks
from infra.embedded import Engine, open_engine, open_parts
from infra.settings import Settings
from loaders.records import UserId
from resolvers.context import Context
from schema.api import Schema, create_schema
from tests.bench.figures import Figure, middle
from tests.bench.folders import follow, make_users, put_tweets
from tests.bench.requests import home_timeline
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "growth"
TWEETS_FULL, TWEETS_QUICK = (20_000, 1_000_000), (20_000, 200_000)
FOLLOWS = (10, 100, 1_000)
AUTHORS = 2_000
VIEWERS = 100
PULLED_SHARE = 50
"""One author in so many is followed by so many more that the policy pulls them."""
PUSH_LIMIT = 95

Cell = tuple[int, int]
"""Tweets stored, and follows of the viewer."""


def run(run: Run) -> list[Figure]:
    """Measure each number of follows on each size, in alternating laps."""
    sizes = TWEETS_QUICK if run.is_quick else TWEETS_FULL
    folders = {size: run.made(f"growth-{size}", partial(make_folder, count=size)) for size in sizes}
    run.say(f"{BENCH}: pages")
    cold, warm = in_child(_measure, folders, run.rounds(15, 5))
    figures = []
    for follows, size in itertools.product(FOLLOWS, sizes):
        base = (sizes[0], follows) if size != sizes[0] else (sizes[0], FOLLOWS[0])
        named = f"{size:,} tweets stored, {follows:,} follows"
        is_base = base == (size, follows)
        against = "" if is_base else f"{base[0]:,} tweets, {base[1]:,} follows"
        for title, laps in (("a page", warm), ("a first page, list rebuilt", cold)):
            floor = None if is_base else median(laps[base])
            figures.append(
                middle(BENCH, f"{title}: {named}", laps[size, follows], "ms", floor=floor, floor_name=against)
            )
    return figures


def make_folder(data_dir: Path, count: int) -> None:
    """Make a data folder of so many tweets, by authors who are followed evenly but for a few."""
    run_loop(_fill(data_dir, count))


def settings_of(data_dir: Path) -> Settings:
    """Return the settings: a push limit that only the few pass, and caches that hold what is read."""
    return Settings.for_tests(data_dir, push_limit=PUSH_LIMIT)


async def _fill(data_dir: Path, count: int) -> None:
    rng = random.Random(5)
    async with open_engine(settings_of(data_dir)) as engine:
        authors = await make_users(engine, [f"author{number}" for number in range(AUTHORS)])
        celebrities, others = authors[: AUTHORS // PULLED_SHARE], authors[AUTHORS // PULLED_SHARE :]
        pairs: list[tuple[UserId, UserId]] = []
        for follows in FOLLOWS:
            few = max(1, min(len(celebrities), follows // PULLED_SHARE))
            for viewer in await make_users(engine, [f"f{follows}v{number}" for number in range(VIEWERS)]):
                chosen = rng.sample(celebrities, few) + rng.sample(others, follows - few)
                pairs += [(viewer, author) for author in chosen]
        await follow(engine, pairs)
        rng.shuffle(authors)
        await put_tweets(engine, authors, count)


def _measure(
    folders: Mapping[int, Path], rounds: int
) -> tuple[Mapping[Cell, Sequence[float]], Mapping[Cell, Sequence[float]]]:
    as_server()
    return run_loop(_laps(folders, rounds))


async def _laps(
    folders: Mapping[int, Path], rounds: int
) -> tuple[Mapping[Cell, Sequence[float]], Mapping[Cell, Sequence[float]]]:
    cold: defaultdict[Cell, list[float]] = defaultdict(list)
    warm: defaultdict[Cell, list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        worlds: list[tuple[Cell, Engine, Schema, list[UserId]]] = []
        for size, folder in folders.items():
            settings = settings_of(folder)
            engine = await stack.enter_async_context(open_parts(settings, Clocks()))
            schema = create_schema(limits_of(settings), settings.document_cache_size)
            for follows in FOLLOWS:
                handles = [f"f{follows}v{number}" for number in range(VIEWERS)]
                found = await engine.services.users.by_handles(handles)
                worlds.append(((size, follows), engine, schema, [user.id for user in found.values()]))
        for number in range(rounds + 1):
            for cell, engine, schema, viewers in worlds:
                took_ms = await _lap(engine, schema, viewers)
                (warm if number else cold)[cell].append(took_ms)
    return cold, warm


async def _lap(engine: Engine, schema: Schema, viewers: Sequence[UserId]) -> float:
    """Return the processor time of a page in milliseconds, in the mean over the viewers."""
    document = home_timeline()
    began_s = time.process_time()
    for viewer_id in viewers:
        result = await schema.execute(document, variable_values={}, context_value=Context(engine.services, viewer_id))
        if result.errors or result.data is None or len(result.data["homeTimeline"]["edges"]) != 20:
            raise RuntimeError(f"this is no full page: {result.errors}")
    return 1000 * (time.process_time() - began_s) / len(viewers)
