"""`roost work`: members of the consumer groups, until a signal comes."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from infra.adapters.kafka.connection import KafkaAddress
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.group import KafkaGroupMember
from infra.clocks import Clocks
from infra.cluster.applied import Applied
from infra.cluster.parts import Connected, open_connected
from infra.engine import Tasks, make_deliver, make_notify, report
from infra.logs import configure
from infra.settings import Settings
from loaders.errors import Unavailable
from realtime.positions import Positions
from realtime.worker import FANOUT, NOTIFY, STORE, Heartbeats, Worker, store_handler

UPKEEP_EVERY_S = 5.0
CHECK_EVERY_S = 1.0


def store_member(settings: Settings, _clocks: Clocks, connected: Connected) -> KafkaGroupMember:
    """Return a member of the group that fills the stores."""
    positions, parts = Positions(), connected.parts
    handle = store_handler(parts.log, parts.projection, settings.store_batch_size)

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        return Worker(
            STORE,
            feed,
            positions,
            handle,
            settings.store_batch_size,
            bury=connected.dead_letters.bury,
            report=report,
            partition=partition,
        )

    address = KafkaAddress.parse(settings.log_url)
    return KafkaGroupMember(address, connected.log, STORE, positions, parts.projection.position, worker, report)


def fanout_member(settings: Settings, clocks: Clocks, connected: Connected) -> KafkaGroupMember:
    """Return a member of the group that pushes and tells, never ahead of the stores (L1)."""
    positions, parts = Positions(), connected.parts
    deliver = make_deliver(settings, clocks, parts)
    loop_s = asyncio.get_running_loop().time
    feed_of = Applied(partial(parts.projection.place, sum(parts.log.layout)), loop_s).feed
    heartbeats = Heartbeats(parts.broadcast, loop_s)

    async def position(partition: int) -> int:
        # What another member switched until now decides how what comes is delivered (F6).
        await parts.policy.refresh()
        return await parts.progress.position(partition)

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        return Worker(
            FANOUT,
            feed_of(feed),
            positions,
            deliver.handle,
            settings.fanout_batch_size,
            idle=heartbeats.of(partition),
            bury=connected.dead_letters.bury,
            report=report,
            partition=partition,
        )

    address = KafkaAddress.parse(settings.log_url)
    return KafkaGroupMember(address, connected.log, FANOUT, positions, position, worker, report)


def notify_member(settings: Settings, _clocks: Clocks, connected: Connected) -> KafkaGroupMember:
    """Return a member of the group that makes notifications, never ahead of the stores."""
    positions, parts = Positions(), connected.parts
    handle = make_notify(parts).handle
    feed_of = Applied(partial(parts.projection.place, sum(parts.log.layout)), asyncio.get_running_loop().time).feed

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        return Worker(
            NOTIFY,
            feed_of(feed),
            positions,
            handle,
            settings.notify_batch_size,
            bury=connected.dead_letters.bury,
            report=report,
            partition=partition,
        )

    address = KafkaAddress.parse(settings.log_url)
    return KafkaGroupMember(address, connected.log, NOTIFY, positions, parts.notices.position, worker, report)


MEMBERS: dict[str, Callable[[Settings, Clocks, Connected], KafkaGroupMember]] = {
    STORE: store_member,
    FANOUT: fanout_member,
    NOTIFY: notify_member,
}
"""All groups: `roost work` takes part in each of them, unless it is told in which."""


def run_members(tasks: Tasks, groups: Sequence[str], settings: Settings, clocks: Clocks, connected: Connected) -> None:
    """Run a member of each of these groups."""
    for group in groups:
        tasks.run(group, MEMBERS[group](settings, clocks, connected).run)


async def run_work(settings: Settings, groups: Sequence[str], clocks: Clocks | None = None) -> None:
    """Take part in groups until SIGTERM or SIGINT; the batches in hand are ended and committed first."""
    configure(settings)
    clocks = clocks or Clocks()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    async with open_connected(settings, clocks, gives_ids=False) as connected:
        tasks = Tasks()
        run_members(tasks, groups, settings, clocks, connected)
        if STORE in groups:
            tasks.run("upkeep", lambda: _upkeep(connected))
        if FANOUT in groups:
            tasks.run("caches", lambda: _check_caches(connected))
        structlog.get_logger("roost").info("work_began", groups=list(groups))
        try:
            await stopped.wait()
        finally:
            await tasks.stop()
    structlog.get_logger("roost").info("work_ended", groups=list(groups))


async def _upkeep(connected: Connected) -> None:
    """Let lists of followers that grew too long for one partition of the database move into many (F10)."""
    while True:
        await asyncio.sleep(UPKEEP_EVERY_S)
        await connected.projection.upkeep()


async def _check_caches(connected: Connected) -> None:
    """Let no list live on that a fail-over has robbed of entries (F4)."""
    while True:
        # Whoever pushes reports a server that is gone; a replica that takes its place is found once it has.
        with suppress(Unavailable):
            await connected.timelines.check()
        await asyncio.sleep(CHECK_EVERY_S)
