"""How contracts open caches of home timelines, and what each kind says of its bounds."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from loaders.ports import TimelineStore


@dataclass(frozen=True, slots=True)
class OpenedTimelines:
    """An empty cache. `let_pass` lets so many seconds pass for it; `counts_lists` if it keeps to `timelines_max`."""

    store: TimelineStore
    let_pass: Callable[[int], Awaitable[None]]
    counts_lists: bool


class OpenTimelines(Protocol):
    """Opens an empty cache of home timelines; `url` is its server's, and empty for one that needs none."""

    def __call__(
        self, url: str, length: int, timelines_max: int, idle_s: float
    ) -> AbstractAsyncContextManager[OpenedTimelines]: ...
