"""Many writers, one commit: what arrives while a commit is under way shares the next one."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from infra.adapters.sqlite.database import RETRY_AFTER_S, translated
from loaders.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Result]):
    """Writes items in batches, each batch one synced transaction in a thread of its own.

    `write(connection, items)` must be few statements over the whole batch: each statement costs the thread a wait for
    the interpreter's lock, while the statement itself runs beside the event loop. `waiting_max` bounds the queue;
    beyond it callers get `Unavailable` at once.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        write: Callable[[sqlite3.Connection, Sequence[Item]], Sequence[Result]],
        batch_max: int = 512,
        waiting_max: int = 10_000,
    ) -> None:
        self._connection = connection
        self._write = write
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Result:
        """Write one item and answer its result once it is committed and synced; else raise `Unavailable`."""
        if len(self._waiting) >= self._waiting_max:
            raise Unavailable("Too many writes are waiting", retry_after_s=RETRY_AFTER_S)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run())
        # The write goes on even if the caller is cancelled, and only its result is lost: what may be on the disk must
        # not be forgotten halfway.
        return await done

    async def run(self, work: Callable[[sqlite3.Connection], Outcome]) -> Outcome:
        """Do one piece of work in a transaction of its own, between two batches."""

        def commit() -> Outcome:
            return self._transact(work)

        with translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, commit)

    async def close(self) -> None:
        """Finish what is under way and release the thread."""
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._batch_max, len(self._waiting)))]
            try:
                results = await loop.run_in_executor(self._thread, self._commit, [item for item, _ in batch])
            except Exception as error:
                _refuse([done for _, done in batch], error)
                continue
            for (_, done), result in zip(batch, results, strict=True):
                if not done.done():
                    done.set_result(result)

    def _commit(self, items: Sequence[Item]) -> Sequence[Result]:
        return self._transact(lambda connection: self._write(connection, items))

    def _transact(self, work: Callable[[sqlite3.Connection], Outcome]) -> Outcome:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcome = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return outcome


def _refuse(waiting: Sequence[asyncio.Future[Result]], error: Exception) -> None:
    """Tell all of a batch that nothing was written: a retry may help against the disk, not against the program."""
    for done in waiting:
        if not done.done():
            if isinstance(error, sqlite3.DatabaseError):
                refusal = Unavailable(f"The write was not acknowledged: {error}", retry_after_s=RETRY_AFTER_S)
                refusal.__cause__ = error
                done.set_exception(refusal)
            else:
                done.set_exception(error)
            # Whoever asked may have gone away; a refusal that nobody awaits is no news.
            done.exception()
