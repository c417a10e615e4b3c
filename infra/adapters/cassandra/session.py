"""The bridge from asyncio to the driver: bounded, cancellable, and `Unavailable` where a retry may help."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from infra.adapters.cassandra.driver import (
    CONDITIONALS,
    CONTENDED,
    TRANSIENT,
    Driver,
    Kind,
    Options,
    Page,
    Target,
    applied,
    batch,
    bind,
    parse,
)
from infra.adapters.cassandra.waiting import LATE, RETRY_AFTER_S, in_thread, late, said, unavailable
from infra.adapters.deadline import bound
from infra.adapters.guard import Crowded, Guard

GRACE_S = 0.5
"""How much longer than a request's timeout the bridge waits for the driver to say that it is over."""

Answer = TypeVar("Answer")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[object]]
"""A statement's text, with `?` for its values, and the values."""


class Outcome(NamedTuple):
    """What came of a lightweight transaction; `row` is what stood against it, by the names of its columns."""

    is_applied: bool
    row: Mapping[str, Any]


class CassandraSession:
    """One connected keyspace.

    Reads and writes are at LOCAL_QUORUM and go to a replica of their partition in the region at hand. At most
    `in_flight_max` requests run at once, the others wait. Each takes at most `request_timeout_s` from when it is sent,
    and a call `call_timeout_s` with its waits; what the cluster cannot do for now raises `Unavailable`, and may have
    been done. The `guard` refuses calls at once when the last ones failed. A statement that the server refuses, or
    values that do not fit, raise what the driver raises. Statements are prepared once, by their text. Writes must be
    idempotent: a lost one is sent again to another node, as reads are, within the guard's budget. Cancelling is safe
    at any time.
    """

    def __init__(self, driver: Driver, options: Options, chance: Callable[[], float] = random.random) -> None:
        self._driver = driver
        self._options = options
        self._loop = asyncio.get_running_loop()
        self.guard = driver.guard = Guard("Cassandra", options.guard, self._loop.time, chance)
        self._slots = asyncio.Semaphore(options.in_flight_max)
        self._preparing: dict[str, asyncio.Future[Any]] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, options: Options | None = None) -> "AsyncIterator[CassandraSession]":
        """Connect to the keyspace of a URL (see `driver.Target`). Raises `Unavailable` if no node answers."""
        target, options = parse(url), options or Options()
        if target.keyspace is None:
            raise ValueError("the Cassandra URL names no keyspace")
        driver = await connect(target, options)
        try:
            yield cls(driver, options)
        finally:
            await close(driver)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._options.in_flight_max - self._slots._value

    @property
    def in_flight_max(self) -> int:
        """How many may be."""
        return self._options.in_flight_max

    async def rows(self, text: str, *values: object, limit: int | None = None) -> list[Row]:
        """Return the rows of a read, over all its pages; no more pages are asked for once there are `limit` rows."""
        (found,) = await self._run([(text, values)], Kind.READ, limit)
        return found

    async def many(self, text: str, values: Sequence[Sequence[object]]) -> list[list[Row]]:
        """Run one read with many values at once; answer the rows in the order asked."""
        return await self._run([(text, each) for each in values], Kind.READ)

    async def reads(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Run reads of any kind at once; answer their rows in the order asked."""
        return await self._run(statements, Kind.READ)

    async def write(self, text: str, *values: object) -> None:
        """Write, durably before the call returns."""
        await self._run([(text, values)], Kind.WRITE)

    async def write_many(self, groups: Sequence[Sequence[Statement]]) -> None:
        """Write all, in no order, durably before the call returns.

        The statements of a group have the same partition key, in one table or several: they go as one mutation, or
        several of `batch_max` statements. All values are checked before any is sent.
        """
        await self._in_time(self._write_all, groups)

    async def conditional(self, text: str, *values: object, is_global: bool = False) -> Outcome:
        """Run a lightweight transaction, within the region or across all.

        After `Unavailable` its outcome is not known: read it back with `serial_rows`. It is never sent twice.
        """
        kind = Kind.GLOBAL_CONDITIONAL if is_global else Kind.CONDITIONAL
        (rows,) = await self._run([(text, values)], kind)
        return Outcome(*applied(rows))

    async def serial_rows(self, text: str, *values: object, is_global: bool = False) -> list[Row]:
        """Return the rows of a read that sees, and settles, every lightweight transaction that was begun before it."""
        (found,) = await self._run([(text, values)], Kind.GLOBAL_SERIAL_READ if is_global else Kind.SERIAL_READ)
        return found

    async def pages(self, text: str, *values: object) -> AsyncIterator[Sequence[Row]]:
        """Return the rows of a long read page by page, so that no more than one page is held at once."""
        with self.guard:
            statement = bind(await self._prepare(text), values, Kind.READ, self._options.page_rows)
        state: bytes | None = None
        while True:
            with self.guard:
                await self._slots.acquire()
                page = await self._answer(self._send(statement, Kind.READ, state), Kind.READ)
            yield page.rows
            state = page.next_state
            if state is None:
                return

    async def define(self, text: str) -> None:
        """Change the schema, and wait until all nodes agree on it."""
        await in_thread(self._driver.execute, text)

    async def _run(self, statements: Sequence[Statement], kind: Kind, limit: int | None = None) -> list[list[Row]]:
        return await self._in_time(self._run_all, statements, kind, limit)

    async def _in_time(self, work: Callable[..., Coroutine[Any, Any, Answer]], *arguments: Any) -> Answer:
        """Do all of a call within its time, if the guard lets it."""
        with self.guard:
            if self._options.call_timeout_s is None:
                return await work(*arguments)
            at_s, is_own = bound(self._loop.time(), self._options.call_timeout_s)
            try:
                async with asyncio.timeout_at(at_s):
                    return await work(*arguments)
            except TimeoutError as error:
                raise (late() if is_own else Crowded(LATE, RETRY_AFTER_S)) from error

    async def _run_all(self, statements: Sequence[Statement], kind: Kind, limit: int | None) -> list[list[Row]]:
        prepared = {text: await self._prepare(text) for text in {text for text, _ in statements}}
        page_rows = self._options.page_rows if limit is None else max(1, min(limit, self._options.page_rows))
        bound = [bind(prepared[text], values, kind, page_rows) for text, values in statements]
        return await self._send_all(bound, kind, limit)

    async def _write_all(self, groups: Sequence[Sequence[Statement]]) -> None:
        texts = {text for group in groups for text, _ in group}
        prepared = {text: await self._prepare(text) for text in texts}
        bound = []
        for group in groups:
            statements = iter([bind(prepared[text], values, Kind.WRITE, 0) for text, values in group])
            while some := list(islice(statements, self._options.batch_max)):
                bound.append(some[0] if len(some) == 1 else batch(some))
        await self._send_all(bound, Kind.WRITE, None)

    async def _send_all(self, bound: Sequence[Any], kind: Kind, limit: int | None) -> list[list[Row]]:
        """Keep as many on their way as there are slots; the first failure gives up the rest."""
        pages: list[asyncio.Future[Page]] = []
        try:
            for statement in bound:
                await self._slots.acquire()
                pages.append(self._send(statement, kind))
            answers = []
            for statement, page in zip(bound, pages, strict=True):
                found = await self._answer(page, kind)
                rows = list(found.rows)
                while found.next_state is not None and (limit is None or len(rows) < limit):
                    await self._slots.acquire()
                    found = await self._answer(self._send(statement, kind, found.next_state), kind)
                    rows += found.rows
                answers.append(rows)
            return answers
        finally:
            for page in pages:
                page.cancel()

    def _send(self, statement: Any, kind: Kind, state: bytes | None = None) -> asyncio.Future[Page]:
        """Send within a slot that was taken, and give it back with the answer."""
        page: asyncio.Future[Page] = self._loop.create_future()
        page.add_done_callback(self._release)
        try:
            self._driver.send(
                statement,
                kind,
                lambda found: self._tell(page, page.set_result, found),
                lambda error: self._tell(page, page.set_exception, error),
                state,
            )
        except BaseException:
            page.cancel()
            raise
        return page

    def _release(self, page: asyncio.Future[Page]) -> None:
        self._slots.release()
        if not page.cancelled():
            # Whoever waits has given up after an earlier failure: this one is not reported as never looked at.
            page.exception()

    def _tell(self, page: asyncio.Future[Page], settle: Callable[[Any], None], value: object) -> None:
        """Hand an answer over from the driver's thread."""

        def unless_done() -> None:
            if not page.done():
                settle(value)

        try:
            self._loop.call_soon_threadsafe(unless_done)
        except RuntimeError:
            return  # the event loop is closed, and nobody waits any more

    async def _answer(self, page: asyncio.Future[Page], kind: Kind) -> Page:
        try:
            if self._options.call_timeout_s is not None:
                return await page
            # The driver keeps the time itself, where its own thread gets on.
            async with asyncio.timeout(self._options.request_timeout_s + GRACE_S):
                return await page
        except TRANSIENT as error:
            if kind in CONDITIONALS and isinstance(error, CONTENDED):
                raise Crowded(said(error), RETRY_AFTER_S) from error
            raise unavailable(error) from error
        except TimeoutError as error:
            raise late() from error

    async def _prepare(self, text: str) -> Any:
        """Prepare a statement once; whoever comes meanwhile waits for the same."""
        known = self._driver.prepared.get(text)
        if known is not None:
            return known
        preparing = self._preparing.get(text)
        if preparing is None:
            preparing = self._preparing[text] = asyncio.ensure_future(in_thread(self._driver.prepare, text))
            preparing.add_done_callback(lambda done: self._prepared(text, done))
        return await asyncio.shield(preparing)

    def _prepared(self, text: str, done: asyncio.Future[Any]) -> None:
        del self._preparing[text]
        if not done.cancelled():
            # Whoever waited may have been cancelled: a failure is not reported as never looked at.
            done.exception()


async def connect(target: Target, options: Options) -> Driver:
    """Connect in a thread. Raises `Unavailable` if no node answers."""
    return await in_thread(Driver, target, options)


async def close(driver: Driver) -> None:
    """End a connection in a thread, even if whoever waits is cancelled meanwhile."""
    await asyncio.shield(asyncio.to_thread(driver.close))
