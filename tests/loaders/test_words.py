"""The words of a text: folded, cut by script, and found again wherever they stand."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.words import Phrase, fold, phrase_of, signs_of, words_of

# Letters of every kind that is treated apart, and what stands between them.
LETTERS = "aZ9é̀ßİŁсё한국東京のタあนี้ดีກ្កမ်हिन्दीمُح👍🏽‍❤️🇩🇪'’#@_- .\u00a0\u3000ｶﾞﬁ№"
TEXTS = st.one_of(st.text(alphabet=LETTERS, max_size=30), st.text(max_size=30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("don't don’t it's", ["dont", "dont", "its"]),
        ("Café CAFÉ cafe\u0301", ["cafe", "cafe", "cafe"]),
        ("Straße Łódź Ærø İstanbul ıslak", ["strasse", "lodz", "aero", "istanbul", "islak"]),
        ("Ёлка МОСКВА Μαΐου", ["елка", "москва", "μαιου"]),
        ("مُحَمَّد مـحـمد", ["محمد", "محمد"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("see https://example.com/a_b?c=1", ["see", "example", "com", "a", "b", "c", "1"]),
        ("@Ada_L #Big_Day2", ["ada", "l", "big", "day2"]),
        ("ＡＢＣ ①", ["abc", "1"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー", "ー"]),
        ("ｶﾞｷﾞ", ["ガギ", "ギ"]),
        ("한국어", ["한국", "국어", "어"]),
        ("犬のiPhone15を", ["犬の", "の", "iphone15", "を"]),
        ("อากาศดี", ["อาก", "ากา", "กาศ", "าศด", "ศดี", "ดี", "ี"]),
        ("nice👍🏽 👩🏽‍💻 ❤️", ["nice", "👍", "👩", "💻", "❤"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("x" * 100, ["x" * 64]),
        ("-- !? \x00 \ud800", []),
    ],
)
def test_a_text_is_cut_into_words_by_its_scripts(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Big cat", Phrase(("big", "cat"))),
        ("東京", Phrase(("東京",))),
        ("犬", Phrase(("犬",), is_open=True)),
        ("東京タワ", Phrase(("東京", "京タ", "タワ"))),
        ("の iphone", Phrase(("の", "iphone"))),
        ("ดี", Phrase(("ดี",), is_open=True)),
        ("อากาศ", Phrase(("อาก", "ากา", "กาศ"))),
        ("!?", None),
    ],
)
def test_a_query_asks_for_no_gram_that_its_own_end_cuts_short(text: str, phrase: Phrase | None) -> None:
    assert phrase_of(text) == phrase


def holds(text: str, phrase: Phrase) -> bool:
    """Tell by the definition whether a text holds a phrase."""
    words = words_of(text)
    *heads, last = phrase.words
    for start in range(len(words) - len(heads)):
        *begun, end = words[start : start + len(phrase.words)]
        if begun == heads and (end.startswith(last) if phrase.is_open else end == last):
            return True
    return False


@pytest.mark.parametrize("alphabet", ["東京都の塔", "กาดีนมอ้", "한국어는"])
@given(data=st.data())
def test_whatever_stands_in_a_text_without_spaces_is_found_and_nothing_else(data: st.DataObject, alphabet: str) -> None:
    text = fold(data.draw(st.text(alphabet=alphabet, min_size=1, max_size=12)))
    query = fold(data.draw(st.text(alphabet=alphabet, min_size=1, max_size=4)))
    phrase = phrase_of(query)

    assert phrase is not None
    assert holds(text, phrase) == (query in text)


@given(text=TEXTS)
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(text=TEXTS)
def test_equivalent_texts_have_the_same_words(text: str) -> None:
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(unicodedata.normalize("NFC", text))


@given(text=TEXTS)
def test_a_whole_text_is_found_by_itself(text: str) -> None:
    phrase = phrase_of(text)

    assert (phrase is None) == (words_of(text) == [])
    assert phrase is None or holds(text, phrase)


@given(text=TEXTS)
def test_a_word_holds_no_sign_and_nothing_that_parts_words(text: str) -> None:
    assert not {"#", "@", ":", "_", '"', "'", " ", ""} & {each for word in words_of(text) for each in (word, *word)}


def test_signs_are_folded_and_told_once() -> None:
    hashtags, mentions = signs_of("#Café #CAFE @Ada_L and @ada_l, mail a@b.example, #1")

    assert (hashtags, mentions) == (("cafe",), ("ada_l",))
