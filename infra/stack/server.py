"""A server of the stack: one node or several, started until they truly answer, and what tests do to them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from infra.stack.process import Process, ServerFailed

LOOK_AGAIN_S = 0.1
PROBE_S = 5.0
STOP_S = 20.0
LINES_SHOWN = 15

Probe = Callable[[], Awaitable[bool]]


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Node:
    """One process of a server: where clients reach it, and whether it answers.

    `probe` may raise OSError, EOFError or ValueError, which mean no.
    """

    name: str
    host: str
    port: int
    process: Process
    probe: Probe

    async def answers(self) -> bool:
        """Tell whether it serves clients now; no later than after 5 seconds."""
        if not self.process.is_running:
            return False
        return await answers(self.probe)


class Server:
    """A server at a URL, in a folder that keeps its data and its ports; a context that starts and stops it.

    At every start `prepare` is awaited first, and `form` once the nodes answer; `probe` asks the whole. With
    `first_alone` the first node answers before the others start. `ready_s` bounds a whole start in seconds.
    """

    def __init__(
        self,
        name: str,
        url: str,
        nodes: Sequence[Node],
        ready_s: float,
        probe: Probe,
        prepare: Callable[[], Awaitable[None]] = _nothing,
        form: Callable[[], Awaitable[None]] = _nothing,
        first_alone: bool = False,
    ) -> None:
        self.name = name
        self.url = url
        self.nodes = tuple(nodes)
        self._ready_s = ready_s
        self._probe = probe
        self._prepare = prepare
        self._form = form
        self._first_alone = first_alone

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start what does not run, and return when all of it serves clients.

        Raises `ServerFailed` if a node ends or time runs out, and stops all of it then.
        """
        try:
            async with asyncio.timeout(self._ready_s) as bound:
                await self._prepare()
                first = self.nodes[:1] if self._first_alone else ()
                for some in (first, self.nodes):
                    for node in some:
                        node.process.start()
                    await asyncio.gather(*(self._wait(node) for node in some))
                await self._form()
                while not await answers(self._probe):
                    _refuse_ended(self.name, self.nodes)
                    await asyncio.sleep(LOOK_AGAIN_S)
        except BaseException as error:
            said = self._last_lines()
            self.kill()
            if isinstance(error, TimeoutError) and bound.expired():
                raise ServerFailed(f"{self.name} did not answer within {self._ready_s:g} s:\n{said}") from error
            raise

    async def stop(self) -> None:
        """Ask all of it to end; after 20 seconds it is killed."""
        await asyncio.gather(*(node.process.stop(STOP_S) for node in self.nodes))

    async def restart(self, *names: str) -> None:
        """Stop these nodes, all if none is named, and start whatever does not run on the same folders and ports."""
        await asyncio.gather(*(node.process.stop(STOP_S) for node in self._named(names)))
        await self.start()

    def kill(self, *names: str) -> None:
        """End these nodes as a crash would, all if none is named."""
        for node in self._named(names):
            node.process.kill()

    def freeze(self, *names: str) -> None:
        """Let these nodes hang, all if none is named."""
        for node in self._named(names):
            node.process.freeze()

    def thaw(self, *names: str) -> None:
        """Let frozen nodes go on, all if none is named."""
        for node in self._named(names):
            node.process.thaw()

    async def answers(self) -> bool:
        """Tell whether the whole serves clients now, every node of it."""
        alone = await asyncio.gather(*(node.answers() for node in self.nodes))
        return all(alone) and await answers(self._probe)

    def _named(self, names: Iterable[str]) -> Sequence[Node]:
        wanted = set(names)
        if unknown := wanted - {node.name for node in self.nodes}:
            raise KeyError(f"{self.name} has no node {', '.join(sorted(unknown))}")
        return [node for node in self.nodes if not wanted or node.name in wanted]

    async def _wait(self, node: Node) -> None:
        while not await node.answers():
            _refuse_ended(self.name, (node,))
            await asyncio.sleep(LOOK_AGAIN_S)

    def _last_lines(self) -> str:
        return "\n".join(f"{node.name}:\n{node.process.last_lines(LINES_SHOWN)}" for node in self.nodes)


async def answers(probe: Probe) -> bool:
    """Ask a probe: no answer within 5 seconds, or a broken one, is a no."""
    try:
        async with asyncio.timeout(PROBE_S):
            return await probe()
    except (OSError, EOFError, ValueError, TimeoutError):
        return False


def _refuse_ended(server: str, nodes: Iterable[Node]) -> None:
    for node in nodes:
        if not node.process.is_running:
            said = node.process.last_lines(LINES_SHOWN)
            raise ServerFailed(f"{server}: {node.name} ended with {node.process.code}:\n{said}")
