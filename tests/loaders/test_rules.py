"""Who and what is seen, which retweets are dropped, and how an entry came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.records import Delivery, Relations, Switch, TweetId, UserId
from loaders.rules import (
    RETWEET_WINDOW,
    belongs,
    delivery_at,
    is_source,
    may_see,
    shown_flags,
    sources,
    visible,
)
from tests.contracts.making import entry

ME, FOLLOWED, MUTED, BLOCKED, BLOCKER, STRANGER = (UserId(number) for number in range(1, 7))
RELATIONS = Relations(
    ME,
    dict.fromkeys((FOLLOWED, MUTED, BLOCKED, BLOCKER), 1),
    frozenset({MUTED}),
    frozenset({BLOCKED}),
    frozenset({BLOCKER}),
)
EVERYONE = [ME, FOLLOWED, MUTED, BLOCKED, BLOCKER, STRANGER]


def row(entry_id: int, root_id: int) -> tuple[TweetId, TweetId]:
    return TweetId(entry_id), TweetId(root_id)


def naive_flags(rows: list[tuple[TweetId, TweetId]], window: int) -> list[bool]:
    """Say it as the rule is worded: a retweet goes if its original is among so many directly older ones."""
    return [
        entry_id == root_id or root_id not in [older for _, older in rows[place + 1 : place + 1 + window]]
        for place, (entry_id, root_id) in enumerate(rows)
    ]


@st.composite
def timelines(draw: st.DrawFn) -> list[tuple[TweetId, TweetId]]:
    """Draw visible rows, newest first: tweets, and retweets of few originals, which may be rows themselves."""
    roots = draw(st.lists(st.integers(0, 12), max_size=90))
    return [
        row(1_000 - place, root or 1_000 - place) if root < 9 else row(root, root) for place, root in enumerate(roots)
    ]


@given(rows=timelines(), window=st.integers(0, 12) | st.just(RETWEET_WINDOW))
def test_retweets_are_dropped_as_the_rule_is_worded(rows: list[tuple[TweetId, TweetId]], window: int) -> None:
    assert shown_flags(rows, window) == naive_flags(rows, window)


@pytest.mark.parametrize(("between", "shows"), [(0, False), (39, False), (40, True)])
def test_the_window_is_the_forty_entries_directly_older(between: int, shows: bool) -> None:
    rows = [row(900, 1), *(row(800 - number, 800 - number) for number in range(between)), row(1, 1)]

    assert shown_flags(rows)[0] is shows


def test_a_retweet_that_is_dropped_still_drops_those_above_it() -> None:
    fillers = [row(800 - number, 800 - number) for number in range(39)]

    flags = shown_flags([row(1_000, 1), *fillers, row(500, 1), *(row(400 - n, 400 - n) for n in range(39)), row(1, 1)])

    assert [flags[0], flags[40]] == [False, False]


def test_an_original_is_never_dropped() -> None:
    assert shown_flags([row(9, 9), row(5, 9), row(4, 9)]) == [True, False, True]


@pytest.mark.parametrize(
    ("author", "expected"),
    [(ME, True), (FOLLOWED, True), (MUTED, False), (BLOCKED, False), (BLOCKER, False), (STRANGER, False)],
)
def test_an_author_s_tweets_and_retweets_of_strangers_belong_by_who_the_author_is(author: int, expected: bool) -> None:
    assert belongs(entry(9, author), RELATIONS) is expected
    assert belongs(entry(9, author, (5, STRANGER)), RELATIONS) is expected


@pytest.mark.parametrize(
    ("root_author", "expected"),
    [(ME, True), (FOLLOWED, True), (STRANGER, True), (MUTED, False), (BLOCKED, False), (BLOCKER, False)],
)
def test_a_retweet_belongs_unless_the_author_of_its_original_is_hidden(root_author: int, expected: bool) -> None:
    assert belongs(entry(9, FOLLOWED, (5, root_author)), RELATIONS) is expected


@pytest.mark.parametrize(("answered", "expected"), [(ME, True), (FOLLOWED, True), (MUTED, True), (STRANGER, False)])
def test_a_reply_belongs_where_it_answers_someone_of_the_timeline(answered: int, expected: bool) -> None:
    assert belongs(entry(9, FOLLOWED, reply_author_id=answered), RELATIONS) is expected


def test_what_is_gone_belongs_still_but_is_not_visible() -> None:
    """A page that begins now does not show it (V1)."""
    gone = entry(9, FOLLOWED, gone_at=20)

    assert (belongs(gone, RELATIONS), visible(gone, RELATIONS)) == (True, False)
    assert visible(entry(9, FOLLOWED), RELATIONS)


def test_a_block_on_either_side_hides_and_a_mute_does_not_forbid_to_read() -> None:
    assert [user_id for user_id in EVERYONE if may_see(user_id, RELATIONS)] == [ME, FOLLOWED, MUTED, STRANGER]


def test_authors_hidden_altogether_are_no_sources() -> None:
    """They are dropped before anything is read (F8)."""
    assert sorted(sources(RELATIONS)) == [ME, FOLLOWED]
    assert [user_id for user_id in EVERYONE if is_source(user_id, RELATIONS)] == EVERYONE[:5]


deliveries = st.sampled_from(Delivery)
histories = st.lists(st.tuples(st.integers(0, 50), deliveries), max_size=6, unique_by=lambda drawn: drawn[0])


@given(drawn=histories, entry_id=st.integers(0, 60))
def test_the_last_switch_at_or_below_an_id_says_how_it_came(drawn: list[tuple[int, Delivery]], entry_id: int) -> None:
    switches = [Switch(TweetId(from_id), delivery) for from_id, delivery in sorted(drawn, key=lambda each: each[0])]

    reached = [switch for switch in switches if switch.from_id <= entry_id]
    expected = max(reached, key=lambda switch: switch.from_id).delivery if reached else Delivery.PUSHED

    assert delivery_at(TweetId(entry_id), switches) is expected


def test_who_was_never_switched_is_pushed() -> None:
    assert delivery_at(TweetId(5), None) is delivery_at(TweetId(5), ()) is Delivery.PUSHED
