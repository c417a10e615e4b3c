"""One run of the benchmarks: where it works, on which cores, how long, and work done in processes of its own."""

import asyncio
import gc
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import uvloop
from rich.console import Console

from infra.sample.load import load_sample
from infra.server import SWITCH_INTERVAL_S
from infra.settings import Settings
from tests.bench.sizes import SIZES

Given = ParamSpec("Given")
Result = TypeVar("Result")


@dataclass(slots=True)
class Run:
    """What every benchmark is handed. `folder` is on the disk that is measured, and goes at the end.

    `sizes` are those that were given on the command line; what `closing` holds ends before the folder goes.
    """

    folder: Path
    cores: list[int]
    is_quick: bool
    console: Console
    sizes: Mapping[str, int] = field(default_factory=dict)
    closing: ExitStack = field(default_factory=ExitStack)
    _copies: int = 0
    _made: dict[str, Path] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)

    @property
    def server_core(self) -> int:
        """The core that servers run on."""
        return self.cores[0]

    def seconds(self, full: float, quick: float) -> float:
        """Return how long to measure."""
        return quick if self.is_quick else full

    def rounds(self, full: int = 5, quick: int = 2) -> int:
        """Return how often to measure."""
        return quick if self.is_quick else full

    def size(self, name: str) -> int:
        """Return a size: as given, or else the full or the quick one."""
        return self.sizes.get(name, SIZES[name].quick if self.is_quick else SIZES[name].full)

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """Return what `make` made when it was first asked for: several benchmarks share it."""
        if name not in self._kept:
            self._kept[name] = make()
        found: Result = self._kept[name]
        return found

    def say(self, text: str) -> None:
        """Tell what goes on, on standard error."""
        self.console.print(text, style="dim", highlight=False)

    def sample(self) -> Path:
        """Return a fresh copy of a folder with the bundled sample; the first call makes it."""
        return self.copy(self.made("sample", make_sample))

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return a folder that `make` has filled, in a process of its own; the first call makes it."""
        if name not in self._made:
            # It is made on all cores: nothing is measured meanwhile.
            os.sched_setaffinity(0, self.cores)
            self.say(f"Filling the data folder {name}")
            in_child(make, self.folder / name)
            pin(self.cores[-1])
            self._made[name] = self.folder / name
        return self._made[name]

    def copy(self, made: Path) -> Path:
        """Return a copy of a folder."""
        self._copies += 1
        return Path(shutil.copytree(made, self.folder / f"{made.name}-{self._copies}"))

    def new_folder(self, name: str) -> Path:
        """Return an empty folder."""
        self._copies += 1
        path = self.folder / f"{name}-{self._copies}"
        path.mkdir()
        return path


def in_child(work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Do work in a fresh process, so that its memory and its caches are its own, and return what it answers."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(work, *given, **named).result()


def as_server() -> None:
    """Let this process collect garbage and switch threads as the server does."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


def run_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run on the server's kind of event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def make_sample(data_dir: Path) -> None:
    """Make a data folder with the bundled sample, as `make run` loads it."""

    run_loop(load_sample(Settings.for_tests(data_dir), Console(quiet=True)))
