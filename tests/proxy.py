"""A stretch of network that a test can slow down and cut: it forwards connections on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65_536
LOOK_AGAIN_S = 0.05


class Proxy:
    """Forwards to one address. What the server says comes `delay_s` later; while `is_cut`, nothing passes, and no
    connection is closed: as when a cable is pulled.
    """

    def __init__(self, host: str, port: int) -> None:
        self.delay_s = 0.0
        self.is_cut = False
        self.port = 0
        self._target = (host, port)
        self._under_way: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> "AsyncIterator[Proxy]":
        """Listen on a free port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in [*self._under_way]:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def break_all(self) -> None:
        """Close every connection there is; new ones are taken as before."""
        for task in [*self._under_way]:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        with suppress(OSError, asyncio.CancelledError):
            try:
                await self._passable()
                to_reader, to_writer = await asyncio.open_connection(*self._target)
                try:
                    await asyncio.gather(
                        self._forward(reader, to_writer, is_answer=False),
                        self._forward(to_reader, writer, is_answer=True),
                    )
                finally:
                    to_writer.close()
            finally:
                writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        """Pass everything on in its order, each piece as late as was said when it came."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def read() -> None:
            while chunk := await reader.read(CHUNK):
                waiting.put_nowait((loop.time() + (self.delay_s if is_answer else 0.0), chunk))
            waiting.put_nowait((0.0, b""))

        reading = asyncio.create_task(read())
        try:
            while True:
                due_s, chunk = await waiting.get()
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                await self._passable()
                if not chunk:
                    writer.write_eof()
                    return
                writer.write(chunk)
                await writer.drain()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _passable(self) -> None:
        while self.is_cut:  # noqa: ASYNC110 - a test says when, from outside
            await asyncio.sleep(LOOK_AGAIN_S)
