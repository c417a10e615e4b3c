"""An engine that moves only when told to: the real stores and workers, one step at a time."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.clocks import Clocks
from infra.embedded import Engine, open_parts
from infra.settings import Settings
from loaders.cursors import decode_cursor
from loaders.errors import Unavailable
from loaders.home import HomePage, read_home
from loaders.page import PageRequest
from loaders.ports import TimelineStore
from loaders.records import UserId
from realtime.deliver import AWAY_MAX_MS
from realtime.events import Event
from realtime.home_stream import HomeStream
from realtime.hub import Hub
from realtime.last_known import LastKnown
from realtime.ports import EventLog, Logged, Reference
from realtime.positions import Positions
from realtime.remembered import Remembered
from realtime.updates import TimelineReset, TweetAdded, TweetRemoved
from realtime.worker import Worker
from resolvers.context import Services

SETTLE_S = 60.0
CACHE_CALLS = ("newest", "push_many", "begin_build", "finish_build", "reach", "backfill", "drop")


@dataclass
class HeldBroadcast:
    """Keeps what is published until it is handed on, or lost."""

    held: deque[Sequence[Reference]] = field(default_factory=deque)

    async def publish(self, references: Sequence[Reference]) -> None:
        self.held.append(references)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Sequence[Reference]]]:
        yield _nothing()


async def _nothing() -> AsyncIterator[Sequence[Reference]]:
    nothing: tuple[Sequence[Reference], ...] = ()
    for references in nothing:
        yield references


class Stepped:
    """One data folder, opened and reopened, whose groups are stepped by hand."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.settings = Settings.for_tests(folder, **changes)
        self.now_s = 1_800_000_000.0
        self.broadcast = HeldBroadcast()
        self._stack = AsyncExitStack()
        self._turns: Counter[str] = Counter()
        self.engine: Engine
        self.services: Services
        self.hub: Hub
        self.positions: Positions
        self.log: EventLog
        self.timelines: TimelineStore
        self.workers: Sequence[Worker]
        self.remembered: Remembered | None = None

    async def open(self) -> None:
        clocks = Clocks(lambda: self.now_s, lambda: self.now_s)
        self._use(await self._stack.enter_async_context(open_parts(self.settings, clocks, self.broadcast)))

    def _use(self, engine: Engine) -> None:
        self.engine = engine
        self.services, self.hub, self.positions = engine.services, engine.hub, engine.positions
        self.log, self.timelines, self.workers = engine.log, engine.timelines, engine.workers

    def remember(self) -> None:
        """Let streams judge by what is remembered, and pages be made of it, as those of a cluster's gateway are."""
        home, log, live = self.services.home, self.log, self.services.live
        place = self.hub.place()
        self.remembered = remembered = Remembered(home.tweets, home.graph, lambda: self.now_s)
        remembered.heard(self.now_s)
        home = replace(home, known=LastKnown(remembered))
        self.hub = Hub(log, home.tweets, home.policy, self.broadcast, remembered=remembered)
        self.hub.start_at(place)
        live = replace(live, home=home, hub=self.hub, remembered=remembered)
        self.services = replace(self.services, home=home, live=live)

    def take_cache_away(self) -> None:
        """Let the cache answer nobody; what it holds stays in it."""

        async def refuse(*_: object, **__: object) -> None:
            raise Unavailable("the cache is away")

        for name in CACHE_CALLS:
            setattr(self.timelines, name, refuse)

    def bring_cache_back(self) -> None:
        """Let the cache answer again, once those who gave it up try it again."""
        for name in CACHE_CALLS:
            delattr(self.timelines, name)
        self.now_s += AWAY_MAX_MS / 1_000

    async def close(self) -> None:
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        self.broadcast.held.clear()

    async def append(self, *events: Event) -> None:
        await self.log.append(events)

    async def step(self, group: str) -> int:
        """Let one worker of a group handle a batch at most, each in its turn; answer how many events it had."""
        workers = [worker for worker in self.workers if worker.group == group]
        for _ in workers:
            self._turns[group] += 1
            if handled := await workers[self._turns[group] % len(workers)].step():
                return handled
        return 0

    async def logged(self) -> list[Logged]:
        """Read the whole log, partition by partition: events of different ones can be told in any order."""
        return [
            logged
            for partition in range(sum(self.log.layout))
            for logged in await self.log.read(0, 1_000_000, partition)
        ]

    async def hear(self, lose: bool = False) -> None:
        """Hand the oldest batch of references on, or lose it."""
        if self.broadcast.held:
            references = self.broadcast.held.popleft()
            if not lose:
                await self.hub.receive(references)

    async def drain(self) -> None:
        """Let every group and the hub catch up with the log; the heartbeat tells of what was lost."""
        while await self.step("store") + await self.step("fanout") + await self.step("notify"):
            pass
        while self.broadcast.held:
            await self.hear()
        for partition in range(self.log.layout.partitions):
            position = self.positions.reached("fanout", partition)
            await self.hub.receive([Reference(partition, position, position, "heartbeat")])
        if self.remembered is not None:
            self.remembered.heard(self.now_s)

    async def page(self, viewer_id: int, size: int = 100, below: int | None = None) -> HomePage:
        home = self.services.home
        return await read_home(UserId(viewer_id), PageRequest(size, below), home, home.tweets.slices)

    async def pages(self, viewer_id: int, size: int) -> list[tuple[int, int]]:
        """Page through a whole home timeline."""
        found: list[tuple[int, int]] = []
        below: int | None = None
        while True:
            page = await self.page(viewer_id, size, below)
            found += [(edge.entry.id, edge.entry.root_id) for edge in page.edges]
            assert page.complete
            if not page.page_info.has_next_page:
                return found
            assert len(page.edges) == size, "a page is full while there is more"
            assert page.page_info.end_cursor is not None
            below = decode_cursor(page.page_info.end_cursor)

    async def pages_upwards(self, viewer_id: int, size: int) -> list[tuple[int, int]]:
        """Page through a whole home timeline from its oldest entry up."""
        found: list[tuple[int, int]] = []
        above: int | None = None
        home = self.services.home
        while True:
            request = PageRequest(size, above=above, backward=True)
            page = await read_home(UserId(viewer_id), request, home, home.tweets.slices)
            found = [(edge.entry.id, edge.entry.root_id) for edge in page.edges] + found
            if not page.page_info.has_previous_page:
                return found
            assert page.page_info.start_cursor is not None
            above = decode_cursor(page.page_info.start_cursor)


