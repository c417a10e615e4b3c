"""From rows of tweets to events: ids made of their times, parents found by the source's ids, each row once."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.importer.feed import InFlight, by_partition
from infra.importer.files import Batch
from infra.importer.known import Origin
from infra.importer.meter import Meter
from infra.importer.report import Report, Tally
from infra.importer.rows import Bad, Reason, TweetRow, excerpt, key_of_id
from infra.importer.site import Site
from infra.importer.waiting import Waiting
from loaders.ids import IMPORT_HASH_BITS, imported_id, next_imported_id
from loaders.records import TweetId, UserId
from realtime.events import ImportedTweet, Retweeted, TweetPosted, TweetsImported

PROBES_MAX = 1_000
HASH_DIGITS = IMPORT_HASH_BITS // 4

Numbered = tuple[int, TweetRow]


@dataclass(slots=True)
class _Plan:
    """What becomes of a batch: rows for the log with what they are known by, rows that wait, and bad ones."""

    tweets: list[ImportedTweet] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    retweets: dict[tuple[UserId, TweetId], None] = field(default_factory=dict)
    late: list[Numbered] = field(default_factory=list)
    bad: list[tuple[int, Bad]] = field(default_factory=list)


class TweetsInput:
    """Puts rows of tweets into the log; those whose parent is not there yet wait for the end."""

    def __init__(self, site: Site, tally: Tally, report: Report) -> None:
        self._site = site
        self._tally = tally
        self._report = report
        self._origins = InFlight[str, Origin]()
        self._ids = InFlight[TweetId, None]()
        self._retweets = InFlight[tuple[UserId, TweetId], None]()

    async def put_all(self, batches: Iterable[Batch[TweetRow]], meter: Meter) -> None:
        """Append what is new of all batches, then what waited; what still lacks its parent is bad."""
        with Waiting(self._site.folder) as waiting:
            for batch in batches:
                waiting.add(await self._put(batch.rows))
                self._report.bad(self._tally, batch.bad)
                meter.advance(len(batch.rows) + len(batch.bad), batch.done)
            await self._put_waiting(waiting)

    async def _put_waiting(self, waiting: Waiting) -> None:
        # Each round reads the other way round, so that chains of answers fall in few rounds, whatever their order.
        is_stuck = False
        while len(waiting) and not is_stuck:
            with waiting:
                still = Waiting(self._site.folder)
                for rows in waiting.backwards(self._site.batch_rows):
                    still.add(await self._put(rows))
                is_stuck = len(still) == len(waiting)
            waiting = still
        with waiting:
            for rows in waiting.backwards(self._site.batch_rows):
                lost = [(number, Bad(Reason.UNKNOWN_PARENT, excerpt(row.parent or ""))) for number, row in rows]
                self._report.bad(self._tally, sorted(lost))

    async def _put(self, rows: Sequence[Numbered]) -> Sequence[Numbered]:
        """Append what can be appended of some rows, and answer those that wait."""
        people = await self._site.people.ids(row.author for _, row in rows)
        applied = await self._site.feed.applied()
        for in_flight in (self._origins, self._ids, self._retweets):
            in_flight.settle(applied)
        plan = await self._planned(rows, people)
        if plan.tweets:
            parts = by_partition(plan.tweets, _key, self._site.feed.layout.partitions)
            number = await self._site.feed.append([TweetsImported(part) for part in parts])
            self._origins.put(number, plan.origins)
            self._ids.put(number, dict.fromkeys(row.tweet.id for row in plan.tweets))
            self._retweets.put(number, plan.retweets)
        self._report.bad(self._tally, plan.bad)
        self._tally.new += len(plan.tweets)
        self._tally.known += len(rows) - len(plan.tweets) - len(plan.late) - len(plan.bad)
        return plan.late

    async def _planned(self, rows: Sequence[Numbered], people: Mapping[str, UserId]) -> _Plan:
        """Decide what becomes of rows; what takes long is done in a thread, while others apply what came before."""
        wanted = await asyncio.to_thread(_keys, rows)
        known = dict(await self._site.known.origins([key for key in wanted if key not in self._origins]))
        known.update((key, origin) for key in wanted if (origin := self._origins.get(key)) is not None)
        fresh: dict[str, Numbered] = {}
        for number, row in rows:
            if row.key not in known:
                fresh.setdefault(row.key, (number, row))
        plan = _Plan()
        ids = await self._ids_of(fresh, plan)
        found = {key: origin for key, origin in known.items() if origin is not None}
        await asyncio.to_thread(_resolve_all, fresh, ids, people, found, plan)
        ready = [(key, row, found[key]) for key, (_, row) in fresh.items() if key in ids and key in found]
        pairs = [(own.author_id, own.root_id) for _, row, own in ready if row.is_retweet]
        again = await self._site.known.retweeted(pairs) if pairs else set()
        await asyncio.to_thread(self._keep, ready, found, again, plan)
        return plan

    async def _ids_of(self, fresh: Mapping[str, Numbered], plan: _Plan) -> Mapping[str, TweetId]:
        first = await asyncio.to_thread(_first_ids, fresh)
        taken = await self._site.known.taken(list(first.values()))
        ids: dict[str, TweetId] = {}
        for key, candidate in first.items():
            tweet_id, probes = TweetId(candidate), 0
            while tweet_id in taken or tweet_id in self._ids:
                tweet_id, probes = TweetId(next_imported_id(tweet_id)), probes + 1
                taken |= await self._site.known.taken([tweet_id])
                if probes == PROBES_MAX:
                    number, row = fresh[key]
                    plan.bad.append((number, Bad(Reason.TIME_CROWDED, excerpt(row.text))))
                    break
            else:
                ids[key] = tweet_id
                taken.add(tweet_id)
        return ids

    def _keep(
        self,
        ready: Sequence[tuple[str, TweetRow, Origin]],
        found: Mapping[str, Origin],
        again: Collection[tuple[UserId, TweetId]],
        plan: _Plan,
    ) -> None:
        """Put into the plan what can be appended; an account's second retweet of a tweet is left out."""
        for key, row, own in ready:
            if not row.is_retweet:
                parent = None if row.parent is None else found[key_of_id(row.parent)]
                plan.tweets.append(ImportedTweet(key, _posted(row, own, parent)))
                plan.origins[key] = own
                continue
            pair = (own.author_id, own.root_id)
            if pair not in again and pair not in plan.retweets and pair not in self._retweets:
                retweet = Retweeted(own.id, own.author_id, own.root_id, own.root_author_id, row.created_at_ms)
                plan.tweets.append(ImportedTweet(key, retweet))
                plan.origins[key] = own
                plan.retweets[pair] = None


