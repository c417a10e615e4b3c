"""Trends that another process counts: what it is told, and what becomes of the windows that it tells."""

from collections import defaultdict
from collections.abc import Sequence

import pytest

from loaders.errors import Unavailable
from loaders.records import TweetId, UserId
from realtime.events import Event, TweetDeleted, TweetPosted, encode
from realtime.ports import Logged
from realtime.trend_limits import MINUTE_MS, TrendLimits
from realtime.trend_uses import TermTeller, TermUse
from realtime.trend_windows import TermCount, Window, WindowRanker
from tests.realtime.trend_story import BEGIN, LIMITS, MINUTES, counts_of, embedded, story, told_of

NOW_MS = BEGIN * MINUTE_MS


class Heard:
    """A teller, and what it has told."""

    def __init__(self, limits: TrendLimits = LIMITS, clock_ms: int = NOW_MS) -> None:
        self.uses: list[TermUse] = []
        self.clock_ms = clock_ms
        self.is_away = False
        self.teller = TermTeller(limits, self._tell, lambda: self.clock_ms)

    async def _tell(self, uses: Sequence[TermUse]) -> None:
        if self.is_away:
            raise Unavailable("nobody hears")
        self.uses += uses

    def said(self) -> list[str]:
        return [f"{'-' if use.is_gone else '+'}{use.term}" if use.term else "tick" for use in self.uses]


def logged(*events: Event, minute: float = 0) -> list[Logged]:
    at_ms = NOW_MS + int(minute * MINUTE_MS)
    return [Logged(0, offset, encode(event), at_ms) for offset, event in enumerate(events, 1)]


def posted(number: int, text: str = "#a", minute: float = 0) -> TweetPosted:
    return TweetPosted(TweetId(number), UserId(number), text, NOW_MS + int(minute * MINUTE_MS))


def counted(uses: Sequence[TermUse]) -> list[Window]:
    """Count what was told as the job does: a window ends with the first use of its minute or a later one."""
    windows: list[Window] = []
    gone: dict[tuple[str, int, int, int], bool] = {}
    now = uses[0].now_ms // MINUTE_MS
    for use in uses:
        for minute in range(now + 1, use.now_ms // MINUTE_MS + 1):
            terms: defaultdict[str, list[int]] = defaultdict(list)
            for (term, _, author, at), is_gone in gone.items():
                if not is_gone and term and minute - 60 <= at // MINUTE_MS < minute:
                    terms[term].append(author)
            counts = {term: (len(authors), len(set(authors))) for term, authors in terms.items()}
            told = told_of(minute, counts)
            windows.append(Window(minute, [TermCount(term, *each) for term, each in told.items()]))
        now = max(now, use.now_ms // MINUTE_MS)
        key = use.term, use.tweet_id, use.author_id, use.at_ms
        gone[key] = gone.get(key, False) or use.is_gone
    return windows


async def test_what_is_told_suffices_to_rank_as_embedded_though_half_of_it_is_told_twice() -> None:
    log = story()
    heard = Heard(clock_ms=(BEGIN + MINUTES) * MINUTE_MS)
    expected, rankings = await embedded(log)

    for start in range(0, len(log), 50):
        await heard.teller.handle(log[start : start + 100], 0)
    await heard.teller.idle(len(log))

    windows = counted(heard.uses)
    ranker = WindowRanker(LIMITS)
    assert [counts_of(each) for each in windows] == [told_of(each.minute, expected[each.minute]) for each in windows]
    assert [ranker.ranking for each in windows if ranker.take(each)] == [
        each for each in rankings if each.until_ms > NOW_MS
    ]


async def test_a_tweet_that_comes_too_late_is_not_told_nor_its_deletion() -> None:
    heard = Heard()

    await heard.teller.handle(logged(posted(1, minute=-6), posted(2, "#b", -5), minute=0), 0)
    await heard.teller.handle(logged(TweetDeleted(TweetId(1), UserId(1)), TweetDeleted(TweetId(2), UserId(2))), 0)

    assert heard.said() == ["tick", "+#b", "-#b"]
    assert heard.teller.late == 1


async def test_a_deletion_after_the_hour_is_of_no_use() -> None:
    heard = Heard()
    await heard.teller.handle(logged(posted(1)), 0)

    await heard.teller.handle(logged(TweetDeleted(TweetId(1), UserId(1)), minute=61), 0)

    assert heard.said() == ["tick", "+#a", "tick"]


async def test_who_takes_over_knows_the_terms_of_what_was_told_before() -> None:
    heard = Heard()
    await heard.teller.prime(logged(posted(1)))

    await heard.teller.handle(logged(TweetDeleted(TweetId(1), UserId(1))), 0)

    assert heard.said() == ["-#a"]


async def test_of_the_newest_tweets_alone_deletions_are_told() -> None:
    heard = Heard(TrendLimits(tweets_held_max=1))
    await heard.teller.handle(logged(posted(1), posted(2, "#b")), 0)

    deletions = [TweetDeleted(TweetId(each), UserId(each)) for each in (1, 2)]
    await heard.teller.handle(logged(*deletions), 0)

    assert heard.said() == ["tick", "+#a", "+#b", "-#b"]


async def test_the_clock_ticks_once_a_minute_while_nothing_comes() -> None:
    heard = Heard()
    for second in (0, 1, 59, 60, 61):
        heard.clock_ms = NOW_MS + second * 1_000
        await heard.teller.idle(5)

    assert [(use.term, use.now_ms - NOW_MS, use.offset) for use in heard.uses] == [("", 0, 5), ("", MINUTE_MS, 5)]


async def test_what_nobody_heard_is_told_again_with_its_tick() -> None:
    heard = Heard()
    heard.is_away = True
    for act in (heard.teller.handle(logged(posted(1)), 0), heard.teller.idle(0)):
        with pytest.raises(Unavailable):
            await act
    heard.is_away = False

    await heard.teller.handle(logged(posted(1)), 0)

    assert heard.said() == ["tick", "+#a"]


def window(minute: int, **authors: int) -> Window:
    return Window(BEGIN + minute, [TermCount(f"#{name}", count, count) for name, count in authors.items()])


def test_a_window_that_comes_again_or_late_changes_nothing() -> None:
    ranker = WindowRanker(LIMITS)
    assert ranker.take(window(2, a=5))
    before = ranker.ranking

    assert not ranker.take(window(2, a=9))
    assert not ranker.take(window(1, b=9))

    assert ranker.ranking == before


def test_a_term_that_stopped_trending_begins_anew_and_a_blocked_one_never_trends() -> None:
    ranker = WindowRanker(LIMITS)
    since = []
    # The first window ends an hour, so that the term has a past, and stays known while it does not trend.
    for minute, authors in ((20, 5), (21, 5), (22, 0), (23, 5)):
        ranker.take(window(minute, a=authors))
        since += [each.since_ms // MINUTE_MS - BEGIN for each in ranker.ranking.trends]
    ranker.blocked = {"a"}
    ranker.take(window(24, a=5))

    assert since == [20, 20, 23]
    assert ranker.ranking.trends == ()


def test_the_pasts_that_are_held_are_bounded_by_those_of_the_most_authors() -> None:
    ranker = WindowRanker(TrendLimits(terms_max=2, authors_min=2, score_min=100.0))
    hour = 60 - BEGIN % 60

    ranker.take(window(hour, few=1, many=9, more=12))

    assert sorted(ranker.pasts) == ["#many", "#more"]
