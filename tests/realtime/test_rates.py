"""The rate of an author is that of the busiest minute of the last hour (F7)."""

from loaders.records import UserId
from realtime.rates import MINUTE_MS, PostRates

ADA, BOB = UserId(1), UserId(2)


def test_the_rate_is_the_most_in_any_one_minute() -> None:
    rates = PostRates()

    assert [rates.posted(ADA, at_ms) for at_ms in (0, 10, 20, MINUTE_MS, MINUTE_MS + 1)] == [1, 2, 3, 3, 3]
    assert rates.posted(BOB, MINUTE_MS) == 1


def test_a_busy_minute_is_forgotten_after_an_hour() -> None:
    rates = PostRates()
    for at_ms in range(30):
        rates.posted(ADA, at_ms)

    assert rates.posted(ADA, 59 * MINUTE_MS) == 30
    assert rates.posted(ADA, 60 * MINUTE_MS) == 1


def test_an_entry_that_comes_late_counts_with_those_of_now() -> None:
    rates = PostRates()
    rates.posted(ADA, 5 * MINUTE_MS)

    assert rates.posted(ADA, MINUTE_MS) == 2
