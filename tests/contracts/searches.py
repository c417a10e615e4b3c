"""How contracts open a search index, and what they tell it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from loaders.ports import SearchIndex, UserStore
from realtime.events import Event

OpenIndex = Callable[[Path], AbstractAsyncContextManager["Searched"]]


@dataclass(frozen=True, slots=True)
class Searched:
    """An index, and the stores that it follows. `tell` lets events happen, `again` applies all of them once more.

    `look` lets the index take in accounts, of which no event tells.
    """

    index: SearchIndex
    users: UserStore
    tell: Callable[[Sequence[Event]], Awaitable[None]]
    again: Callable[[], Awaitable[None]]
    look: Callable[[], Awaitable[None]]