class Client:
    """A page that is kept up to date by its stream alone, and fetched anew only when the stream says so."""

    def __init__(self, world: Stepped, viewer_id: int) -> None:
        self._world = world
        self.viewer_id = viewer_id
        self.held: dict[int, int] = {}
        self.floor = 0
        self.resets: list[str] = []
        self.cursor = ""
        self._task: asyncio.Task[None] | None = None
        self._stream: HomeStream | None = None
        self._heard: list[object] = []

    async def fetch(self) -> None:
        page = await self._world.page(self.viewer_id)
        self.held = {edge.entry.id: edge.entry.root_id for edge in page.edges}
        self.floor = min(self.held) if page.page_info.has_next_page else 0
        self.cursor = page.live_cursor

    @property
    def is_connected(self) -> bool:
        return self._task is not None

    def shown(self) -> list[tuple[int, int]]:
        """Return what is on the client's screen, newest first, down to the oldest entry that it fetched."""
        return sorted((each for each in self.held.items() if each[0] >= self.floor), reverse=True)

    async def connect(self) -> None:
        self._stream = stream = HomeStream(UserId(self.viewer_id), self._world.services.live)

        async def listen() -> None:
            async for update in stream.updates(self.cursor):
                self._heard.append(update)

        self._task = asyncio.ensure_future(listen())

    async def settle(self, upto: int | None = None) -> None:
        """Let the stream say what it has to, and apply it; a cut leaves out what comes after `upto` updates."""
        if self._task is not None and self._stream is not None:
            async with asyncio.timeout(SETTLE_S):
                while not self._stream.is_at_rest:
                    await asyncio.sleep(0)
                    if self._task.done():
                        self._task.result()
        heard, self._heard = self._heard[:upto], []
        for update in heard:
            await self._apply(update)

    async def cut(self, upto: int | None = None) -> None:
        """Lose the connection, perhaps before everything was read."""
        await self.settle(upto)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _apply(self, update: object) -> None:
        match update:
            case TweetAdded():
                entry_id = decode_cursor(update.cursor)
                assert update.entry.id == entry_id
                assert entry_id not in self.held or self.resets, f"{entry_id} came twice"
                self.held[entry_id] = update.entry.root_id
                self.cursor = update.live_cursor
            case TweetRemoved():
                self.held.pop(decode_cursor(update.cursor), None)
                self.cursor = update.live_cursor
            case TimelineReset():
                self.resets.append(update.reason)
                await self.fetch()
