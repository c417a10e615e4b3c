"""What trends: terms counted over a sliding window, to be scored by burst against their own past. Pure.

A window is an hour of whole minutes of event time, and moves on by one. Within it each account counts once for a term,
however often it writes: the score stands on distinct authors (`trend_scores`).

Memory is bounded twice. Terms are heavy hitters by Space-Saving (Metwally, Agrawal, El Abbadi: Efficient Computation of
Frequent and Top-k Elements in Data Streams, ICDT 2005): over the limit a new term takes the place of the least one, and
the least one's weight as what it may have been missed by. Authors are held by adaptive sampling (Flajolet: On Adaptive
Sampling, Computing 43, 1990): over the limit the term with the most holds every second of its authors only. Below both
limits all counts are exact.
"""

import heapq
from collections import OrderedDict
from collections.abc import Collection, Iterator

from loaders.trends import Trend
from realtime.trend_limits import MINUTE_MS, WINDOW_MINUTES, Bucket, Term, TrendLimits, Use
from realtime.trend_scores import Counted, ranked

REORDER_MINUTES = 10
"""For so long terms may stand in the order of an older weight: to weigh all of them costs a hundredth of a second."""


class TrendCounter:
    """Counts uses of terms, and ranks those that burst. Each minute that passes makes a new ranking.

    Deterministic: the same uses, deletions and times in the same order come to the same rankings, and after as much as
    the window and the baseline span, whatever was before has no part in them.
    """

    def __init__(self, limits: TrendLimits) -> None:
        self._limits = limits
        self.blocked: Collection[str] = ()
        """Terms that never trend, hashtags without their #."""
        self._terms: dict[str, Term] = {}
        # Those that may have authors enough to rank: few of all that are held, and all that a minute looks at.
        self._candidates: set[str] = set()
        self._minutes: dict[int, dict[str, Bucket]] = {}
        self._tweets: OrderedDict[int, Use | None] = OrderedDict()
        self._least: list[tuple[int, str]] | None = None
        self._began: int | None = None
        self.held = 0
        self.minute = 0
        """The minute under way, which no window holds yet."""
        self.counted = self.late = self.taken_back = self.displaced = 0
        self.ranking: tuple[Trend, ...] = ()

    @property
    def terms(self) -> int:
        """How many terms are held."""
        return len(self._terms)

    def window(self) -> dict[str, tuple[int, int]]:
        """Return for each term of the window and of the minute under way its tweets, and its distinct authors."""
        return {name: (term.uses, len(term.authors) << term.level) for name, term in self._terms.items() if term.uses}

    def take(self, use: Use) -> None:
        """Count a tweet, whose time is not to come; one that was counted, or taken back, before changes nothing."""
        tweet_id, author_id, at_ms, terms = use
        if not terms or tweet_id in self._tweets:
            return
        minute = at_ms // MINUTE_MS
        if minute > self.minute:
            self.advance(at_ms)
        elif self.minute - minute > self._limits.lateness_minutes:
            self.late += 1
            return
        self._remember(tweet_id, use)
        self.counted += 1
        buckets = self._minutes.get(minute)
        if buckets is None:
            buckets = self._minutes[minute] = {}
        for name in terms:
            term = self._terms.get(name)
            if term is None:
                term = self._admitted(name)
            bucket = buckets.get(name)
            if bucket is None:
                bucket = buckets[name] = Bucket()
            bucket.uses += 1
            term.uses += 1
            if term.level and not term.holds(author_id):
                continue
            authors = bucket.authors
            if author_id in authors:
                authors[author_id] += 1
                continue
            authors[author_id] = 1
            term.authors[author_id] = term.authors.get(author_id, 0) + 1
            if len(term.authors) << term.level >= self._limits.authors_min:
                self._candidates.add(name)
            term.held += 1
            self.held += 1
        if self.held > self._limits.authors_held_max:
            self._thin_out()

    def take_back(self, tweet_id: int) -> None:
        """Uncount a tweet that was deleted; it never counts again."""
        use = self._tweets.get(tweet_id)
        self._remember(tweet_id, None)
        if use is None:
            return
        buckets = self._minutes.get(use.at_ms // MINUTE_MS)
        if buckets is None:
            return
        self.taken_back += 1
        for name in use.terms:
            bucket, term = buckets.get(name), self._terms.get(name)
            if bucket is None or term is None or not bucket.uses:
                continue
            bucket.uses -= 1
            term.uses -= 1
            uses = bucket.authors.get(use.author_id, 0)
            if uses > 1:
                bucket.authors[use.author_id] = uses - 1
            elif uses:
                del bucket.authors[use.author_id]
                self._let_go(term, use.author_id)

    def advance(self, now_ms: int) -> bool:
        """Let time go on; answer whether a minute has passed, with which the ranking was made anew."""
        now = now_ms // MINUTE_MS
        if now <= self.minute:
            return False
        if self._began is None:
            self._began = self.minute = now
        # Beyond a whole window of silence nothing is left to leave it.
        for minute in range(self.minute + 1, min(now, self.minute + WINDOW_MINUTES + 1) + 1):
            self._close(minute)
        if self.minute != now:
            self._close(now)
        return True

    def _close(self, minute: int) -> None:
        self.minute = minute
        if minute % REORDER_MINUTES == 0:
            self._least = None
        for old in [each for each in self._minutes if each < minute - WINDOW_MINUTES]:
            for name, bucket in self._minutes.pop(old).items():
                self._leave(name, bucket)
        if minute % 60 == 0:
            self._end_hour(minute // 60)
        self.ranking = ranked(self._ranking(), minute, self._began or 0, self.blocked, self._limits)

    def _leave(self, name: str, bucket: Bucket) -> None:
        term = self._terms.get(name)
        if term is None:
            return
        term.uses -= bucket.uses
        for author_id in bucket.authors:
            self._let_go(term, author_id)
        if not term.uses:
            term.level = 0
            if not term.past:
                del self._terms[name]
                self._candidates.discard(name)

    def _let_go(self, term: Term, author_id: int) -> None:
        """Hold an author of a minute no longer."""
        term.held -= 1
        self.held -= 1
        minutes = term.authors[author_id] - 1
        if minutes:
            term.authors[author_id] = minutes
        else:
            del term.authors[author_id]

    def _end_hour(self, hour: int) -> None:
        """Add the hour that ends to the past of its terms, and forget what lies before the baseline."""
        for name, term in list(self._terms.items()):
            term.end_hour(hour, len(term.authors) << term.level, self._limits.baseline_hours)
            if not term.uses and not term.past:
                del self._terms[name]
                self._candidates.discard(name)

    def _ranking(self) -> Iterator[Counted]:
        """Yield the terms that may rank, and let go of those with too few authors."""
        for name in sorted(self._candidates):
            term = self._terms[name]
            authors = len(term.authors) << term.level
            if authors < self._limits.authors_min:
                self._candidates.discard(name)
                term.since_ms = None
            else:
                yield Counted(name, term.uses, authors, term)

    def _remember(self, tweet_id: int, use: Use | None) -> None:
        self._tweets[tweet_id] = use
        if len(self._tweets) > self._limits.tweets_held_max:
            self._tweets.popitem(last=False)

    def _admitted(self, name: str) -> Term:
        """Hold a new term, where there is no room in the place of the least one (Space-Saving)."""
        term = self._terms[name] = Term()
        if len(self._terms) <= self._limits.terms_max:
            return term
        if self._least is None:
            for each in self._terms.values():
                if each.missed and each.missed_at < self.minute - WINDOW_MINUTES:
                    each.missed = 0
            self._least = [(each.weight, other) for other, each in self._terms.items() if other != name]
            heapq.heapify(self._least)
        while True:
            weight, least = self._least[0]
            now = self._terms[least].weight if least in self._terms else None
            if now is None:
                heapq.heappop(self._least)
            elif now > weight:
                heapq.heapreplace(self._least, (now, least))
            else:
                break
        heapq.heapreplace(self._least, (weight + 1, name))
        self._drop(least)
        term.missed, term.missed_at = weight, self.minute
        return term

    def _drop(self, name: str) -> None:
        self.displaced += 1
        self._candidates.discard(name)
        self.held -= self._terms.pop(name).held
        for buckets in self._minutes.values():
            buckets.pop(name, None)

    def _thin_out(self) -> None:
        """Hold every second author only of the term that holds the most."""
        name, term = max(self._terms.items(), key=lambda each: each[1].held)
        term.level += 1
        for buckets in self._minutes.values():
            if name in buckets:
                authors = buckets[name].authors
                for author_id in [each for each in authors if not term.holds(each)]:
                    del authors[author_id]
                    self._let_go(term, author_id)
