"""The language of searches: what each query asks for, and where what is wrong with one stands."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.search_query import (
    Both,
    Either,
    Mark,
    MarkKind,
    Node,
    QueryLimits,
    SearchQuery,
    SearchQueryError,
    parse,
    phrases_of,
    with_authors,
)
from loaders.words import Phrase

LIMITS = QueryLimits()
CAT, DOG, COW = (Phrase((each,)) for each in ("cat", "dog", "cow"))
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("Cat", CAT),
        ("cat dog", Both((CAT, DOG))),
        ('"cat dog" cow', Both((Phrase(("cat", "dog")), COW))),
        ("“cat dog”", Phrase(("cat", "dog"))),
        ("cat-dog", Phrase(("cat", "dog"))),
        ("cat -dog", Both((CAT,), (DOG,))),
        ('-"cat dog" cow', Both((COW,), (Phrase(("cat", "dog")),))),
        ("cat OR dog cow", Either((CAT, Both((DOG, COW))))),
        ("(cat OR dog) -(cow dog)", Both((Either((CAT, DOG)),), (Both((COW, DOG)),))),
        ("cat or dog", Both((CAT, Phrase(("or",)), DOG))),
        ("#Café", Mark(MarkKind.HASHTAG, "cafe")),
        ("@Ada_L,", Mark(MarkKind.MENTION, "ada_l")),
        ("from:@Ada -lang:EN", Both((Mark(MarkKind.AUTHOR, "ada"),), (Mark(MarkKind.LANG, "en"),))),
        ("FROM:ada has:media", Both((Mark(MarkKind.AUTHOR, "ada"), Mark(MarkKind.MEDIA)))),
        ("https://cat.example", Phrase(("cat", "example"))),
        ("cat - dog & cow -", Both((CAT, DOG, COW))),
        ("note:cat", Phrase(("note", "cat"))),
        ("犬", Phrase(("犬",), is_open=True)),
        ("ดี", Phrase(("ดี",), is_open=True)),
    ],
)
def test_a_query_asks_for(text: str, root: Node) -> None:
    assert parse(text, LIMITS) == SearchQuery(root)


def test_dates_hold_for_the_whole_search_and_the_narrowest_of_them() -> None:
    query = parse("since:1970-01-02 cat OR dog until:1970-01-09 since:1970-01-03", LIMITS)

    assert query == SearchQuery(Either((CAT, DOG)), 2 * DAY_MS, 8 * DAY_MS)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "what to look for"),
        ("  ?! ", 3, "what to look for"),
        ("cat OR", 7, "what to look for"),
        ("OR cat", 1, "what to look for"),
        ("cat OR OR dog", 8, "what to look for"),
        ("since:2026-01-01", 1, "what to look for"),
        ("cat OR -dog", 8, "not only what to leave out"),
        ("cat -(dog", 6, "no ) for this ("),
        ("cat (-dog)", 6, "not only what to leave out"),
        ("cat ()", 6, "what to look for"),
        ("cat ) dog", 5, "no ( before this )"),
        ('cat "dog', 5, "has no end"),
        ("cat from:", 10, "a handle"),
        ("cat from:a.b", 10, "a handle"),
        ("lang:english", 6, "language"),
        ("has:legs", 5, "media"),
        ("cat since:2026-02-30", 11, "a date"),
        ("cat until:now", 11, "a date"),
        ("cat -since:2026-01-01", 6, "whole search"),
        ("(cat since:2026-01-01)", 6, "whole search"),
        ("cat #1", 5, "no hashtag"),
        ("cat @é", 5, "no handle"),
        ("(" * 11 + "cat", 11, "at most 10"),
        ("cat ก", 5, "too little"),
        ('cat "dog ก"', 5, "too little"),
        ("cat -)", 6, "what to leave out"),
        ("cat\x00", 1, "Unicode"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, column: int, said: str) -> None:
    with pytest.raises(SearchQueryError) as raised:
        parse(text, LIMITS)

    assert (raised.value.column, raised.value.code) == (column, "BAD_USER_INPUT")
    assert said in str(raised.value)


def test_length_and_words_are_bounded() -> None:
    limits = QueryLimits(length=20, terms=3)

    assert parse("a b c" + " " * 15, limits)
    with pytest.raises(SearchQueryError, match="column 21"):
        parse("a" * 21, limits)
    with pytest.raises(SearchQueryError, match=r"at most 3 words .column 7"):
        parse("a b c d", limits)
    with pytest.raises(SearchQueryError, match=r"at most 3 words .column 1"):
        parse("東京タワー", limits)


def test_handles_become_numbers_everywhere_and_unknown_ones_nobodys() -> None:
    root = parse("cat (from:ada OR from:bob) -from:cy", LIMITS).root

    ada, bob, cy = (Mark(MarkKind.AUTHOR, each) for each in ("1", "0", "3"))
    assert with_authors(root, {"ada": 1, "cy": 3}) == Both((CAT, Either((ada, bob))), (cy,))


def test_relevance_is_owed_to_what_is_wanted() -> None:
    assert list(phrases_of(parse("cat (dog OR #pet) -cow", LIMITS).root)) == [CAT, DOG]


PIECES = st.sampled_from(["cat", "東京", "ดี", '"', "(", ")", "-", "OR", " ", "#", "#a", "@", "@b", "from:", "since:"])
DATES = st.sampled_from(
    ["lang:en", "has:media", "until:2026-01-01", "0001-01-01", "9999-12-31", "\u2028", "：", "＃ａ"]
)


def every(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case Both(wanted, unwanted):
            for part in (*wanted, *unwanted):
                yield from every(part)
        case Either(parts):
            for part in parts:
                yield from every(part)


@given(text=st.one_of(st.text(), st.lists(st.one_of(PIECES, DATES, st.text(max_size=3))).map("".join)))
def test_whatever_text_comes_is_a_query_or_told_with_a_place_in_it(text: str) -> None:
    try:
        query = parse(text, LIMITS)
    except SearchQueryError as error:
        assert error.column is not None
        assert 1 <= error.column <= len(text) + 1
    else:
        nodes = list(every(query.root))
        assert all(each.wanted for each in nodes if isinstance(each, Both))
        assert sum(len(each.words) for each in nodes if isinstance(each, Phrase)) <= LIMITS.terms
