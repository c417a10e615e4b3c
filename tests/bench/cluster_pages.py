"""Pages over Redis and Cassandra, with the list lost and with it there, and what each asks of the stores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from tests.bench.cluster_calls import Calls, count_calls
from tests.bench.cluster_graphs import Graph, graphs
from tests.bench.cluster_load import ask_each
from tests.bench.cluster_people import connected_to
from tests.bench.cluster_stand import Meter, Servers, as_server, on_cluster, per, processes
from tests.bench.figures import Figure, middle
from tests.bench.http_load import Lap
from tests.bench.pages import read_once
from tests.bench.requests import home_requests, home_timeline, tokens_of
from tests.bench.run import Run, run_loop
from tests.bench.servers import Server, floor_server

BENCH = "cluster-pages"
AT_ONCE = 16
EDGES_MIN = 15
COUNTED = 50
REST_S = 2.0
FLOOR = "raw ASGI under uvicorn, ready bytes of the page's size"
COLD, WARM, BARE = "list lost", "list there", "floor"


@dataclass(slots=True)
class Found:
    """The laps of each kind, and a note of where the processor time of the last one went."""

    laps: dict[str, list[Lap]] = field(default_factory=lambda: {COLD: [], WARM: [], BARE: []})
    notes: dict[str, str] = field(default_factory=dict)


def run(run: Run) -> list[Figure]:
    """Measure each real graph, rounds of cold and warm pages in turn with the floor's; then count calls."""
    return on_cluster(run, BENCH, partial(_measure, run))


def _measure(run: Run, servers: Servers) -> list[Figure]:
    figures: list[Figure] = []
    for graph in graphs(run, servers):
        requests = home_requests(tokens_of(graph.keys, graph.viewers), home_timeline())
        size = run_loop(_page_bytes(run, graph, requests))
        with floor_server(size, run.server_core, run.folder) as floor:
            figures += _figures(graph, run_loop(_rounds(run, servers, graph, requests, floor)), size)
        run.say(f"{BENCH}: {graph.name}, calls")
        figures += _calls(graph, *run_loop(count_calls(graph.site, graph.viewers[:COUNTED])))
    return figures


async def _page_bytes(run: Run, graph: Graph, requests: Sequence[bytes]) -> int:
    """Look at every page once, and return their mean size."""
    async with processes(run, graph.site) as cluster:
        return await read_once(cluster.gateways[0].port, requests, EDGES_MIN)


async def _rounds(run: Run, servers: Servers, graph: Graph, requests: Sequence[bytes], floor: Server) -> Found:
    found, again = Found(), [*requests] * run.size("page-laps")
    async with processes(run, graph.site) as cluster, connected_to(graph.site) as connected:
        gateway, meter = as_server(cluster.gateways[0]), Meter(servers, cluster)
        await ask_each(gateway.port, requests, AT_ONCE)
        await meter.rest(REST_S)
        for number in range(run.size("rounds")):
            run.say(f"{BENCH}: {graph.name}, round {number + 1}")
            found.laps[BARE].append(await ask_each(floor.port, again, AT_ONCE))
            await connected.timelines.drop(graph.viewers)
            for name, asked in ((COLD, requests), (WARM, again)):
                before = meter.now()
                found.laps[name].append(await ask_each(gateway.port, asked, AT_ONCE))
                found.notes[name] = per(meter.spent(before), len(asked))
    return found


def _figures(graph: Graph, found: Found, size: int) -> Iterator[Figure]:
    bare = found.laps[BARE]
    for name in (COLD, WARM):
        laps, title = found.laps[name], f"{graph.name}, {name}, {AT_ONCE} at once, {size / 1000:.1f} kB"
        floor = {"floor": median(lap.rate for lap in bare), "floor_name": FLOOR}
        yield middle(BENCH, f"{title}: pages/s", [lap.rate for lap in laps], "/s", note=found.notes[name], **floor)
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            floor_ms = median(lap.latency_ms(share) for lap in bare)
            yield middle(BENCH, f"{title}: {label}", [lap.latency_ms(share) for lap in laps], "ms", floor=floor_ms)


def _calls(graph: Graph, cold: Calls, warm: Calls) -> Iterator[Figure]:
    for name, calls in ((COLD, cold), (WARM, warm)):
        title = f"{graph.name}, {name}"
        yield Figure(BENCH, f"{title}: Redis round trips a page", calls.redis / calls.pages, "")
        yield Figure(
            BENCH, f"{title}: Cassandra statements a page", calls.cassandra / calls.pages, "", note=calls.by_table()
        )
