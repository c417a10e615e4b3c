"""`python -m tests.bench [name...] [--quick] [--size NAME=N] [--json FILE]`: run benchmarks, print a table of each."""

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import orjson
from rich.console import Console

from tests.bench.figures import Figure, Meanwhile, environment, loop_ms, print_table
from tests.bench.run import Run, as_server, pin
from tests.bench.serve import raise_file_limit
from tests.bench.sizes import SIZES, parsed

NAMES = (
    "pages",
    "posts",
    "fanout",
    "redis-fanout",
    "live",
    "import",
    "kafka",
    "memory",
    "growth",
    "lists",
    "overload",
    "storm",
    "traces",
    "price",
    "search",
    "trends",
)
CLUSTER = "cluster"
CLUSTER_NAMES = tuple(
    f"{CLUSTER}-{each}" for each in ("fanout", "posts", "celebrity", "sockets", "hiding", "pages", "import", "cpu")
)
"""These start all real servers, and run only when they are asked for, by their names or as `cluster`."""
MODULES = {"import": "imports", "kafka": "kafka_posts", "redis-fanout": "redis_fanout"} | {
    name: name.replace("-", "_") for name in CLUSTER_NAMES
}
"""Where a module cannot have the benchmark's name."""
WIDTH = 160
"""Of the tables, where they do not go to a terminal."""


def main() -> int:
    """Run what is asked for; 0 even where a target is missed, since a figure is no test."""
    parser = _parser()
    asked = parser.parse_args()
    names = [each for name in asked.names for each in (CLUSTER_NAMES if name == CLUSTER else (name,))]
    if unknown := [name for name in names if name not in (*NAMES, *CLUSTER_NAMES)]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {_all_names()}")
    try:
        sizes = parsed(asked.size)
    except ValueError as error:
        parser.error(str(error))
    if asked.json is not None and not asked.json.absolute().parent.is_dir():
        parser.error(f"there is no folder {asked.json.absolute().parent}")
    cores = sorted(os.sched_getaffinity(0))
    console, progress = Console(width=None if sys.stdout.isatty() else WIDTH), Console(stderr=True)
    asked.dir.mkdir(parents=True, exist_ok=True)
    raise_file_limit()
    # Whoever ends this ends what it started as well.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    as_server()
    with tempfile.TemporaryDirectory(dir=asked.dir, prefix="run-") as folder, ExitStack() as closing:
        run = Run(Path(folder), cores, asked.quick, progress, sizes, closing)
        conditions = environment(cores, run.folder)
        console.print(
            ", ".join(f"{name} {value}" for name, value in conditions.items()), highlight=False, soft_wrap=True
        )
        figures: list[Figure] = []
        others: dict[str, float] = {}
        loops: dict[str, float] = {}
        for name in names or NAMES:
            before = Meanwhile.now()
            found = _bench(name)(run)
            figures += found
            after = Meanwhile.now()
            others[name] = round(after.others_since(before), 2)
            loops[name] = loop_ms()
            spent = f"{after.wall_s - before.wall_s:.0f} s; other processes kept {others[name]} cores busy meanwhile"
            spent += f"; bare loop {loops[name]} ms"
            console.print(f"\n[bold]{name}[/bold] ({spent})", highlight=False, soft_wrap=True)
            print_table(found, console)
        conditions["cores_busy_by_others"] = others
        conditions["bare_loop_ms_after"] = loops
        conditions["load_average_at_end"] = [round(each, 2) for each in os.getloadavg()]
        console.print(f"\nload average at the end: {conditions['load_average_at_end']}", highlight=False)
    if asked.json is not None:
        content: Mapping[str, object] = {
            "environment": conditions,
            "quick": asked.quick,
            "sizes": sizes,
            "figures": [figure.as_json() for figure in figures],
        }
        asked.json.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return 0


def _bench(name: str) -> Callable[[Run], list[Figure]]:
    def pinned(run: Run) -> list[Figure]:
        # What the benchmark itself does, the load included, stays off the server's core.
        pin(run.cores[-1])
        try:
            found: list[Figure] = import_module(f"tests.bench.{MODULES.get(name, name)}").run(run)
        finally:
            os.sched_setaffinity(0, run.cores)
        return found

    return pinned


def _all_names() -> str:
    return ", ".join((*NAMES, CLUSTER, *CLUSTER_NAMES))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="roost bench", description="Measure Roost on this machine.")
    which = f"which benchmarks: {_all_names()}; by default all but those of the cluster"
    parser.add_argument("names", nargs="*", metavar="name", help=which)
    parser.add_argument("--quick", action="store_true", help="shorter and smaller; for a look, not for the record")
    each_size = "; ".join(f"{name} {size.full} or {size.quick}: {size.about}" for name, size in SIZES.items())
    parser.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=N",
        help=f"a size of the cluster's benchmarks, in full and with --quick. {each_size}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument(
        "--dir", type=Path, default=cache / "roost-bench", help="where to work, on the disk to measure (%(default)s)"
    )
    return parser


if __name__ == "__main__":
    if platform.system() != "Linux":
        sys.exit("The benchmarks read /proc and pin processes to cores: they need Linux.")
    sys.exit(main())
