"""Three times what one process can do: what is admitted, how long that takes, and how soon the rest is refused."""

import itertools
from statistics import median

from tests.bench.figures import Figure, Target, middle, percentile
from tests.bench.http_load import Lap, load, offered
from tests.bench.pages import CONNECTIONS, VIEWERS, choose_viewers, read_once
from tests.bench.requests import home_requests, home_timeline, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, roost_server

BENCH = "overload"
TIMES = 3
AT_ONCE = 4_000
"""Connections: more than requests can be under way, so that the load does not give in."""
FLOOR = f"the same pages with {CONNECTIONS} at once"


def run(run: Run) -> list[Figure]:
    """Measure what the server can do, then offer it three times that; rounds in turn."""
    data_dir = run.sample()
    requests = home_requests(tokens_of(data_dir, choose_viewers(data_dir, VIEWERS)), home_timeline())
    with roost_server(data_dir, run.server_core) as roost:
        run_loop(read_once(roost.port, requests))
        laps = run_loop(_rounds(run, roost, requests))
    calm, stormy = zip(*laps, strict=True)
    title = f"{TIMES} times what it can do"

    def figure(name: str, own: list[float], unit: str, floor: list[float], **more: object) -> Figure:
        return middle(BENCH, f"{title}: {name}", own, unit, floor=median(floor), floor_name=FLOOR, **more)

    return [
        figure("pages admitted", [lap.rate for lap in stormy], "/s", [lap.rate for lap in calm]),
        figure("admitted, p50", [lap.latency_ms(0.5) for lap in stormy], "ms", [lap.latency_ms(0.5) for lap in calm]),
        figure("admitted, p99", [lap.latency_ms(0.99) for lap in stormy], "ms", [lap.latency_ms(0.99) for lap in calm]),
        middle(BENCH, f"{title}: refused within, p50", [_refused_ms(lap, 0.5) for lap in stormy], "ms"),
        middle(
            BENCH,
            f"{title}: refused within, p99",
            [_refused_ms(lap, 0.99) for lap in stormy],
            "ms",
            target=Target(below=10),
            note=f"client {max(lap.client_share for lap in stormy):.0%} of its core",
        ),
    ]


async def _rounds(run: Run, roost: Server, requests: list[bytes]) -> list[tuple[Lap, Lap]]:
    endless, laps = itertools.cycle(requests), []
    for number in range(run.rounds(3, 1)):
        run.say(f"{BENCH}: round {number + 1}")
        calm = await load(roost.port, endless, CONNECTIONS, run.seconds(5, 3))
        laps.append((calm, await offered(roost.port, endless, AT_ONCE, TIMES * calm.rate, run.seconds(15, 6))))
    return laps


def _refused_ms(lap: Lap, share: float) -> float:
    return 1000 * percentile(lap.refused_s, share)
