"""What a page of an account's followers costs as there are more of them, at the top and far down: processor time."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from infra.app import limits_of
from infra.clocks import Clocks
from infra.embedded import Engine, open_engine, open_parts
from infra.settings import Settings
from loaders.cursors import EDGE, encode_cursor
from resolvers.context import Context
from schema.api import Schema, create_schema
from tests.bench.figures import Figure, middle
from tests.bench.folders import follow, make_users
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "lists"
FOLLOWERS_FULL, FOLLOWERS_QUICK = (1_000, 1_000_000), (1_000, 50_000)
PAGES_A_LAP = 50
STAR = "star"
DOCUMENT = """
query ($handle: String!, $first: Int, $after: String) {
  user(handle: $handle) {
    followers(first: $first, after: $after) {
      edges { cursor node { id handle displayName avatarUrl } } pageInfo { hasNextPage endCursor }
    }
  }
}
"""


def run(run: Run) -> list[Figure]:
    """Measure the first page and one from the middle, of few followers and of many, in alternating laps."""
    sizes = FOLLOWERS_QUICK if run.is_quick else FOLLOWERS_FULL
    folders = {size: run.made(f"lists-{size}", partial(make_folder, count=size)) for size in sizes}
    run.say(f"{BENCH}: pages of followers")
    laps = in_child(_measure, folders, run.rounds(15, 5))
    few = sizes[0]
    figures = []
    for (size, place), values in laps.items():
        floor = None if size == few else median(laps[few, place])
        name = f"20 of {size:,} followers, {place}"
        figures.append(middle(BENCH, name, values, "ms", floor=floor, floor_name=f"of {few:,} followers"))
    return figures


def make_folder(data_dir: Path, count: int) -> None:
    """Make a data folder with one account that so many follow."""
    run_loop(_fill(data_dir, count))


async def _fill(data_dir: Path, count: int) -> None:
    async with open_engine(Settings.for_tests(data_dir)) as engine:
        (star,) = await make_users(engine, [STAR])
        fans = await make_users(engine, [f"fan{number}" for number in range(count)])
        await follow(engine, [(fan, star) for fan in fans])


def _measure(folders: Mapping[int, Path], rounds: int) -> Mapping[tuple[int, str], Sequence[float]]:
    as_server()
    return run_loop(_laps(folders, rounds))


async def _laps(folders: Mapping[int, Path], rounds: int) -> Mapping[tuple[int, str], Sequence[float]]:
    laps: dict[tuple[int, str], list[float]] = {}
    async with AsyncExitStack() as stack:
        worlds: list[tuple[int, Engine, Schema, Mapping[str, str | None]]] = []
        for size, folder in folders.items():
            settings = Settings.for_tests(folder)
            engine = await stack.enter_async_context(open_parts(settings, Clocks()))
            schema = create_schema(limits_of(settings), settings.document_cache_size)
            worlds.append((size, engine, schema, {"the first": None, "from the middle": await _middle(engine, size)}))
        for number in range(rounds + 1):
            for size, engine, schema, places in worlds:
                for place, after in places.items():
                    took_ms = await _lap(engine, schema, after)
                    if number:
                        laps.setdefault((size, place), []).append(took_ms)
    return laps


async def _middle(engine: Engine, size: int) -> str:
    """Return the cursor of the follower in the middle: those of one import have ids in a row."""
    star = (await engine.services.users.by_handles([STAR]))[STAR]
    (newest,) = await engine.services.home.graph.edges(star.id, True, 1, None)
    return encode_cursor(newest.edge_id - size // 2, EDGE)


async def _lap(engine: Engine, schema: Schema, after: str | None) -> float:
    variables = {"handle": STAR, "first": 20, "after": after}
    began_s = time.process_time()
    for _ in range(PAGES_A_LAP):
        context = Context(engine.services, None)
        result = await schema.execute(DOCUMENT, variable_values=variables, context_value=context)
        data: Any = result.data
        if result.errors or len(data["user"]["followers"]["edges"]) != 20:
            raise RuntimeError(f"this is no full page: {result.errors}")
    return 1000 * (time.process_time() - began_s) / PAGES_A_LAP
