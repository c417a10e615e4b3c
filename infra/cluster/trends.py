"""The trends of a cluster: its workers tell Flink what is written, its gateways rank what Flink has counted."""

from collections.abc import Awaitable, Callable, Sequence

from infra.adapters.kafka.connection import KafkaAddress
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.group import KafkaGroupMember
from infra.adapters.kafka.log import KafkaEventLog
from infra.adapters.kafka.trends import KafkaTermUses, KafkaTrends
from infra.embedded_trends import BLOCKLIST, WINDOWS_BEFORE, Blocklist, trend_limits
from infra.engine import report
from infra.settings import Settings
from realtime.ports import Logged
from realtime.positions import Positions
from realtime.trend_uses import TermTeller
from realtime.trend_windows import WindowRanker
from realtime.trending import first_counted
from realtime.worker import TRENDS, Bury, Handle, Worker

PRIMED_HOURS = 2
"""A window, and what may come late into it."""


def counts_trends(settings: Settings) -> bool:
    """Tell whether a cluster has a Flink that counts trends."""
    return settings.trends_url.startswith("flink:")


def trends_of(settings: Settings, log: KafkaEventLog, now_ms: Callable[[], int]) -> KafkaTrends | None:
    """Return the trends that a gateway answers; None where nobody counts any."""
    if not counts_trends(settings):
        return None
    ranker = WindowRanker(trend_limits(settings))
    blocklist = Blocklist(settings.data_dir / BLOCKLIST)
    hours = settings.trends_baseline_hours + WINDOWS_BEFORE
    return KafkaTrends(log.topics, log.ranges, ranker, blocklist.terms, hours, now_ms)


class Tellers:
    """The tellers of the partitions that a member has, each made when its partition comes."""

    def __init__(self, settings: Settings, log: KafkaEventLog, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._log = log
        self._now_ms = now_ms
        self._uses = KafkaTermUses(log.topics, log.deliveries, log.ranges)
        self._of: dict[int, TermTeller] = {}

    async def position(self, partition: int) -> int:
        """Answer up to where a partition was told, once its teller knows the tweets of the last hours.

        Where nothing was told yet, that is as far back as rankings reach.
        """
        log, told = self._log, await self._uses.position(partition)
        teller = TermTeller(trend_limits(self._settings), self._uses.of(partition), self._now_ms)
        if told is None:
            hours = self._settings.trends_baseline_hours + WINDOWS_BEFORE
            told = await first_counted(log, self._now_ms(), hours, partition)
        elif newest := await log.read(told - 1, 1, partition) if told else ():
            # By the log's time, which a group that was away for long has not reached.
            after = await first_counted(log, newest[0].appended_at_ms, PRIMED_HOURS, partition)
            while after < told and (batch := await log.read(after, self._settings.trends_batch_size, partition)):
                await teller.prime([each for each in batch if each.offset <= told])
                after = batch[-1].offset
        self._of[partition] = teller
        return told

    async def handle(self, batch: Sequence[Logged], previous: int) -> None:
        """Tell consecutive events of one partition."""
        await self._of[batch[0].partition].handle(batch, previous)

    def idle_of(self, partition: int) -> Callable[[int], Awaitable[None]]:
        """Return what the worker of a partition calls while nothing comes."""
        return self._of[partition].idle


def trends_member(
    settings: Settings, log: KafkaEventLog, tellers: Tellers, handle: Handle, bury: Bury
) -> KafkaGroupMember:
    """Return a member of the group that tells Flink what is written. It waits for no other group, nor for likes."""
    positions = Positions()

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        told = Worker(
            TRENDS, feed, positions, handle, settings.trends_batch_size,
            idle=tellers.idle_of(partition), bury=bury, report=report, partition=partition,
        )  # fmt: skip
        told.gather_s = settings.trends_gather_ms / 1_000
        return told

    address = KafkaAddress.parse(settings.log_url)
    return KafkaGroupMember(address, log, TRENDS, positions, tellers.position, worker, report, with_likes=False)
