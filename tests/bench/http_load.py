"""A bare HTTP client that costs less than any server: ready requests out, Content-Length in, and nothing else."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from tests.bench.figures import percentile
from tests.bench.servers import HOST

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
OK, REFUSED = b"HTTP/1.1 200", b"HTTP/1.1 503"
SATURATED = 0.93
PACE_S = 0.001


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time; `answered` is told the seconds, and whether it was 200.

    `body` is the last answer's, where `keeps_body` asks for it.
    """

    def __init__(self, answered: Callable[["Connection", float, bool], None], keeps_body: bool = False) -> None:
        self.body = b""
        self.is_lost = False
        self.is_refused = False
        self._answered = answered
        self._keeps_body = keeps_body
        self._transport: asyncio.Transport | None = None
        self._began_s = 0.0
        self._head = b""
        self._left = 0
        self._is_ok = False
        self._parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way: nothing is tried again, since a server under test must not hang up."""
        del exc
        self.is_lost = True
        self._answered(self, time.perf_counter() - self._began_s, False)

    def send(self, request: bytes) -> None:
        """Send a whole request."""
        assert self._transport is not None
        self._began_s = time.perf_counter()
        self._transport.write(request)

    def close(self) -> None:
        """Hang up without a word."""
        self._answered = _ignore
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Count what comes until the answer is whole."""
        if self._left == 0:
            if self._head:
                data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            found = LENGTH.search(data, 0, end)
            self._is_ok = data.startswith(OK) and found is not None
            self.is_refused = data.startswith(REFUSED)
            length = int(found[1]) if found is not None else 0
            if self._keeps_body:
                self._parts = [data[end + 4 :]]
            self._left = length - (len(data) - end - 4)
        else:
            self._left -= len(data)
            if self._keeps_body:
                self._parts.append(data)
        if self._left == 0:
            if self._keeps_body:
                self.body = b"".join(self._parts)
            self._answered(self, time.perf_counter() - self._began_s, self._is_ok)


class Client:
    """One connection to await answers on; one that the server has closed for idleness is opened anew."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiter: asyncio.Future[bool] | None = None
        self._connection = Connection(self._take, keeps_body=True)

    @classmethod
    async def open(cls, port: int) -> "Client":
        """Connect."""
        client = cls(port)
        await client._connect()
        return client

    async def ask(self, request: bytes) -> bytes:
        """Send a request and return the body; RuntimeError for any other status than 200."""
        if self._connection.is_lost:
            self._connection = Connection(self._take, keeps_body=True)
            await self._connect()
        self._waiter = asyncio.get_running_loop().create_future()
        self._connection.send(request)
        if not await self._waiter:
            raise RuntimeError(f"not answered with 200: {self._connection.body[:500]!r}")
        return self._connection.body

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    async def _connect(self) -> None:
        connection = self._connection
        await asyncio.get_running_loop().create_connection(lambda: connection, HOST, self._port)

    def _take(self, _connection: Connection, _seconds: float, is_ok: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(is_ok)


@dataclass(slots=True)
class Lap:
    """What so many seconds of load came to."""

    seconds: float
    client_cpu_s: float
    latencies_s: list[float] = field(default_factory=list)
    failed: int = 0
    refused_s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies_s) / self.seconds

    @property
    def client_share(self) -> float:
        """The share of its core that the client used: near 1, the figure is the client's and not the server's."""
        return self.client_cpu_s / self.seconds

    def latency_ms(self, share: float) -> float:
        """Return a percentile of the latencies."""
        return 1000 * percentile(self.latencies_s, share)


async def load(
    port: int,
    requests: Iterator[bytes],
    connections: int,
    seconds: float,
    is_right: Callable[[bytes], bool] | None = None,
) -> Lap:
    """Keep so many requests under way for so long; the next request goes to whichever connection is free.

    `is_right` looks at each body. RuntimeError tells of answers that were not 200, or not right.
    """
    loop = asyncio.get_running_loop()
    lap = Lap(0.0, 0.0)
    ended: asyncio.Future[None] = loop.create_future()
    open_count = connections
    stop_s = 0.0

    def answered(connection: Connection, took_s: float, is_ok: bool) -> None:
        nonlocal open_count
        if is_ok and (is_right is None or is_right(connection.body)):
            lap.latencies_s.append(took_s)
        else:
            lap.failed += 1
        if time.perf_counter() < stop_s and not connection.is_lost:
            connection.send(next(requests))
            return
        connection.close()
        open_count -= 1
        if open_count == 0:
            ended.set_result(None)

    def made() -> Connection:
        return Connection(answered, keeps_body=is_right is not None)

    opened = [(await loop.create_connection(made, HOST, port))[1] for _ in range(connections)]
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    stop_s = began_s + seconds
    for connection in opened:
        connection.send(next(requests))
    await ended
    lap.seconds = time.perf_counter() - began_s
    lap.client_cpu_s = time.process_time() - began_cpu_s
    if lap.failed:
        raise RuntimeError(f"{lap.failed} of {lap.failed + len(lap.latencies_s)} requests failed")
    return lap


async def offered(port: int, requests: Iterator[bytes], connections: int, rate: float, seconds: float) -> Lap:
    """Send so many requests a second whatever becomes of them, as many at once as there are connections.

    Latencies are those of answers; refusals are apart. RuntimeError tells of answers that were neither.
    """
    loop = asyncio.get_running_loop()
    lap, free, is_over = Lap(0.0, 0.0), list[Connection](), False
    ended: asyncio.Future[None] = loop.create_future()

    def answered(connection: Connection, took_s: float, is_ok: bool) -> None:
        if is_ok:
            lap.latencies_s.append(took_s)
        elif connection.is_refused:
            lap.refused_s.append(took_s)
        else:
            lap.failed += 1
        free.append(connection)
        if is_over and len(free) == connections:
            ended.set_result(None)

    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(answered), HOST, port)
        free.append(connection)
    began_s, began_cpu_s, sent = time.perf_counter(), time.process_time(), 0
    while (now_s := time.perf_counter() - began_s) < seconds:
        while sent < now_s * rate and free:
            free.pop().send(next(requests))
            sent += 1
        await asyncio.sleep(PACE_S)
    is_over = True
    if len(free) < connections:
        await ended
    lap.seconds = time.perf_counter() - began_s
    lap.client_cpu_s = time.process_time() - began_cpu_s
    for connection in free:
        connection.close()
    if lap.failed:
        raise RuntimeError(f"{lap.failed} requests were neither answered nor refused")
    return lap


def _ignore(_connection: Connection, _seconds: float, _is_ok: bool) -> None:
    """Take no notice of what comes after the end."""
