"""Gateways of one port answer for each other: whichever is asked for metrics tells those of all."""

import asyncio
import os
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

ANSWER_S = 2.0
"""How long a sibling may take: it asks its own parts for a second at most."""

Text = Callable[[], Awaitable[bytes]]


class Siblings:
    """One of `count` gateways, the one at `place`; `folder` holds a socket of each that serves, and is theirs alone.

    A successor takes over the socket of the one whose place it takes.
    """

    def __init__(self, folder: Path, place: int, count: int) -> None:
        self._folder = folder
        self._place = place
        self._count = count

    @asynccontextmanager
    async def answering(self, own: Text) -> AsyncIterator[None]:
        """Tell siblings that ask what this process shows, as long as this lasts."""

        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                writer.write(await own())
                await writer.drain()
            finally:
                writer.close()

        async with await asyncio.start_unix_server(tell, sock=self._listener()):
            yield

    async def text(self, own: Text) -> bytes:
        """Return what all show, this process included, as one text; who does not answer in time is told as such."""
        places = range(self._count)
        texts = await asyncio.gather(*(own() if each == self._place else self._asked(each) for each in places))
        return merged({str(place): text for place, text in zip(places, texts, strict=True)}).encode()

    async def _asked(self, place: int) -> bytes | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self._path(place))
                try:
                    return await reader.read() or None
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None

    def _listener(self) -> socket.socket:
        # Bound aside and then put there: it takes the place of a predecessor's, which goes on for a while.
        listener, aside = socket.socket(socket.AF_UNIX), self._folder / f"{self._place}.{os.getpid()}"
        listener.bind(str(aside))
        aside.rename(self._path(self._place))
        return listener

    def _path(self, place: int) -> str:
        return str(self._folder / f"{place}.socket")


def merged(texts: Mapping[str, bytes | None]) -> str:
    """Return several processes' texts as one in Prometheus' format, each series with the label `worker`.

    None stands for one that does not answer. Every metric's lines stay together, as the format asks.
    """
    about: dict[str, list[str]] = {}
    series: defaultdict[str, list[str]] = defaultdict(list)
    for worker, text in texts.items():
        name = ""
        for line in (text or b"").decode().splitlines():
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                lines = about.setdefault(name, [])
                if line not in lines:
                    lines.append(line)
            elif line:
                series[name].append(_of(worker, line))
    up = [f'roost_worker_up{{worker="{worker}"}} {int(text is not None)}' for worker, text in texts.items()]
    told = [line for name, lines in about.items() for line in (*lines, *series[name])]
    return "\n".join([*told, *UP, *up, ""])


UP = ("# HELP roost_worker_up Whether a gateway of this port answered for itself", "# TYPE roost_worker_up gauge")


def _of(worker: str, line: str) -> str:
    """Return a series with the label added."""
    end = min(place for place in (line.find("{"), line.find(" ")) if place >= 0)
    rest = "," + line[end + 1 :] if line[end] == "{" else "}" + line[end:]
    return f'{line[:end]}{{worker="{worker}"{rest}'
