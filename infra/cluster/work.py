"""`roost work`: members of the consumer groups, until a signal comes."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from infra.adapters.kafka.connection import KafkaAddress
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.group import KafkaGroupMember
from infra.adapters.opensearch.urls import is_opensearch
from infra.clocks import Clocks
from infra.cluster.applied import Applied
from infra.cluster.media import SWEEP_EVERY_S, sweep
from infra.cluster.parts import Connected, open_connected
from infra.cluster.trends import Tellers, counts_trends, trends_member
from infra.cluster.working import Working, told_on
from infra.engine import Parts, make_deliver, make_notify, report
from infra.group_lines import told
from infra.logs import configure
from infra.media.service import uploading_of
from infra.settings import Settings
from infra.settings_given import SettingsError
from infra.traces.opening import tracing_of
from loaders.errors import Unavailable
from realtime.positions import Positions
from realtime.worker import FANOUT, NOTIFY, SEARCH, STORE, TRENDS, Handle, Heartbeats, Worker, store_handler

if TYPE_CHECKING:
    from infra.cluster.searching import Searching
    from infra.traces.tracing import Tracing

UPKEEP_EVERY_S = 5.0
CHECK_EVERY_S = 1.0


def store_member(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> KafkaGroupMember:
    """Return a member of the group that fills the stores."""
    parts = working.connected.parts
    handle = store_handler(parts.log, parts.projection, settings.store_batch_size)
    return _member(STORE, handle, settings.store_batch_size, parts.projection.position, settings, working, tracing)


def fanout_member(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> KafkaGroupMember:
    """Return a member of the group that pushes and tells, never ahead of the stores (L1)."""
    parts = _traced_parts(working.connected, tracing)
    deliver = working.deliver = make_deliver(settings, working.clocks, parts)
    heartbeats = Heartbeats(parts.broadcast, asyncio.get_running_loop().time)

    async def position(partition: int) -> int:
        # What another member switched until now decides how what comes is delivered (F6).
        await parts.policy.refresh()
        return await parts.progress.position(partition)

    return _member(
        FANOUT, deliver.handle, settings.fanout_batch_size, position, settings, working, tracing, heartbeats.of
    )


def notify_member(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> KafkaGroupMember:
    """Return a member of the group that makes notifications, never ahead of the stores."""
    parts = working.connected.parts
    handle = make_notify(parts).handle
    return _member(NOTIFY, handle, settings.notify_batch_size, parts.notices.position, settings, working, tracing)


def search_member(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> KafkaGroupMember:
    """Return a member of the group that fills the search index, never ahead of the stores."""
    searching = _searching_of(working)
    gather_s = settings.search_gather_ms / 1_000
    handle, position = searching.handle, searching.position
    return _member(SEARCH, handle, settings.search_batch_size, position, settings, working, tracing, gather_s=gather_s)


def _searching_of(working: Working) -> "Searching":
    if working.connected.searching is None:
        raise SettingsError(("ROOST_SEARCH_URL: names no OpenSearch, which the group search fills",))
    return working.connected.searching


def telling_member(settings: Settings, working: Working, tracing: "Tracing | None" = None) -> KafkaGroupMember:
    """Return a member of the group that tells Flink which terms are used."""
    connected = working.connected
    tellers = Tellers(settings, connected.log, working.clocks.now_ms)
    handle = told(TRENDS, tellers.handle, settings, tracing)
    return trends_member(settings, connected.log, tellers, handle, connected.dead_letters.bury)


def _member(
    group: str,
    handle: Handle,
    batch_size: int,
    position: Callable[[int], Awaitable[int]],
    settings: Settings,
    working: Working,
    tracing: "Tracing | None",
    idle_of: Callable[[int], Callable[[int], Awaitable[None]]] | None = None,
    gather_s: float = 0.0,
) -> KafkaGroupMember:
    """Return a member of a group; all but `store` itself are handed what `store` has applied."""
    connected, positions = working.connected, Positions()
    parts = connected.parts
    handle = told(group, handle, settings, tracing)
    applied = Applied(partial(parts.projection.place, sum(parts.log.layout)), asyncio.get_running_loop().time)

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        made = Worker(
            group,
            feed if group == STORE else applied.feed(feed),
            positions,
            handle,
            batch_size,
            idle=None if idle_of is None else idle_of(partition),
            bury=connected.dead_letters.bury,
            report=report,
            partition=partition,
        )
        made.gather_s = gather_s
        return made

    address = KafkaAddress.parse(settings.log_url)
    return KafkaGroupMember(address, connected.log, group, positions, position, worker, report)


MEMBERS: "Mapping[str, Callable[[Settings, Working, Tracing | None], KafkaGroupMember]]" = {
    STORE: store_member,
    FANOUT: fanout_member,
    NOTIFY: notify_member,
    SEARCH: search_member,
    TRENDS: telling_member,
}


def groups_of(settings: Settings) -> Sequence[str]:
    """Return the groups that a cluster has work for: of `search` with an OpenSearch, of `trends` with a Flink."""
    lacking = {SEARCH: not is_opensearch(settings.search_url), TRENDS: not counts_trends(settings)}
    return [group for group in MEMBERS if not lacking.get(group)]


def run_members(working: Working, groups: Sequence[str], settings: Settings, tracing: "Tracing | None" = None) -> None:
    """Run a member of each of these groups."""
    for group in groups:
        member = working.members[group] = MEMBERS[group](settings, working, tracing)
        working.tasks.run(group, member.run)
        if group == SEARCH:
            _run_accounts(working, member)


async def run_work(settings: Settings, groups: Sequence[str], clocks: Clocks | None = None) -> None:
    """Take part in groups until SIGTERM or SIGINT; the batches in hand are ended and committed first.

    Meanwhile /metrics and /health are told on a port of their own, which the first line of the log names.
    """
    configure(settings)
    clocks = clocks or Clocks()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    async with (
        _traced(settings, groups) as tracing,
        open_connected(settings, clocks, gives_ids=False) as connected,
    ):
        working = Working(connected, clocks)
        tasks = working.tasks
        run_members(working, groups, settings, tracing)
        if STORE in groups:
            tasks.run("upkeep", lambda: _upkeep(connected))
            if connected.media.bucket is not None:
                tasks.run("media", lambda: _sweep_media(settings, working))
        if FANOUT in groups:
            tasks.run("caches", lambda: _check_caches(connected))
        async with told_on(settings, working, tracing) as port:
            structlog.get_logger("roost").info("work_began", groups=list(groups), port=port)
            try:
                await stopped.wait()
            finally:
                await tasks.stop()
    structlog.get_logger("roost").info("work_ended", groups=list(groups))


def _run_accounts(working: Working, member: KafkaGroupMember) -> None:
    """Let the index hear of accounts from whichever process has the first partition of the group `search`."""
    from infra.cluster.searching import follow_accounts  # noqa: PLC0415 - its client takes long to load

    searching = _searching_of(working)
    working.tasks.run("accounts", lambda: follow_accounts(searching, lambda: 0 in member.partitions))


@asynccontextmanager
async def _traced(settings: Settings, groups: Sequence[str]) -> "AsyncIterator[Tracing | None]":
    tracing = tracing_of(settings, "-".join(("work", *groups)))
    try:
        yield tracing
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


def _traced_parts(connected: Connected, tracing: "Tracing | None") -> Parts:
    if tracing is None:
        return connected.parts
    from infra.traces.spread import TracedBroadcast  # noqa: PLC0415 - see `tracing_of`

    return replace(connected.parts, broadcast=TracedBroadcast(connected.parts.broadcast, tracing))


async def _upkeep(connected: Connected) -> None:
    """Let lists of followers that grew too long for one partition of the database move into many (F10)."""
    while True:
        await asyncio.sleep(UPKEEP_EVERY_S)
        await connected.projection.upkeep()


async def _sweep_media(settings: Settings, working: Working) -> None:
    """Remove the media that nothing uses any more. One worker does it at a time."""
    bucket = working.connected.media.bucket
    assert bucket is not None
    uploading = working.uploading = uploading_of(settings, working.clocks, working.connected.parts)
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        if 0 in working.members[STORE].partitions:
            # Media that cannot be removed now can be later.
            with suppress(Unavailable):
                await sweep(uploading, bucket, settings, working.clocks)


async def _check_caches(connected: Connected) -> None:
    """Let no list live on that a fail-over has robbed of entries (F4)."""
    while True:
        # Whoever pushes reports a server that is gone; a replica that takes its place is found once it has.
        with suppress(Unavailable):
            await connected.timelines.check()
        await asyncio.sleep(CHECK_EVERY_S)
