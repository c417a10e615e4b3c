"""How relevance is judged: rarer, more often, shorter and newer count for more."""

from hypothesis import given
from hypothesis import strategies as st

from loaders.ranking import Statistics, relevance, statistics
from loaders.words import Phrase

CAT, DOG, BIG_CAT, OPEN = Phrase(("cat",)), Phrase(("dog",)), Phrase(("big", "cat")), Phrase(("犬",), is_open=True)
TEXTS = ["cat", "cat cat dog", "big cat", "cats", "犬の の", "a big dog and a big cat"]


def test_phrases_are_counted_by_whole_words_side_by_side() -> None:
    assert statistics([CAT, DOG, BIG_CAT, OPEN], TEXTS) == Statistics(6, 16, (4, 2, 2, 1))


def ranked(phrases: list[Phrase], texts: list[str], ages_ms: dict[str, int] | None = None) -> list[str]:
    counted = statistics(phrases, texts)
    ages = ages_ms or {}
    return sorted(texts, key=lambda text: -relevance(phrases, text, counted, ages.get(text, 0), 1_000))


def test_what_says_it_more_often_and_in_fewer_words_comes_first() -> None:
    assert ranked([CAT], ["cat and many other words here", "cat cat", "cat"]) == [
        "cat cat",
        "cat",
        "cat and many other words here",
    ]


def test_a_rare_word_counts_for_more_than_a_frequent_one() -> None:
    texts = ["cat x", "cat y", "cat z", "dog x"]

    assert ranked([CAT, DOG], texts)[0] == "dog x"


def test_age_takes_half_after_a_half_life() -> None:
    counted = statistics([CAT], ["cat", "dog"])

    new, old = (relevance([CAT], "cat", counted, age_ms, 1_000) for age_ms in (0, 1_000))
    assert old == new / 2
    assert ranked([CAT], ["cat", "cat cat"], {"cat cat": 10_000}) == ["cat", "cat cat"]


@given(text=st.text(alphabet="cat dog", max_size=20), holding=st.integers(0, 9), age_ms=st.integers(0, 10**12))
def test_a_score_is_never_below_nothing(text: str, holding: int, age_ms: int) -> None:
    assert relevance([CAT], text, Statistics(9, 0, (holding,)), age_ms, 1) >= 0
