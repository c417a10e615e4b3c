"""Sessions of Cassandra that die in the midst of writing, or wait for their turn."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from infra.adapters.cassandra.driver import Driver
from infra.adapters.cassandra.session import CassandraSession, Row, Statement
from tests.contracts.cassandra_adapters import PATIENT

TURNS_OF_THE_LOOP = 20


class Died(Exception):
    """The process died at this point."""


class MortalSession(CassandraSession):
    """A session that dies after so many groups of statements were written; of the last call's, any may have been.

    `on_the_way` are those that were not: they may still arrive.
    """

    lives: int | None = None
    chance = random.Random(0)
    on_the_way: Sequence[Sequence[Statement]] = ()

    async def write_many(self, groups: Sequence[Sequence[Statement]]) -> None:
        """Write what is still granted."""
        if self.lives is not None and len(groups) > self.lives:
            shuffled = self.chance.sample(groups, len(groups))
            self.on_the_way, lives = shuffled[self.lives :], self.lives
            self.lives = None
            await super().write_many(shuffled[:lives])
            raise Died
        if self.lives is not None:
            self.lives -= len(groups)
        await super().write_many(groups)


class TurnSession(CassandraSession):
    """A session whose every call waits for its turn, so that a test decides who reads and writes when."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver, PATIENT)
        self.waiting: deque[asyncio.Event] = deque()
        self.ended = asyncio.Semaphore(0)

    async def reads(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Read when it is this session's turn."""
        async with self._turn():
            return await super().reads(statements)

    async def write_many(self, groups: Sequence[Sequence[Statement]]) -> None:
        """Write when it is this session's turn."""
        async with self._turn():
            await super().write_many(groups)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        granted = asyncio.Event()
        self.waiting.append(granted)
        await granted.wait()
        try:
            yield
        finally:
            self.ended.release()

    async def take_turn(self) -> None:
        """Let the call go through that has waited longest, if there is one."""
        if self.waiting:
            self.waiting.popleft().set()
            await self.ended.acquire()
        # Whoever was answered goes on as far as its next call.
        for _ in range(TURNS_OF_THE_LOOP):
            await asyncio.sleep(0)
