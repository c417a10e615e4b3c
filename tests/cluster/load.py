"""People who post and read without end while something is done to a cluster, and what they must find afterwards."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from tests.cluster.processes import Cluster, sign_up_roamer, until
from tests.flows.killed_people import insist, whole_home
from tests.server_process import Account

AUTHORS, VIEWERS = 3, 8
BACK_S = 30.0
LATER_S = 2.0
"""How much longer than the slowest post before it a post may take while something is away."""


class Load:
    """Authors who post without end, and viewers who read; every post's time is kept, in seconds. Nothing may fail."""

    def __init__(self, authors: Sequence[Account], viewers: Sequence[Account]) -> None:
        self.authors = authors
        self.viewers = viewers
        self.took_s: list[float] = []
        self.posted: list[str] = []
        self.reads = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def posts(self, count: int) -> None:
        """Wait until so many more are posted."""
        wanted = len(self.posted) + count

        async def are_there() -> bool:
            self.check()
            return len(self.posted) >= wanted

        await until(are_there)

    def check(self) -> None:
        """Raise what has gone wrong so far."""
        for task in self._tasks:
            if task.done():
                task.result()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator["Load"]:
        """Post and read meanwhile."""
        begun = [self._post(author) for author in self.authors] + [self._read(viewer) for viewer in self.viewers]
        self._tasks = [asyncio.ensure_future(work) for work in begun]
        try:
            yield self
            self.check()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, author: Account) -> None:
        number = 0
        while True:
            number += 1
            began_s = time.monotonic()
            await author.tweet(f"{author.handle} {number}")
            self.took_s.append(time.monotonic() - began_s)
            self.posted.append(f"{author.handle} {number}")

    async def _read(self, viewer: Account) -> None:
        while True:
            await viewer.home(first=20)
            self.reads += 1


async def load_on(http: httpx.AsyncClient, cluster: Cluster, name: str) -> Load:
    """Sign up authors and viewers, who follow all authors."""
    people = [await sign_up_roamer(http, cluster.urls, f"{name}{number}") for number in range(AUTHORS + VIEWERS)]
    authors, viewers = people[:AUTHORS], people[AUTHORS:]
    await asyncio.gather(*(viewer.follow(*authors) for viewer in viewers))
    return Load(authors, viewers)


async def whole_within_s(load: Load, cluster: Cluster) -> float:
    """Hold every timeline against what was posted; return how long it took until all were clean, in seconds."""
    began_s = time.monotonic()
    for viewer in (*load.viewers, *load.authors):
        for _ in cluster.urls:
            await until(lambda viewer=viewer: is_clean(viewer), BACK_S)  # type: ignore[misc]
    back_s = time.monotonic() - began_s
    for viewer in load.viewers:
        shown = Counter(edge["node"]["text"] for edge in (await whole_home(viewer))[0])
        assert max(shown.values()) == 1, "nothing is there twice"
        assert shown.keys() >= set(load.posted), "nothing is missing"
    assert "nothing missing" in await cluster.audit()
    return back_s


async def is_clean(viewer: Account) -> bool:
    """Tell whether a gateway serves a timeline that holds what the stores and the log say."""
    audit = (await insist(viewer, "Audit", first=800)).value
    return not (audit["missing"] or audit["unexpected"] or audit["duplicates"])
