"""Worker numbers for ids, leased: at no time do two processes give ids with the same one.

After Gray and Cheriton, "Leases" (1989): the holder counts its lease from before it asked, by its own monotonic clock,
the database from when it wrote it; so the holder always stops first.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from infra.adapters.cassandra.session import CassandraSession
from loaders.errors import Unavailable
from loaders.ids import TIME_SHIFT, WORKER_MAX, IdGenerator, milliseconds_of

HELD = "SELECT worker, holder FROM worker_leases"
LEASE = "SELECT holder, newest_id FROM worker_leases WHERE worker = ?"
ACQUIRE = "UPDATE worker_leases USING TTL ? SET holder = ? WHERE worker = ? IF holder = null"
RENEW = "UPDATE worker_leases USING TTL ? SET holder = ? WHERE worker = ? IF holder = ?"
BOUND = "UPDATE worker_leases SET newest_id = ? WHERE worker = ? IF holder = ?"
RELEASE = "UPDATE worker_leases SET holder = null, newest_id = ? WHERE worker = ? IF holder = ?"


@dataclass(frozen=True, slots=True)
class LeaseLimits:
    """How long a lease lasts, in seconds, how often it is renewed, and what clocks may be apart by.

    `margin_s` covers the difference between the clocks of the database's nodes, and that they count whole seconds.
    """

    lifetime_s: int = 60
    renew_every_s: float = 10.0
    margin_s: float = 5.0
    backwards_ms_max: int = 5_000


class WorkerLease:
    """A lease of one worker number, and the ids given under it; `open` it.

    Calling it returns the next id. It raises `Unavailable` while no lease stands: from `margin_s` before the database
    would give the number to another, until the next renewal that succeeds. A lease that was lost is replaced by one of
    another number. No id is below one that an earlier holder of the number gave.
    """

    def __init__(
        self,
        session: CassandraSession,
        holder: str,
        clock_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        choose: Callable[[Sequence[int]], int],
        limits: LeaseLimits,
        newest: int,
    ) -> None:
        self._session = session
        self._holder = holder
        self._clock_ms = clock_ms
        self._monotonic_s = monotonic_s
        self._choose = choose
        self._limits = limits
        self._newest = newest
        self._worker: int | None = None
        self._generator: IdGenerator | None = None
        self._until_s = 0.0
        self._bound_ms = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        session: CassandraSession,
        holder: str,
        clock_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        choose: Callable[[Sequence[int]], int],
        limits: LeaseLimits | None = None,
        newest: int = 0,
    ) -> "AsyncIterator[WorkerLease]":
        """Lease a number, keep the lease, and give it back at the end.

        `holder` names this process among all there ever were; `choose` picks one of the free numbers, best at random;
        `newest` is the greatest id known to have been given. Raises `Unavailable` if no number is free.
        """
        lease = cls(session, holder, clock_ms, monotonic_s, choose, limits or LeaseLimits(), newest)
        await lease.renew()
        keeping = asyncio.create_task(lease._keep())
        try:
            yield lease
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            await lease.release()

    @property
    def worker(self) -> int | None:
        """The number leased last."""
        return self._worker

    def __call__(self) -> int:
        """Return the next id."""
        if self._generator is None or self._monotonic_s() >= self._until_s:
            raise Unavailable("No worker number is leased to give ids with", retry_after_s=1.0)
        given = self._generator()
        if milliseconds_of(given) > self._bound_ms:
            raise Unavailable("The clock has run ahead of the lease", retry_after_s=1.0)
        self._newest = given
        return given

    async def renew(self) -> None:
        """Renew the lease, or take another if it is lost. After `Unavailable` it stands for as long as it did."""
        if self._worker is not None and await self._extend(self._worker):
            return
        self._worker = self._generator = None
        await self._acquire()

    async def release(self) -> None:
        """Give the number back, with the newest id; where the database cannot be reached, time gives it back."""
        worker, self._worker, self._generator = self._worker, None, None
        if worker is not None:
            with suppress(Unavailable):
                await self._session.conditional(RELEASE, self._newest, worker, self._holder)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.renew_every_s)
            with suppress(Unavailable):
                await self.renew()

    async def _acquire(self) -> None:
        held = {worker for worker, holder in await self._session.rows(HELD) if holder is not None}
        free = [worker for worker in range(WORKER_MAX + 1) if worker not in held]
        while free:
            worker = self._choose(free)
            free.remove(worker)
            if await self._take(worker):
                return
        raise Unavailable("All worker numbers are leased", retry_after_s=float(self._limits.lifetime_s))

    async def _take(self, worker: int) -> bool:
        with suppress(Unavailable):
            await self._session.conditional(ACQUIRE, self._limits.lifetime_s, self._holder, worker)
        # What came of it is read, since the answer may have been lost.
        ((holder, newest_id),) = await self._session.serial_rows(LEASE, worker) or [(None, None)]
        if holder != self._holder:
            return False
        self._newest, self._bound_ms = max(self._newest, newest_id or 0), 0
        if not await self._extend(worker):
            return False
        self._worker = worker
        self._generator = IdGenerator(self._clock_ms, worker, self._limits.backwards_ms_max, self._newest)
        return True

    async def _extend(self, worker: int) -> bool:
        """Write how far ids may go, then hold the number for that long; False if another has it."""
        limits, since_s = self._limits, self._monotonic_s()
        # Never lower than what this holder, or one before it, may have given.
        ahead_ms = self._clock_ms() + limits.lifetime_s * 1_000
        bound_ms = max(ahead_ms, self._bound_ms, milliseconds_of(self._newest))
        newest = ((bound_ms + 1) << TIME_SHIFT) - 1
        if not (await self._session.conditional(BOUND, newest, worker, self._holder)).is_applied:
            return False
        renewed = await self._session.conditional(RENEW, limits.lifetime_s, self._holder, worker, self._holder)
        if not renewed.is_applied:
            return False
        self._until_s = since_s + limits.lifetime_s - limits.margin_s
        self._bound_ms = bound_ms
        return True
