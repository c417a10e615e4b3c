"""The group `trends` of a cluster: tells the terms that tweets use to whoever counts them apart from this process.

What is told suffices to count by: each use has its tweet, author and time, a deletion tells the same uses as gone, and
`now`, the log's minute, ends windows. Everything may be told twice, and must count once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from realtime.events import MalformedEvent, TweetDeleted, TweetPosted, decode
from realtime.ports import Logged
from realtime.trend_limits import MINUTE_MS, WINDOW_MINUTES, TrendLimits, Use
from realtime.trend_terms import terms_of

OF_TWEETS = (b'{"type":"TweetPosted"', b'{"type":"TweetDeleted"')
EVENTS_PER_TURN = 100


class TermUse(NamedTuple):
    """A term in a tweet: used, or `gone` with it. `now_ms` is the log's minute, `offset` the event's place.

    One without a term is a tick: it says how far time is.
    """

    term: str
    tweet_id: int
    author_id: int
    at_ms: int
    is_gone: bool
    now_ms: int
    offset: int


Tell = Callable[[Sequence[TermUse]], Awaitable[None]]


class TermTeller:
    """Tells the uses of one partition's tweets, in the order of its log, and a tick before each new minute.

    Retweets, imports, and what is no event tell nothing. A tweet counts unless it is late, as it is embedded; of the
    newest `tweets_held_max` the terms are kept, so that a deletion can tell them as gone: `prime` makes that memory.
    """

    def __init__(self, limits: TrendLimits, tell: Tell, now_ms: Callable[[], int]) -> None:
        self._limits = limits
        self._tell = tell
        self._now_ms = now_ms
        self._tweets: OrderedDict[int, Use] = OrderedDict()
        self._minute = 0
        self.told = self.late = self.taken_back = 0

    async def prime(self, batch: Sequence[Logged]) -> None:
        """Take events in as having been told."""
        await self._uses(batch)

    async def handle(self, batch: Sequence[Logged], _previous: int) -> None:
        """Tell consecutive events; raises what telling raises, and may be asked again then."""
        minute = self._minute
        try:
            await self._tell(await self._uses(batch))
        except BaseException:
            # The tick of a minute that nobody heard of is due again.
            self._minute = minute
            raise

    async def idle(self, position: int) -> None:
        """Let the clock end a window where no event does."""
        minute = self._now_ms() // MINUTE_MS
        if minute > self._minute:
            await self._tell([_tick(minute, position)])
            self._minute = minute

    async def _uses(self, batch: Sequence[Logged]) -> list[TermUse]:
        uses: list[TermUse] = []
        for number, logged in enumerate(batch, 1):
            minute = logged.appended_at_ms // MINUTE_MS
            if minute > self._minute:
                uses.append(_tick(minute, logged.offset - 1))
                self._minute = minute
            if logged.payload.startswith(OF_TWEETS):
                uses += self._of(logged)
            if number % EVENTS_PER_TURN == 0:
                await asyncio.sleep(0)
        return uses

    def _of(self, logged: Logged) -> list[TermUse]:
        try:
            event = decode(logged.payload)
        except MalformedEvent:
            return []
        minute = logged.appended_at_ms // MINUTE_MS
        if isinstance(event, TweetPosted):
            at_ms = min(event.created_at_ms, logged.appended_at_ms)
            use = Use(event.id, event.author_id, at_ms, terms_of(event.text))
            if not use.terms:
                return []
            if minute - at_ms // MINUTE_MS > self._limits.lateness_minutes:
                self.late += 1
                return []
            self.told += 1
            self._tweets[use.tweet_id] = use
            if len(self._tweets) > self._limits.tweets_held_max:
                self._tweets.popitem(last=False)
            return _told(use, False, logged)
        if isinstance(event, TweetDeleted) and (found := self._tweets.get(event.id)) is not None:
            if minute - found.at_ms // MINUTE_MS > WINDOW_MINUTES:
                return []
            self.taken_back += 1
            return _told(found, True, logged)
        return []


def _told(use: Use, is_gone: bool, logged: Logged) -> list[TermUse]:
    now_ms = logged.appended_at_ms // MINUTE_MS * MINUTE_MS
    return [TermUse(term, use.tweet_id, use.author_id, use.at_ms, is_gone, now_ms, logged.offset) for term in use.terms]


def _tick(minute: int, offset: int) -> TermUse:
    return TermUse("", 0, 0, minute * MINUTE_MS, False, minute * MINUTE_MS, offset)