def _keys(rows: Sequence[Numbered]) -> set[str]:
    return {row.key for _, row in rows} | {key_of_id(row.parent) for _, row in rows if row.parent is not None}


def _first_ids(fresh: Mapping[str, Numbered]) -> Mapping[str, int]:
    return {key: imported_id(row.created_at_ms, int(key[-HASH_DIGITS:], 16)) for key, (_, row) in fresh.items()}


def _resolve_all(
    fresh: Mapping[str, Numbered],
    ids: Mapping[str, TweetId],
    people: Mapping[str, UserId],
    found: dict[str, Origin],
    plan: _Plan,
) -> None:
    lost: set[str] = set()
    for key in ids:
        _resolve(key, fresh, ids, people, found, lost)
        if key not in found:
            plan.late.append(fresh[key])


def _resolve(
    key: str,
    fresh: Mapping[str, Numbered],
    ids: Mapping[str, TweetId],
    people: Mapping[str, UserId],
    found: dict[str, Origin],
    lost: set[str],
) -> None:
    """Find the origin of a row, and of those in the same batch that it answers, the deepest first.

    What answers something unknown, or itself in a circle, is lost for now.
    """
    path: dict[str, None] = {}
    step: str | None = key
    while step is not None and step not in found and step in ids and step not in path and step not in lost:
        path[step] = None
        parent = fresh[step][1].parent
        step = None if parent is None else key_of_id(parent)
    if step is not None and step not in found:
        lost.update(path)
        return
    for step_key in reversed(path):
        row = fresh[step_key][1]
        tweet_id, author_id = ids[step_key], people[row.author.lower()]
        found[step_key] = Origin(tweet_id, author_id, tweet_id, author_id)
        if row.is_retweet and row.parent is not None:
            root = found[key_of_id(row.parent)]
            found[step_key] = Origin(tweet_id, author_id, root.root_id, root.root_author_id)


def _posted(row: TweetRow, own: Origin, parent: Origin | None) -> TweetPosted:
    # An answer to a retweet is an answer to what it shows.
    return TweetPosted(
        own.id,
        own.author_id,
        row.text,
        row.created_at_ms,
        None if parent is None else parent.root_id,
        None if parent is None else parent.root_author_id,
        lang=row.lang,
    )


def _key(row: ImportedTweet) -> int:
    """Return what `log_key` makes of an event of such rows."""
    return row.tweet.author_id
