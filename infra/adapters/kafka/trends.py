"""Trends by way of Kafka: uses of terms on their way to Flink, and Flink's windows on their way back."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import orjson
from confluent_kafka import Message, TopicPartition

from infra.adapters.kafka.connection import Topics, unavailable
from infra.adapters.kafka.deliveries import Deliveries, Record
from infra.adapters.kafka.ranges import Ranges
from infra.adapters.trends import MemoryTrendStore
from loaders.errors import Unavailable
from loaders.trends import Ranking
from realtime.trend_limits import MINUTE_MS, WINDOW_MINUTES
from realtime.trend_uses import TermUse
from realtime.trend_windows import TermCount, Window, WindowRanker

RECORDS_AT_ONCE = 1_000
WINDOWS_AT_ONCE = 20
LOOK_AGAIN_S = 1.0
STALE_MINUTES = 3
"""After so long without a window Flink counts as away: it tells one each minute, soon after that."""


class KafkaTermUses:
    """The topic that Flink counts from. Its partitions are those of the log's events, one each."""

    def __init__(self, topics: Topics, deliveries: Deliveries, ranges: Ranges) -> None:
        self._topic = topics.trend_terms
        self._deliveries = deliveries
        self._ranges = ranges

    def of(self, partition: int) -> "Callable[[Sequence[TermUse]], Awaitable[None]]":
        """Return what appends to a partition; it returns once all is acknowledged, and raises `Unavailable`."""
        at = TopicPartition(self._topic, partition, 0)

        async def tell(uses: Sequence[TermUse]) -> None:
            for start in range(0, len(uses), RECORDS_AT_ONCE):
                some = uses[start : start + RECORDS_AT_ONCE]
                await self._deliveries.deliver([Record(at, encoded(use)) for use in some])

        return tell

    async def position(self, partition: int) -> int | None:
        """Answer the offset up to which all of a partition of the log was told; None if nothing was yet.

        The newest event may not have been told whole, so that it counts as not told.
        """
        at = TopicPartition(self._topic, partition, 0)
        bounds = await self._ranges.bounds(at)
        if bounds.end == bounds.first:
            return None
        last = await self._ranges.read(TopicPartition(self._topic, partition, bounds.end - 1), 1, bounds.end)
        return max(0, int(orjson.loads(last[0].value() or b"{}").get("offset", 0)) - 1) if last else None


def encoded(use: TermUse) -> bytes:
    """Return a use as the job reads it."""
    return orjson.dumps(
        {
            "term": use.term,
            "tweet": use.tweet_id,
            "author": use.author_id,
            "gone": int(use.is_gone),
            "at": use.at_ms,
            "now": use.now_ms,
            "offset": use.offset,
        }
    )


def window_of(payload: bytes) -> Window:
    """Read a window as the job writes it, without the empty term. Raises ValueError for anything else."""
    try:
        content = orjson.loads(payload)
        terms = [TermCount(str(each["term"]), int(each["tweets"]), int(each["authors"])) for each in content["terms"]]
        return Window(int(content["minute_until"]), [each for each in terms if each.name])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no window of trends: {error!r}") from error


class KafkaTrends:
    """Flink's windows, ranked by this process as they come into Kafka; the store answers the newest ranking.

    It begins as many windows back as a baseline and a window have. Where Flink is away the last ranking stays, until
    nothing of its window is left in the hour before now.
    """

    def __init__(
        self,
        topics: Topics,
        ranges: Ranges,
        ranker: WindowRanker,
        blocked: Callable[[], Collection[str]],
        hours: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._topic = topics.trend_counts
        self._ranges = ranges
        self._ranker = ranker
        self._blocked = blocked
        self._windows_back = hours * 60
        self._now_ms = now_ms
        self._next: int | None = None
        self._has_caught_up = False
        self._published = 0
        self.store = MemoryTrendStore(self._is_whole)

    async def run(self) -> None:
        """Follow the windows until cancelled."""
        while True:
            try:
                has_more = await self.step()
            except Unavailable:
                has_more = False  # the log's own state tells of it
            await asyncio.sleep(0 if has_more else LOOK_AGAIN_S)

    async def step(self) -> bool:
        """Rank what has come since, a few windows at most; answer whether there may be more."""
        if self._next is None:
            bounds = await self._ranges.bounds(TopicPartition(self._topic, 0, 0))
            self._next = max(bounds.first, bounds.end - self._windows_back)
        found = await self._ranges.read(TopicPartition(self._topic, 0, self._next), WINDOWS_AT_ONCE)
        for message in found:
            self._take(message)
            await asyncio.sleep(0)
        if len(found) < WINDOWS_AT_ONCE:
            self._has_caught_up = True
            if self._ranker.minute > self._published:
                self._published = self._ranker.minute
                self.store.put(self._ranker.ranking)
        return len(found) == WINDOWS_AT_ONCE

    async def look(self) -> Ranking:
        """Answer the newest ranking. Raises `Unavailable` if Flink has told no window for minutes: a sign of it."""
        if not self._has_caught_up:
            raise unavailable("windows of trends were not read yet")
        minutes = self._now_ms() // MINUTE_MS - self._ranker.minute
        if not self._ranker.minute:
            raise Unavailable("Flink has counted no window of trends yet")
        if minutes > STALE_MINUTES:
            raise Unavailable(f"Flink has counted no window of trends for {minutes} minutes")
        return self._ranker.ranking

    def _take(self, message: Message) -> None:
        self._next = (message.offset() or 0) + 1
        try:
            window = window_of(message.value() or b"")
        except ValueError:
            return  # what is no window counts for nothing
        self._ranker.blocked = self._blocked()
        self._ranker.take(window)

    def _is_whole(self) -> bool:
        """Tell whether there is a ranking of which something lies in the hour before now."""
        return self._has_caught_up and self._ranker.minute + WINDOW_MINUTES > self._now_ms() // MINUTE_MS
