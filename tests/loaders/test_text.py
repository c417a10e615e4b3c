"""What a text may hold, what it weighs, and which entities stand in it."""

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.entities import (
    HASHTAG_LENGTH_MAX,
    TCO_SLUG_LENGTH_MAX,
    Hashtag,
    Mention,
    Url,
    extract,
    hashtag_keys,
    normalise_hashtag,
)
from loaders.text import (
    COMBINING_MARKS_MAX,
    TEXT_LENGTH_MAX,
    WEIGHTED_LENGTH_MAX,
    check_text,
    is_unicode_clean,
    weighted_length,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
PIECES = [
    "#",
    "＃",
    "@",
    "a",
    "Z",
    "1",
    "_",
    "-",
    ".",
    "/",
    ":",
    "?",
    "(",
    ")",
    "&",
    "=",
    "$",
    "!",
    " ",
    "\n",
    "é",
    "日本",
]
PIECES += [
    "http://",
    "https://",
    "t.co/",
    "example",
    ".com",
    ".中国",
    "rt",
    "\u0301",
    "\ufe0f",
    "\u20e3",
    "\u200d",
    FAMILY,
]
mixtures = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30).map("".join)
HOSTILE = [
    "@a",
    "#a",
    "a.",
    "http://",
    "a.co ",
    "a.co.-.",
    "a_",
    "a-.",
    "中.",
    "あ.みんな",
    "#1",
    "a.co/(",
    "x",
    "e\u0301",
    FAMILY,
]
HOSTILE_LENGTH = 40_000
HOSTILE_CPU_S_MAX = 5.0


def problem_code(text: str) -> str | None:
    problem = check_text(text)[1]
    return problem.code if problem else None


def test_a_text_comes_back_in_nfc() -> None:
    assert check_text("Cafe\u0301") == ("Café", None)


@pytest.mark.parametrize(
    "text", ["", " \r\n\t", "\u3000", "\u200b\u200d", "\u2066\u2069", "\ufe0f", "\u3164", "\u2800"]
)
def test_a_text_in_which_nothing_can_be_seen_is_empty(text: str) -> None:
    assert problem_code(text) == "TEXT_EMPTY"


@pytest.mark.parametrize("character", ["\x00", "\ufeff", "\ufffe", "\uffff", "\ud800"])
def test_a_forbidden_character_is_named(character: str) -> None:
    problem = check_text(f"a{character}b")[1]
    assert problem is not None
    assert problem.code == "TEXT_INVALID"
    assert f"U+{ord(character):04X}" in problem.message


@pytest.mark.parametrize("mark", ["\u202a", "\u202e", "\u2066", "\u200f"])
def test_marks_of_direction_are_allowed(mark: str) -> None:
    assert check_text(f"a{mark}b\u202c") == (f"a{mark}b\u202c", None)


def test_combining_marks_in_a_row_are_allowed_up_to_their_limit_only() -> None:
    assert problem_code("x" + "\u0316" * COMBINING_MARKS_MAX) is None
    assert problem_code("x" + "\u0316" * (COMBINING_MARKS_MAX + 1)) == "TEXT_INVALID"


def test_marks_that_only_nfc_spells_out_are_counted_too() -> None:
    assert problem_code("x" + "\u0344" * COMBINING_MARKS_MAX) == "TEXT_INVALID"


def test_a_text_is_allowed_up_to_the_weighted_length_and_no_further() -> None:
    assert problem_code("a" * WEIGHTED_LENGTH_MAX) is None
    problem = check_text("a" * (WEIGHTED_LENGTH_MAX + 1))[1]
    assert problem is not None
    assert problem.code == "TEXT_TOO_LONG"
    assert str(WEIGHTED_LENGTH_MAX + 1) in problem.message


