"""The group `trends`: counts what is posted and deleted, and publishes a ranking for each minute that passes."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from loaders.trends import Ranking
from realtime.events import MalformedEvent, TweetDeleted, TweetPosted, decode
from realtime.ports import EventLog, Logged
from realtime.trend_limits import MINUTE_MS, Use
from realtime.trend_terms import terms_of
from realtime.trends import TrendCounter

OF_TWEETS = (b'{"type":"TweetPosted"', b'{"type":"TweetDeleted"')
EVENTS_PER_TURN = 100
HOUR_MS = 3_600_000


class Trending:
    """Feeds a counter from the log, by the time of each tweet, and time itself by the log's.

    Retweets and imports count for nothing. What is no event counts for nothing either: the store has buried it.
    `blocked` answers the terms that never trend, and is asked once a minute.
    """

    def __init__(
        self,
        counter: TrendCounter,
        publish: Callable[[Ranking], None],
        blocked: Callable[[], Collection[str]],
        now_ms: Callable[[], int],
    ) -> None:
        self.counter = counter
        self._publish = publish
        self._blocked = blocked
        self._now_ms = now_ms

    async def handle(self, batch: Sequence[Logged], _previous: int) -> None:
        """Count consecutive events."""
        for number, logged in enumerate(batch, 1):
            self._take(logged)
            if number % EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def idle(self, _position: int) -> None:
        """Let the clock end a window where no event does."""
        self._advance(self._now_ms())

    def _take(self, logged: Logged) -> None:
        self._advance(logged.appended_at_ms)
        if not logged.payload.startswith(OF_TWEETS):
            return
        try:
            event = decode(logged.payload)
        except MalformedEvent:
            return
        if isinstance(event, TweetPosted):
            at_ms = min(event.created_at_ms, logged.appended_at_ms)
            self.counter.take(Use(event.id, event.author_id, at_ms, terms_of(event.text)))
        elif isinstance(event, TweetDeleted):
            self.counter.take_back(event.id)

    def _advance(self, now_ms: int) -> None:
        counter = self.counter
        if now_ms // MINUTE_MS <= counter.minute:
            return
        counter.blocked = self._blocked()
        if counter.advance(now_ms):
            self._publish(Ranking(counter.minute * MINUTE_MS, counter.ranking))


async def first_counted(log: EventLog, now_ms: int, hours: int, partition: int = 0) -> int:
    """Return the offset after which a partition's events are at most so many hours old: by bisection."""
    first, end = await log.bounds(partition)
    low, high = first - 1, end
    while low < high:
        middle = (low + high) // 2
        found = await log.read(middle, 1, partition)
        if found and found[0].appended_at_ms < now_ms - hours * HOUR_MS:
            low = found[0].offset
        else:
            high = middle
    return low
