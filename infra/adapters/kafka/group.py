"""A member of a consumer group: for every partition that Kafka assigns to it, it runs a worker."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infra.adapters.kafka.connection import KafkaAddress
from infra.adapters.kafka.consumer import GroupConsumer, GroupLimits
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.log import KafkaEventLog
from infra.adapters.kafka.stalls import Stalls
from loaders.errors import Unavailable
from realtime.positions import Positions

RETRY_S = 0.5
"""How soon the store is asked again for a place, and a worker begun anew that ended by an error."""

LOOKS = 4
"""How often a member looks whether it hears anything, in the time after which it gives up."""


class Runs(Protocol):
    """What is run for a partition: a worker."""

    async def run(self) -> None:
        """Handle events until cancelled."""


MakeWorker = Callable[[int, PartitionFeed], Runs]
"""Makes the worker of a partition, which reads this feed and moves the group's positions on."""
PositionOf = Callable[[int], Awaitable[int]]
"""Answers the offset up to which the group's projection has applied a partition."""


@dataclass(slots=True)
class _Lane:
    """One assigned partition. `start` comes to the offset from which its worker began."""

    feed: PartitionFeed
    start: "asyncio.Future[int]"
    task: "asyncio.Task[None] | None" = None


class KafkaGroupMember:
    """Takes part in the group `<prefix>.<group>` of a log, by cooperative rebalancing, as long as `run` runs.

    Every event of an assigned partition is handed to its worker at least once and in order, from the position that the
    projection says. A partition that is revoked ends with the batch in hand; one that was lost, at once. What a killed
    member had done and not committed, another may do again.
    """

    def __init__(
        self,
        address: KafkaAddress,
        log: KafkaEventLog,
        group: str,
        positions: Positions,
        position: PositionOf,
        worker: MakeWorker,
        report: Callable[[str, str], None],
        limits: GroupLimits | None = None,
        with_likes: bool = True,
    ) -> None:
        self._address = address
        self._log = log
        self._group = group
        self._positions = positions
        self._position = position
        self._worker = worker
        self._report = report
        self._limits = limits or GroupLimits()
        self._names = [name for name in log.topics.logs if with_likes or name == log.topics.events]
        self._lanes: dict[int, _Lane] = {}
        self._waits_until_s: float | None = None
        self._has_lost = False

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions of the log that this member has now."""
        return frozenset(self._lanes)

    async def run(self) -> None:
        """Take part until cancelled; then finish the batches in hand, commit and leave, within about `release_s`.

        Raises `Unavailable` when Kafka will have nothing more of this member, when it hears nothing while the log goes
        on, or when it waits in vain to join, for the first time or after all was lost: begun anew, it joins as another.
        """
        loop = asyncio.get_running_loop()
        # One that was killed is waited for by Kafka as long as a session takes: nobody joins before that.
        self._waits_until_s, self._has_lost = loop.time() + self._limits.session_s + self._limits.stalled_s, False
        consumer = GroupConsumer(
            self._address,
            self._log.topics,
            self._group,
            self._names,
            self,
            self._limits,
            loop,
            lambda fault: self._report(self._group, fault),
        )
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def consume() -> None:
            error: BaseException | None = None
            try:
                consumer.run()
            except BaseException as raised:
                error = raised
            loop.call_soon_threadsafe(ended.set_result, error)

        thread = threading.Thread(target=consume, name=f"kafka {self._group}", daemon=True)
        thread.start()
        watching = asyncio.create_task(self._stalled())
        either: list[asyncio.Future[Any]] = [ended, watching]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            consumer.stop()
            await _until(ended)
            thread.join()
            await self.release(list(self._lanes), True)
        if (error := ended.result()) is not None:
            raise Unavailable(f"Group {self._group} is out: {error}") from error
        raise Unavailable(f"Group {self._group} hears nothing of what the log has")

    async def take(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Handling`."""
        if partitions or not self._has_lost:
            self._waits_until_s, self._has_lost = None, False
        if not partitions:
            return {}
        loop = asyncio.get_running_loop()
        lanes = {}
        for partition in partitions:
            feed = PartitionFeed(partition, self._log.read, loop)
            lane = lanes[partition] = self._lanes[partition] = _Lane(feed, loop.create_future())
            lane.task = asyncio.create_task(self._follow(partition, lane))
        await asyncio.wait([lane.start for lane in lanes.values()], timeout=self._limits.starts_s)
        return {each: lane.start.result() for each, lane in lanes.items() if lane.start.done()}

    async def release(self, partitions: Sequence[int], is_lost: bool) -> None:
        """See `Handling`."""
        if is_lost:
            self._waits_until_s = asyncio.get_running_loop().time() + self._limits.stalled_s
            self._has_lost = True
        lanes = {each: self._lanes.pop(each) for each in partitions if each in self._lanes}
        for lane in lanes.values():
            lane.feed.close()
        if lanes and not is_lost:
            in_hand = [asyncio.create_task(lane.feed.at_rest()) for lane in lanes.values()]
            _, left = await asyncio.wait(in_hand, timeout=self._limits.release_s)
            for each in left:
                each.cancel()
        tasks = [lane.task for lane in lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def lag(self, now_ms: int) -> tuple[int, float]:
        """Answer how many events of this member's partitions are not handled, and the age in seconds of the oldest.

        The oldest is that of those it holds; `Unavailable` if the log does not answer.
        """
        ends = await self._log.ends()
        lanes = {each: lane for each, lane in self._lanes.items() if lane.start.done()}
        events = sum(max(0, ends[each] - self._positions.reached(self._group, each)) for each in lanes)
        held = [lane.feed.oldest_at_ms for lane in lanes.values()] if events else []
        return events, max([0.0, *((now_ms - at_ms) / 1_000 for at_ms in held if at_ms is not None)])

    def feeds(self) -> Mapping[int, PartitionFeed]:
        """See `Handling`."""
        return {each: lane.feed for each, lane in self._lanes.copy().items()}

    def done(self, partition: int) -> int:
        """See `Handling`."""
        return self._positions.reached(self._group, partition)

    async def _stalled(self) -> None:
        """Wait until some partition has stalled, or the member has waited in vain to join."""
        stalls, loop = Stalls(self._limits.stalled_s), asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._limits.stalled_s / LOOKS)
            # It does not take the log to know this, and whoever reads the log may still be looking for its leaders.
            if self._waits_until_s is not None and loop.time() >= self._waits_until_s:
                return
            heard = {
                each: max(lane.feed.newest, self._positions.reached(self._group, each))
                for each, lane in self._lanes.items()
                if lane.start.done() and lane.feed.held == (0, 0)
            }
            try:
                ends = dict(enumerate(await self._log.ends()))
            except Unavailable:
                stalls.forget()
                continue
            if stalls.look(loop.time(), heard, ends):
                return

    async def _follow(self, partition: int, lane: _Lane) -> None:
        """Run a partition's worker from where the projection is, as soon as that is known."""
        while True:
            try:
                if not lane.start.done():
                    position = await self._position(partition)
                    self._positions.advance(self._group, position, partition)
                    lane.start.set_result(position)
                await self._worker(partition, lane.feed).run()
            except Unavailable as error:
                self._report(self._group, f"partition {partition}: {error}")
            except Exception as error:
                self._report(self._group, f"partition {partition}: {type(error).__name__}: {error}")
            await asyncio.sleep(RETRY_S)


async def _until(ended: "asyncio.Future[BaseException | None]") -> None:
    """Wait for the consumer's end, however often whoever waits is cancelled: its time is bounded."""
    while not ended.done():
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            continue
