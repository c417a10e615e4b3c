"""What tracing costs: processor time for a page and for a post, with one operation in a hundred traced, or none."""

import itertools
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Target
from tests.bench.http_load import Lap, load
from tests.bench.pages import VIEWERS, choose_authors, choose_viewers
from tests.bench.posts import AUTHORS
from tests.bench.requests import home_requests, home_timeline, is_posted, post_requests, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, roost_server
from tests.collector import Collector

BENCH = "traces"
RATIO = 0.01
PAGES_AT_ONCE, POSTS_AT_ONCE = 8, 16
PATIENCE_MS = 60_000
"""The machine may be busy with something else: nobody is refused for that."""
DEARER_MAX = 1.03
OFF, ON = "nothing traced", f"{RATIO:.0%} traced"

Load = Callable[[Server], Coroutine[Any, Any, Lap]]


def run(run: Run) -> list[Figure]:
    """Measure two servers in turn, each on a copy of the sample; the least of several rounds is what counts."""
    folders = {OFF: run.sample(), ON: run.sample()}
    loads = {name: _loads(run, folder) for name, folder in folders.items()}
    with (
        Collector.running() as collector,
        roost_server(folders[OFF], run.server_core, admission_wait_max_ms=PATIENCE_MS) as off,
        roost_server(
            folders[ON],
            run.server_core,
            admission_wait_max_ms=PATIENCE_MS,
            otlp_url=collector.url,
            trace_ratio=RATIO,
        ) as on,
    ):
        servers = {OFF: off, ON: on}
        figures = [figure for what in loads[OFF] for figure in _figures(run, what, servers, loads)]
    assert collector.spans, "nothing was traced"
    return figures


def _loads(run: Run, data_dir: Path) -> Mapping[str, Load]:
    pages = home_requests(tokens_of(data_dir, choose_viewers(data_dir, VIEWERS)), home_timeline())
    posts = post_requests(tokens_of(data_dir, choose_authors(data_dir, AUTHORS)))
    turns, seconds = itertools.cycle(pages), run.seconds(1.5, 1)

    async def read(server: Server) -> Lap:
        return await load(server.port, turns, PAGES_AT_ONCE, seconds)

    async def post(server: Server) -> Lap:
        return await load(server.port, posts, POSTS_AT_ONCE, seconds, is_posted)

    return {"page": read, "post": post}


def _figures(
    run: Run, what: str, servers: Mapping[str, Server], loads: Mapping[str, Mapping[str, Load]]
) -> list[Figure]:
    spent: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(run.rounds(20, 3)):
        # Whoever comes first in a round comes last in the next.
        order = (OFF, ON) if number % 2 else (ON, OFF)
        for name in order:
            run.say(f"{BENCH}: {what}, {name}")
            spent[name].append(_cpu_us(servers[name], loads[name][what]))
    least = {name: min(values) for name, values in spent.items()}
    return [
        *(
            Figure(BENCH, f"processor time of a {what}, {name}", least[name], "us", rounds=spent[name])
            for name in servers
        ),
        Figure(BENCH, f"{what}: times that without", least[ON] / least[OFF], "", target=Target(below=DEARER_MAX)),
    ]


def _cpu_us(server: Server, under: Load) -> float:
    before_s = server.cpu_s()
    lap = run_loop(under(server))
    return 1e6 * (server.cpu_s() - before_s) / len(lap.latencies_s)
