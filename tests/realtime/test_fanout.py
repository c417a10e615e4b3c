"""Push or pull: authors near the line do not flap, and the mode of an id never changes (F6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.records import Delivery, Switch, TweetId
from loaders.rules import delivery_at, pulls_between
from realtime.fanout import PushPolicy, current, is_pushed, pulled_from, switched

PUSHED, PULLED = Delivery.PUSHED, Delivery.PULLED
POLICY = PushPolicy(100)


@pytest.mark.parametrize(
    ("followers", "after_push", "after_pull"),
    [
        (0, PUSHED, PUSHED),
        (69, PUSHED, PUSHED),
        (70, PUSHED, PULLED),
        (99, PUSHED, PULLED),
        (100, PULLED, PULLED),
        (10**9, PULLED, PULLED),
    ],
)
def test_between_the_two_limits_an_author_stays_as_they_are(
    followers: int, after_push: Delivery, after_pull: Delivery
) -> None:
    assert POLICY.decide(followers, PUSHED) is after_push
    assert POLICY.decide(followers, PULLED) is after_pull


def test_followers_that_come_and_go_around_the_limit_make_one_switch() -> None:
    switches: list[Switch] = []
    for number, followers in enumerate([99, 100, 99, 101, 98, 100, 71, 100] * 20, 1):
        delivery = POLICY.decide(followers, current(switches))
        switches = list(switched(switches, TweetId(number), TweetId(number - 1), delivery))

    assert switches == [Switch(TweetId(2), PULLED)]


def test_nothing_is_written_down_for_who_stays_as_they_are() -> None:
    assert list(switched((), TweetId(5), TweetId(4), PUSHED)) == []
    pulled = (Switch(TweetId(1), PULLED),)
    assert switched(pulled, TweetId(5), TweetId(4), PULLED) == pulled


def test_a_switch_begins_with_the_entry_that_brought_it() -> None:
    assert switched((), TweetId(50), TweetId(40), PULLED) == (Switch(TweetId(50), PULLED),)


def test_a_switch_that_a_late_entry_brings_begins_above_what_was_handled() -> None:
    switches = switched((), TweetId(50), TweetId(80), PULLED)

    assert switches == (Switch(TweetId(81), PULLED),)
    assert is_pushed(switches, TweetId(50))
    assert is_pushed(switches, TweetId(80))
    assert not is_pushed(switches, TweetId(81))


arrivals = st.lists(
    st.tuples(st.integers(1, 60).map(TweetId), st.integers(0, 130)), max_size=30, unique_by=lambda arrival: arrival[0]
)


@given(arrivals=arrivals)
def test_the_mode_of_an_id_that_was_handled_never_changes(arrivals: list[tuple[TweetId, int]]) -> None:
    """Entries come in any order of their ids, with any number of followers; each is handled by the mode of its id."""
    switches: list[Switch] = []
    handled: dict[TweetId, Delivery] = {}
    for entry_id, followers in arrivals:
        newest = max(handled, default=TweetId(0))
        before = switches
        wanted = POLICY.decide(followers, current(before))
        switches = list(switched(before, entry_id, newest, wanted))

        assert switches[: len(before)] == before
        assert [switch.from_id for switch in switches] == sorted({switch.from_id for switch in switches})
        assert {each: delivery_at(each, switches) for each in handled} == handled
        assert POLICY.decide(followers, current(switches)) is wanted is current(switches)
        handled[entry_id] = delivery_at(entry_id, switches)


histories = st.lists(st.integers(0, 40), unique=True, max_size=6).map(
    lambda ids: [Switch(TweetId(each), (PULLED, PUSHED)[place % 2]) for place, each in enumerate(sorted(ids))]
)


@given(switches=histories, entry_id=st.integers(0, 50).map(TweetId))
def test_what_is_to_be_pulled_is_and_nothing_that_was_pulled_is_lost(switches: list[Switch], entry_id: TweetId) -> None:
    """Whoever reads by switches in which more is pulled finds all that was pushed as well (F5)."""
    changed = pulled_from(switches, entry_id)

    assert delivery_at(entry_id, changed) is PULLED
    for each in map(TweetId, range(60)):
        if delivery_at(each, switches) is PULLED:
            assert delivery_at(each, changed) is PULLED
    assert [switch.delivery for switch in changed] == [(PULLED, PUSHED)[place % 2] for place in range(len(changed))]
    assert [switch.from_id for switch in changed] == sorted({switch.from_id for switch in changed})


@given(switches=histories, floor=st.integers(0, 50).map(TweetId), below=st.none() | st.integers(0, 60).map(TweetId))
def test_an_author_is_looked_up_where_any_id_between_is_pulled(
    switches: list[Switch], floor: TweetId, below: TweetId | None
) -> None:
    between = range(floor + 1, 100 if below is None else below)

    found = pulls_between(switches, floor, below)

    assert found is any(delivery_at(TweetId(each), switches) is PULLED for each in between)


def test_who_posts_more_than_may_be_pushed_in_a_minute_is_pulled_however_few_follow() -> None:
    """No author makes more work than a bounded share of it, whatever they do (F7)."""
    policy = PushPolicy(100, entries_per_minute=1_000)

    assert policy.decide(50, PUSHED, 20) is PUSHED
    assert policy.decide(50, PUSHED, 21) is PULLED
    assert policy.decide(50, PULLED, 21) is PULLED
    assert policy.decide(50, PULLED, 20) is PUSHED
