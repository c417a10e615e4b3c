"""All live connections of a process: how many there may be, what was counted, and their common end."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol
from uuid import uuid4

import strawberry

from infra.live_protocol import FLUSH_S
from infra.live_shared import LiveExecutor
from loaders.ids import milliseconds_of
from realtime.latencies import Latencies
from realtime.updates import TweetAdded
from resolvers.context import Services

RESTART: Final = 1012
TRY_LATER: Final = 1013
OTHER: Final = 0

_CLIENT_CODES: Final = frozenset((1000, 1001, 1005, 1006, 1009, 1011))


class Connection(Protocol):
    """A socket, or a stream of server-sent events."""

    def wind_down(self) -> None:
        """End it with 1012, or what comes nearest, once the queries and mutations under way are answered."""


class LiveSockets:
    """The live side of the endpoint: one for each process, set as `live` of the endpoint.

    Beyond `sockets_max` connections, new ones are refused. A peer that takes nothing for `stall_s` seconds while
    something waits for it is cut off. When all are closed, queries and mutations under way get `grace_s` seconds.
    The counters only grow: `opened`, `closed` by close code (0 for a client's own), `deliveries`, `errors` (messages
    that end an operation) and `executed`; so do `reached`, the times from a tweet's id to its frames on sockets, those
    of replays left out. `traced`, if it is set, hears of each event that was delivered.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        services: Services,
        *,
        sockets_max: int = 20_000,
        stall_s: float = 10.0,
        grace_s: float = 10.0,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self.services = services
        self.executor = LiveExecutor(schema, services, new_id=new_id)
        self.stall_s = stall_s
        self.grace_s = grace_s
        self.new_id = new_id
        self.opened = 0
        self.closed: Counter[int] = Counter()
        self.deliveries = 0
        self.errors = 0
        self.traced: Callable[[object], None] | None = None
        self.reached = Latencies()
        self._written: dict[int, tuple[TweetAdded, list[int]]] = {}
        self._sockets_max = sockets_max
        self._open: set[Connection] = set()
        self._ended = asyncio.Event()
        self._is_ending = False

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def executed(self) -> int:
        """How often an event was rendered."""
        return self.executor.executed

    def delivered(self, event: object) -> None:
        """Count an event that was written to a socket, or to a stream of server-sent events."""
        self.deliveries += 1
        if self.traced is not None:
            self.traced(event)
        written = self._written.get(id(event))
        if written is not None:
            written[1][0] += 1
        elif type(event) is TweetAdded and not event.replayed:
            # A thousand sockets hear one event in one turn of the event loop: its end is the time of them all.
            if not self._written:
                asyncio.get_running_loop().call_soon(self._time)
            self._written[id(event)] = event, [1]

    def _time(self) -> None:
        now_ms = self.services.clock_ms()
        for event, (times,) in self._written.values():
            self.reached.add(now_ms - milliseconds_of(event.entry.id), times)
        self._written.clear()

    @property
    def is_full(self) -> bool:
        """Whether new connections are refused."""
        return self._is_ending or len(self._open) >= self._sockets_max

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; False if there is no room."""
        if self.is_full:
            self.closed[TRY_LATER] += 1
            return False
        self.opened += 1
        self._open.add(connection)
        return True

    def release(self, connection: Connection, code: int, by_client: bool = False) -> None:
        """Count a connection's end."""
        self._open.discard(connection)
        self.closed[code if not by_client or code in _CLIENT_CODES else OTHER] += 1
        if not self._open:
            self._ended.set()

    async def close_all(self) -> None:
        """Close every connection with 1012 after what is under way, and refuse new ones; within the grace."""
        self._is_ending = True
        for connection in list(self._open):
            connection.wind_down()
        self._ended.clear()
        if self._open:
            try:
                async with asyncio.timeout(self.grace_s + FLUSH_S):
                    await self._ended.wait()
            except TimeoutError:
                pass
        await self.executor.close()