def test_a_text_is_no_longer_than_what_is_kept_however_little_it_weighs() -> None:
    link = "https://example.com/" + "a" * TEXT_LENGTH_MAX
    assert weighted_length(link) == 23
    assert problem_code(link) == "TEXT_TOO_LONG"
    assert problem_code(link[:TEXT_LENGTH_MAX]) is None


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        (FAMILY, 2),
        ("\U0001f64b\U0001f3fd", 2),
        ("\U0001f1e9\U0001f1ea", 2),
        ("1\ufe0f\u20e3", 2),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 2),
        ("\u2764\ufe0f", 2),
        ("\u00a9", 1),
        ("\u00a9\ufe0f", 2),
        ("1", 1),
        ("\U0001f525\U0001f3ff", 4),
        ("\U0001f1e9", 2),
        ("日本", 4),
        (f"{FAMILY} https://example.com/{FAMILY}", 2 + 1 + 23 + 2),
    ],
)
def test_an_emoji_counts_two_however_it_is_made_up(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


def test_emoji_cannot_be_joined_without_end_to_weigh_nothing() -> None:
    assert problem_code("\u200d".join(["\U0001f468"] * 600)) == "TEXT_TOO_LONG"


def test_null_bytes_and_lone_surrogates_are_not_clean() -> None:
    assert is_unicode_clean("a\U0001f468é")
    assert not is_unicode_clean("a\x00")
    assert not is_unicode_clean("é\ud800")


def test_places_count_code_points_and_start_at_the_sign() -> None:
    found = extract("\U0001f468 #日本 @Ada_1 https://t.co/a")
    assert found.hashtags == (Hashtag("日本", 2, 5),)
    assert found.mentions == (Mention("Ada_1", 6, 12),)
    assert found.urls == (Url("https://t.co/a", 13, 27),)


def test_what_stands_inside_a_url_is_no_entity_of_its_own() -> None:
    found = extract("https://example.com/@ada/#tag @bob")
    assert [mention.handle for mention in found.mentions] == ["bob"]
    assert found.hashtags == ()


def test_of_two_overlapping_entities_the_first_stands() -> None:
    found = extract("#日本a.com")
    assert [hashtag.text for hashtag in found.hashtags] == ["日本a"]
    assert found.urls == ()


def test_a_list_is_no_mention() -> None:
    assert extract("@ada/friends").mentions == ()


def test_a_t_co_link_with_too_long_a_slug_is_no_url() -> None:
    assert extract("https://t.co/" + "a" * TCO_SLUG_LENGTH_MAX).urls
    assert extract("https://t.co/" + "a" * (TCO_SLUG_LENGTH_MAX + 1)).urls == ()


@pytest.mark.parametrize(
    ("name", "key"),
    [("GraphQL", "graphql"), ("CAFE\u0301", "café"), ("Straße", "strasse"), ("日本語", "日本語"), ("tag_1", "tag_1")],
)
def test_a_hashtag_is_found_whatever_its_case_and_form(name: str, key: str) -> None:
    assert normalise_hashtag(name) == key


@pytest.mark.parametrize("name", ["", "1", "#a", "＃a", "a b", "a#b", "a.com", "a-b", " a", "a\n", "\ufe0fa", "\ud800"])
def test_what_is_not_exactly_one_hashtag_has_no_key(name: str) -> None:
    assert normalise_hashtag(name) is None


def test_a_hashtag_longer_than_any_text_has_no_key() -> None:
    assert normalise_hashtag("a" * HASHTAG_LENGTH_MAX) is not None
    assert normalise_hashtag("a" * (HASHTAG_LENGTH_MAX + 1)) is None


def test_the_keys_of_a_text_are_distinct_and_in_order() -> None:
    assert hashtag_keys("#Zed #abc #ZED #CAFÉ #cafe\u0301 #1") == ("zed", "abc", "café")


@given(mixtures)
def test_every_entity_is_the_text_at_its_place_and_none_overlap(text: str) -> None:
    found = extract(text)
    for hashtag in found.hashtags:
        assert text[hashtag.start] in "#＃"
        assert text[hashtag.start + 1 : hashtag.end] == hashtag.text
    for mention in found.mentions:
        assert text[mention.start] in "@＠"
        assert text[mention.start + 1 : mention.end] == mention.handle
    for url in found.urls:
        assert text[url.start : url.end] == url.url
    entities: list[Hashtag | Mention | Url] = [*found.hashtags, *found.mentions, *found.urls]
    entities.sort(key=lambda entity: entity.start)
    assert all(entity.start < entity.end for entity in entities)
    assert all(first.end <= second.start for first, second in pairwise(entities))


@given(mixtures)
def test_every_hashtag_found_has_a_key_that_is_its_own_key(text: str) -> None:
    for hashtag in extract(text).hashtags:
        key = normalise_hashtag(hashtag.text)
        assert key is not None
        assert normalise_hashtag(key) == key


@given(mixtures)
def test_the_weight_lies_within_its_bounds(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    assert 0 <= weighted_length(text) <= 2 * len(normal) + 23 * len(normal.split("."))
    assert weighted_length(text) == weighted_length(normal)


@given(mixtures, mixtures)
def test_the_weights_of_two_lines_add_up(first: str, second: str) -> None:
    assert weighted_length(f"{first}\n{second}") == weighted_length(first) + 1 + weighted_length(second)


@given(mixtures)
def test_a_checked_text_passes_a_second_check_alike(text: str) -> None:
    normal, problem = check_text(text)
    assert check_text(normal) == (normal, problem)


@given(st.text(st.characters() | st.sampled_from("#@./:a\ud800\udfff")))
def test_no_text_makes_extracting_or_checking_fail(text: str) -> None:
    extract(text)
    assert is_unicode_clean(text) or problem_code(text) is not None


@given(st.text(st.characters() | st.sampled_from("\x00\ud800\udfff")))
def test_a_clean_text_is_one_that_encodes_and_holds_no_null_byte(text: str) -> None:
    assert is_unicode_clean(text) == ("\x00" not in text and text == text.encode(errors="replace").decode())


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("frame", ["{}", "{}.com", "a.co/{}", "#{}"])
def test_a_hostile_text_costs_time_in_proportion_to_its_length(piece: str, frame: str) -> None:
    # Ten times the longest text kept, so that work which grows with the square of the length shows; the bound leaves
    # a slow machine ten times what a usual one takes.
    text = frame.format((piece * HOSTILE_LENGTH)[:HOSTILE_LENGTH])
    started = time.process_time()
    extract(text)
    weighted_length(text)
    assert time.process_time() - started < HOSTILE_CPU_S_MAX


def test_a_text_of_combining_marks_is_refused_before_it_is_normalised() -> None:
    text = "x" + "\u0300\u0316" * (TEXT_LENGTH_MAX // 2 - 1)
    assert check_text(text)[0] is text
