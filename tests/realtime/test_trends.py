"""Counting trends: the window, its edges, what is taken back, who cannot make one, and what memory it takes."""

import random
from collections.abc import Iterable

import pytest

from realtime.trend_limits import MINUTE_MS, TrendLimits, Use
from realtime.trend_scores import burst
from realtime.trend_terms import blocked_terms, terms_of
from realtime.trends import TrendCounter

HOUR_MS = 60 * MINUTE_MS
NOW_MS = 1_800_000_000_000 // HOUR_MS * HOUR_MS


class Story:
    """A counter, and tweets by minutes since the story began."""

    def __init__(self, **limits: int | float) -> None:
        self.counter = TrendCounter(TrendLimits(**limits))  # type: ignore[arg-type]
        self.counter.advance(NOW_MS)
        self.tweets = 0

    def tweet(self, minute: float, author: int, *terms: str) -> int:
        self.tweets += 1
        self.counter.take(Use(self.tweets, author, NOW_MS + int(minute * MINUTE_MS), terms))
        return self.tweets

    def at(self, minute: int) -> list[str]:
        self.counter.advance(NOW_MS + minute * MINUTE_MS)
        return [trend.name for trend in self.counter.ranking]


def naive(uses: Iterable[Use], minute: int) -> dict[str, tuple[int, int]]:
    """Count the window that a minute under way ends, from all uses there ever were."""
    within = [use for use in uses if minute - 60 <= use.at_ms // MINUTE_MS <= minute]
    names = {name for use in within for name in use.terms}
    return {
        name: (sum(name in use.terms for use in within), len({use.author_id for use in within if name in use.terms}))
        for name in names
    }


def test_a_term_trends_from_the_minute_after_until_its_hour_has_passed() -> None:
    story = Story()
    for author in (1, 2, 3):
        story.tweet(0.5, author, "#a")

    assert list(story.counter.ranking) == []
    assert story.at(1) == ["#a"]
    assert story.counter.ranking[0].since_ms == NOW_MS + MINUTE_MS
    assert story.at(60) == ["#a"]
    assert story.counter.ranking[0].since_ms == NOW_MS + MINUTE_MS
    assert story.at(61) == []


def test_one_account_makes_no_trend_however_often_it_writes() -> None:
    story = Story()
    for _ in range(1_000):
        story.tweet(0, 1, "#a")
    for author in (2, 3):
        story.tweet(0, author, "#b")

    assert story.at(1) == ["#b"]
    assert story.counter.window()["#a"] == (1_000, 1)


def test_a_term_is_measured_against_its_own_past() -> None:
    story = Story()
    for hour in range(24):
        for author in range(40):
            story.tweet(60 * hour + author, author, "#daily")
    for author in range(40):
        story.tweet(24 * 60 + author / 2, author, "#daily")
        if author < 10:
            story.tweet(24 * 60 + author / 2, author, "#new")

    ranked = story.at(24 * 60 + 21)
    assert ranked == ["#new"]
    assert story.counter.window()["#daily"][1] > story.counter.window()["#new"][1]


def test_a_deletion_takes_its_count_back() -> None:
    story = Story()
    story.tweet(0, 1, "#a", "#b")
    second = story.tweet(0, 2, "#a")
    assert story.at(1) == ["#a"]

    story.counter.take_back(second)

    assert story.at(2) == []
    assert story.counter.window() == {"#a": (1, 1), "#b": (1, 1)}


def test_a_deleted_tweet_does_not_count_when_it_comes_again() -> None:
    story = Story()
    story.counter.take_back(1)
    assert story.tweet(0, 1, "#a") == 1
    story.tweet(0, 2, "#a")

    assert story.counter.window() == {"#a": (1, 1)}


def test_an_author_of_two_tweets_stays_when_one_is_deleted() -> None:
    story = Story()
    first = story.tweet(0, 1, "#a")
    story.tweet(0, 1, "#a")
    story.tweet(3, 1, "#a")

    story.counter.take_back(first)

    assert story.counter.window() == {"#a": (2, 1)}


def test_what_comes_late_counts_up_to_the_bound() -> None:
    story = Story(lateness_minutes=5)
    story.at(10)

    story.tweet(5, 1, "#a")
    story.tweet(4.9, 2, "#a")

    assert story.counter.window() == {"#a": (1, 1)}
    assert (story.counter.counted, story.counter.late) == (1, 1)


def test_a_blocked_term_never_trends_as_hashtag_or_word() -> None:
    story = Story(words_after_hours=0)
    for author in (1, 2):
        story.tweet(0, author, "#bad", "bad", "#good")
    story.counter.blocked = blocked_terms(["// what nobody wants", "#Bad", ""])

    assert story.at(1) == ["#good"]


def test_words_wait_for_a_past_to_be_measured_against() -> None:
    story = Story(words_after_hours=3)
    for minute in range(6 * 60):
        story.tweet(minute, minute % 5, "that")
    assert "that" not in story.at(3 * 60)
    for author in range(9):
        story.tweet(6 * 60 - 1, author, "eclipse")

    assert story.at(6 * 60) == ["eclipse"]


def test_a_silence_longer_than_the_window_leaves_only_the_past() -> None:
    story = Story()
    for author in (1, 2):
        story.tweet(0, author, "#a")

    assert story.at(600) == []
    assert story.counter.window() == {}
    assert story.counter.terms == 1
    assert story.at(60 * 30) == []
    assert (story.counter.terms, story.counter.held) == (0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_below_the_bounds_all_counts_are_exact(seed: int) -> None:
    rng = random.Random(seed)
    counter, alive = TrendCounter(TrendLimits(lateness_minutes=59)), dict[int, Use]()
    counter.advance(NOW_MS)
    for number in range(1, 1_500):
        minute = number // 8
        counter.advance(NOW_MS + minute * MINUTE_MS)
        at_ms = NOW_MS + (minute - rng.choice((0, 0, 0, 3, 40))) * MINUTE_MS
        terms = tuple({f"#{rng.randrange(12)}" for _ in range(rng.randrange(1, 3))})
        use = Use(number, rng.randrange(30), at_ms, terms)
        counter.take(use)
        alive[number] = use
        if rng.random() < 0.2:
            gone = rng.choice(list(alive))
            counter.take_back(gone)
            del alive[gone]
        if number % 100 == 0:
            assert counter.window() == naive(alive.values(), counter.minute)


def test_whatever_was_before_the_baseline_has_no_part_in_a_ranking() -> None:
    """A counter that begins with the last 26 hours comes to what one comes to that saw everything."""
    rng = random.Random(1)
    uses = [
        Use(number, rng.randrange(50), NOW_MS + number * 20_000, (f"#{int(rng.paretovariate(0.7)) % 99}",))
        for number in range(1, 3 * 60 * 60)
    ]
    end_ms = uses[-1].at_ms + MINUTE_MS
    whole, late = TrendCounter(TrendLimits()), TrendCounter(TrendLimits())
    for counter, since_ms in ((whole, 0), (late, end_ms - 26 * HOUR_MS)):
        for use in uses:
            if use.at_ms >= since_ms:
                counter.take(use)
        counter.advance(end_ms)

    assert [(trend.name, trend.tweet_count, trend.score) for trend in late.ranking] == [
        (trend.name, trend.tweet_count, trend.score) for trend in whole.ranking
    ]
    assert whole.ranking


def test_terms_are_bounded_and_the_frequent_ones_stay() -> None:
    story = Story(terms_max=100)
    for number in range(20_000):
        story.tweet(number / 1_000, number % 997, f"#{number}", *(["#big"] if number % 50 == 0 else []))

    assert story.counter.terms == 100
    assert story.counter.window()["#big"] == (400, 400)
    assert story.counter.displaced > 19_000


def test_authors_are_bounded_and_their_number_is_still_told() -> None:
    story = Story(authors_held_max=1_000)
    for author in range(20_000):
        story.tweet(author / 1_000, author, "#big")
    for author in (1, 2, 3):
        story.tweet(20, author, "#small")

    assert story.counter.held <= 1_000
    uses, authors = story.counter.window()["#big"]
    assert uses == 20_000
    assert authors == pytest.approx(20_000, rel=0.15)
    assert story.counter.window()["#small"] == (3, 3)
    assert story.at(81) == []
    assert story.counter.held == 0


def test_the_score_grows_with_authors_and_falls_with_what_was_expected() -> None:
    assert burst(5, 5) == burst(4, 5) == 0
    assert 0 < burst(6, 5) < burst(7, 5) < burst(7, 4)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Go #Roost and #roost, the Owl sleeps", ("#roost", "sleeps")),
        ("https://example.com/eclipse @eclipse don't", ()),
        ("ÉCLIPSE totale 2026 abcd9", ("éclipse", "totale")),
        ("สวัสดีครับ こんにちは #ไทย", ("#ไทย",)),
        ("", ()),
        (" ".join(f"word{'x' * number}" for number in range(20)), tuple(f"word{'x' * n}" for n in range(16))),
    ],
)
def test_terms_are_hashtags_and_words_of_four_letters_or_more(text: str, terms: tuple[str, ...]) -> None:
    assert terms_of(text) == terms
