"""One way to speak to a Redis and to a Redis Cluster: commands find their nodes, and failures are bounded."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard, GuardLimits, Refused
from infra.adapters.redis.nodes import Nodes, Reply, Words
from infra.adapters.redis.scripts import Script
from infra.adapters.redis.urls import Address, parse_url
from loaders.errors import Unavailable

RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class RedisLimits:
    """What an operation may take. Times are in seconds.

    `timeout_s` bounds a whole operation with its redirections and retries. A node that fails is asked again at most
    `failures_max` times, within the guard's budget, after a pause drawn between 0 and `backoff_s`, which doubles each
    time; redirections of a cluster that is resharded are followed at most `redirects_max` times.
    """

    connections_max: int = 8
    timeout_s: float = 2.0
    connect_timeout_s: float = 1.0
    failures_max: int = 2
    redirects_max: int = 16
    backoff_s: float = 0.05
    guard: GuardLimits = field(default_factory=GuardLimits)


@dataclass(frozen=True, slots=True)
class Call:
    """A command for the node that has `key`; with a script, `words` are what follows its name. It is safe to repeat.

    A call of several keys, all of one hash tag, answers a count, and says by `apart` how to reach each key alone: while
    their slot moves, they may lie on two nodes.
    """

    key: str
    words: Words
    script: Script | None = None
    apart: "Callable[[], Sequence[Call]] | None" = None

    def command(self, by_text: bool) -> Words:
        """Return the command as it is sent; `by_text` for a server that does not know the script."""
        if self.script is None:
            return self.words
        return ("EVAL", self.script.text, *self.words) if by_text else ("EVALSHA", self.script.sha, *self.words)


class RedisConnection:
    """Sends calls and answers what they came to. Any number of tasks may use it at once.

    Every failure is raised as `Unavailable`, no later than the time limit; after some in a row at once, by the guard.
    """

    def __init__(self, nodes: Nodes, limits: RedisLimits, chance: Callable[[], float]) -> None:
        self.guard = Guard("Redis", limits.guard, asyncio.get_running_loop().time, chance)
        self.nodes = nodes
        self.limits = limits
        self._chance = chance
        self._suspected: int | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, limits: RedisLimits | None = None, chance: random.Random | None = None
    ) -> "AsyncIterator[RedisConnection]":
        """Open what a URL names (see `urls`). It connects when it is first used, so that Redis may come up later."""
        limits, chance = limits or RedisLimits(), chance or random.Random()
        nodes = Nodes(
            parse_url(url), limits.connections_max, limits.timeout_s, limits.connect_timeout_s, chance.shuffle
        )
        try:
            yield cls(nodes, limits, chance.random)
        finally:
            await nodes.close()

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different hash tags may lie on different nodes."""
        return self.nodes.is_cluster

    async def run(self, calls: Sequence[Call], timeout_s: float | None = None) -> Sequence[Reply]:
        """Send calls, those for one node in one go, and answer in their order."""
        with self.guard:
            return await self._run(calls, timeout_s)

    async def _run(self, calls: Sequence[Call], timeout_s: float | None) -> Sequence[Reply]:
        async with self._bounded(timeout_s):
            if self._suspected is not None:
                suspected, self._suspected = self._suspected, None
                await self.nodes.refresh(suspected)
            return await _Running(self, calls).replies()

    async def one(self, call: Call, timeout_s: float | None = None) -> Reply:
        """Send one call."""
        (reply,) = await self.run([call], timeout_s)
        return reply

    async def ask(self, address: Address, *words: str | bytes | int) -> Reply:
        """Send a command to one node, whatever keys it has."""
        async with self._bounded():
            try:
                (reply,) = await self.nodes.send(address, [words])
            except (RedisError, OSError) as error:
                raise Unavailable(f"Redis at {address.host}:{address.port} does not answer", RETRY_AFTER_S) from error
            if isinstance(reply, ResponseError):
                raise _refused(reply)
            return reply

    async def ping(self) -> None:
        """Return once every node that has slots has answered; `Unavailable` if one does not."""
        for master in await self.masters():
            await self.ask(master, "PING")

    async def masters(self) -> Sequence[Address]:
        """Answer the nodes that have slots, asked anew."""
        async with self._bounded():
            await self.nodes.refresh(self.nodes.version)
        masters = self.nodes.masters()
        if not masters:
            raise Unavailable("No node of the Redis Cluster answers", RETRY_AFTER_S)
        return masters

    @asynccontextmanager
    async def _bounded(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        version = self.nodes.version
        at_s, is_own = bound(asyncio.get_running_loop().time(), timeout_s or self.limits.timeout_s)
        try:
            async with asyncio.timeout_at(at_s):
                yield
        except TimeoutError:
            # A node that hangs may long have been replaced by another.
            self._suspected = version
            raise (Unavailable if is_own else Crowded)("Redis did not answer in time", RETRY_AFTER_S) from None

    async def pause(self, failures: int) -> None:
        """Wait before the next try after so many failures, with full jitter."""
        await asyncio.sleep(self._chance() * self.limits.backoff_s * 2 ** (failures - 1))


class _Running:
    """Calls on their way: what is open, where each goes next, and how often it was tried."""

    def __init__(self, connection: RedisConnection, calls: Sequence[Call]) -> None:
        self._connection = connection
        self._nodes = connection.nodes
        self._limits = connection.limits
        self._calls = calls
        self._replies: list[Reply] = [None] * len(calls)
        self._asking: dict[int, Address] = {}
        self._by_text: set[int] = set()
        self._failure: Exception | None = None
        self._refusal: ResponseError | None = None

    async def replies(self) -> Sequence[Reply]:
        """Go on until every call is answered."""
        todo: Sequence[int] = range(len(self._calls))
        failures = redirects = 0
        while True:
            version = self._nodes.version
            todo = await self._round(todo)
            failure, self._failure = self._failure, None
            if self._refusal is not None:
                raise _refused(self._refusal)
            if not todo:
                return self._replies
            if failure is None:
                redirects += 1
                if redirects > self._limits.redirects_max:
                    raise Unavailable("Redis sends this call from node to node", RETRY_AFTER_S)
                continue
            failures += 1
            if failures > self._limits.failures_max or not self._connection.guard.may_retry():
                raise Unavailable("Redis does not answer", RETRY_AFTER_S) from failure
            await self._connection.pause(failures)
            await self._nodes.refresh(version)

    async def _round(self, todo: Sequence[int]) -> Sequence[int]:
        """Send what is open, once, and return what remains open."""
        groups: defaultdict[Address, list[int]] = defaultdict(list)
        homeless = []
        for number in todo:
            address = self._asking.get(number) or self._nodes.owner(self._calls[number].key)
            if address is None:
                homeless.append(number)
            else:
                groups[address].append(number)
        if homeless:
            await self._nodes.refresh(self._nodes.version)
            if not all(self._nodes.owner(self._calls[number].key) for number in homeless):
                self._failure = ConnectionError("No node has the slot")
        if len(groups) == 1 and not homeless:
            return await self._send(*groups.popitem())
        sent = await asyncio.gather(*(self._send(address, numbers) for address, numbers in groups.items()))
        return [*homeless, *(number for open_still in sent for number in open_still)]

    async def _send(self, address: Address, numbers: Sequence[int]) -> Sequence[int]:
        commands: list[Words] = []
        places = []
        for number in numbers:
            if number in self._asking:
                # It counts for the command right behind it on the same connection.
                commands.append(("ASKING",))
            places.append(len(commands))
            commands.append(self._calls[number].command(number in self._by_text))
        try:
            replies = await self._nodes.send(address, commands)
        except (RedisError, OSError) as error:
            self._failure = error
            for number in numbers:
                self._asking.pop(number, None)
            return numbers
        todo = []
        for number, place in zip(numbers, places, strict=True):
            reply, apart = replies[place], self._calls[number].apart
            if isinstance(reply, TryAgainError) and apart is not None:
                self._replies[number] = sum(await _Running(self._connection, apart()).replies())
            elif not self._take(number, reply, address):
                todo.append(number)
        return todo

    def _take(self, number: int, reply: Reply, sender: Address) -> bool:
        """Keep an answer, or note where the call goes next; tell whether it is done."""
        self._asking.pop(number, None)
        match reply:
            case NoScriptError():
                self._by_text.add(number)
            case MovedError():
                self._nodes.moved(self._calls[number].key, Address(reply.host or sender.host, reply.port))
            case AskError():
                self._asking[number] = Address(reply.host or sender.host, reply.port)
            case ClusterDownError() | ReadOnlyError() | TryAgainError():
                self._failure = reply
            case ResponseError():
                self._refusal = reply
                return True
            case _:
                self._replies[number] = reply
                return True
        return False


def _refused(error: ResponseError) -> Refused:
    return Refused(f"Redis refused: {error}", RETRY_AFTER_S)
