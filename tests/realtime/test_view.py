"""What a view tells of one change is what recomputing everything says, or it says that it cannot tell (L5)."""

from collections.abc import Collection
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.records import TweetId
from loaders.rules import RETWEET_WINDOW
from realtime.view import VIEW_LENGTH, Arrival, Row, View

ROOTS = range(1, 8)
FIRST = 1_000


def row(entry_id: int, root_id: int | None = None) -> Row:
    return TweetId(entry_id), TweetId(entry_id if root_id is None else root_id)


def shown(rows: Collection[Row]) -> set[TweetId]:
    """Recompute from scratch which of all visible rows show, as the rule is worded."""
    ordered = sorted(rows, reverse=True)
    roots = [root_id for _, root_id in ordered]
    return {
        entry_id
        for place, (entry_id, root_id) in enumerate(ordered)
        if entry_id == root_id or root_id not in roots[place + 1 : place + 1 + RETWEET_WINDOW]
    }


class World:
    """All visible rows, and a view of the newest of them that is read anew whenever it cannot tell."""

    def __init__(self, random: Random, size: int, depth: int) -> None:
        self.random = random
        self.rows: set[Row] = {self.new_row(FIRST + 10 * number) for number in range(size)}
        self.depth = depth
        self.resets = 0
        self.read()

    def new_row(self, entry_id: int) -> Row:
        """Return a tweet, or a retweet of one of few roots, or of another row."""
        kind = self.random.random()
        if kind < 0.5:
            return row(entry_id)
        if kind < 0.8 or entry_id <= FIRST + 50:
            return row(entry_id, self.random.choice(ROOTS))
        return row(entry_id, FIRST + 10 * self.random.randrange((entry_id - FIRST) // 10))

    def read(self) -> None:
        newest = sorted(self.rows)[-self.depth :]
        self.view = View(newest, is_whole=len(newest) == len(self.rows))

    def reset(self) -> None:
        self.resets += 1
        self.read()

    def add(self, entry_id: int) -> None:
        before, known = shown(self.rows), {entry for entry, _ in self.rows}
        added = self.new_row(entry_id)
        if entry_id not in known:
            self.rows.add(added)
        arrival = self.view.add(*added)
        after = shown(self.rows)
        match arrival:
            case Arrival.KNOWN:
                assert entry_id in known
            case Arrival.SHOWN:
                assert after == before | {entry_id}
                assert entry_id not in known
            case Arrival.DROPPED:
                assert after == before
                assert entry_id not in known
            case Arrival.UNCLEAR:
                self.reset()

    def remove(self, entry_ids: Collection[TweetId]) -> None:
        """Take rows away, as a deletion takes a tweet and its retweets; what is out of reach needs a fresh page."""
        is_in_reach = all(self.view.reaches(entry_id) for entry_id in entry_ids)
        before = shown(self.rows)
        self.rows = {each for each in self.rows if each[0] not in entry_ids}
        after = shown(self.rows)
        if not is_in_reach:
            self.reset()
            return
        removed, is_unclear = self.view.remove(entry_ids)
        if is_unclear or self.view.is_short:
            self.reset()
            return
        assert after <= before
        assert removed == sorted(set(removed), reverse=True)
        # Where the window of a row that went was not in view, saying that it went is right either way.
        assert before - after <= set(removed) <= set(entry_ids)

    def step(self) -> None:
        ids = sorted(entry for entry, _ in self.rows) or [TweetId(FIRST)]
        kind = self.random.random()
        if kind < 0.4:
            self.add(ids[-1] + 10)
        elif kind < 0.6:
            self.add(self.random.choice(ids[-90:]) + self.random.randint(-5, 5))
        elif kind < 0.65:
            self.add(ids[-1])
        elif kind < 0.85:
            self.remove({self.random.choice(ids[-90:])})
        elif kind < 0.9:
            self.remove({self.random.choice(ids)})
        else:
            root_id = self.random.choice(ROOTS)
            self.remove({entry for entry, root in self.rows if root == root_id})


@settings(max_examples=120, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 220), depth=st.sampled_from([0, 10, 45, 85, 100, 160]))
def test_what_a_view_tells_is_what_recomputing_everything_says(seed: int, size: int, depth: int) -> None:
    world = World(Random(seed), size, max(depth, 1))

    for _ in range(40):
        world.step()
        assert all(world.view.holds(entry) for entry, _ in world.rows if world.view.reaches(entry))


def test_a_view_that_holds_everything_always_tells_what_comes_on_top() -> None:
    world = World(Random(7), 60, 160)
    for number in range(300):
        world.add(FIRST + 10 * (60 + number))

    assert world.resets == 0


def test_a_view_of_a_whole_page_seldom_needs_a_fresh_one() -> None:
    """It may not save itself by answering that it cannot tell."""
    world = World(Random(11), 220, VIEW_LENGTH)
    for number in range(200):
        world.add(FIRST + 10 * (220 + number))
        if number % 10 == 0:
            tweets = [entry for entry, root in sorted(world.rows) if entry == root][-50:]
            unshared = [entry for entry in tweets if sum(root == entry for _, root in world.rows) == 1]
            world.remove({world.random.choice(unshared)})

    assert world.resets <= 12


def fillers(start: int, count: int) -> list[Row]:
    return [row(start + number) for number in range(count)]


def test_an_entry_on_top_shows_and_one_that_is_known_says_so() -> None:
    view = View([row(10)], is_whole=True)

    assert view.add(*row(20)) is Arrival.SHOWN
    assert view.add(*row(20)) is view.add(*row(10)) is Arrival.KNOWN
    assert view.holds(TweetId(20))
    assert not view.holds(TweetId(15))


@pytest.mark.parametrize(("between", "arrival"), [(39, Arrival.DROPPED), (40, Arrival.SHOWN)])
def test_a_retweet_is_dropped_within_forty_entries_of_its_original(between: int, arrival: Arrival) -> None:
    view = View([row(10), *fillers(100, between)], is_whole=True)

    assert view.add(*row(900, 10)) is arrival


def test_a_retweet_whose_window_is_not_in_view_is_unclear_unless_its_original_is() -> None:
    assert View(fillers(100, 39), is_whole=False).add(*row(900, 10)) is Arrival.UNCLEAR
    assert View(fillers(100, 39), is_whole=False).add(*row(900, 120)) is Arrival.DROPPED
    assert View(fillers(100, 40), is_whole=False).add(*row(900, 10)) is Arrival.SHOWN
    assert View(fillers(100, 39), is_whole=True).add(*row(900, 10)) is Arrival.SHOWN


def test_what_comes_below_the_view_is_unclear_unless_the_view_is_whole() -> None:
    assert View([row(10)], is_whole=False).add(*row(5)) is Arrival.UNCLEAR
    assert View([row(10)], is_whole=True).add(*row(5)) is Arrival.SHOWN


def test_a_late_original_that_would_drop_a_retweet_above_it_is_unclear() -> None:
    view = View([row(5), row(20, 10)], is_whole=True)

    assert view.add(*row(10)) is Arrival.UNCLEAR


def test_a_late_entry_that_pushes_an_original_out_of_a_window_is_unclear() -> None:
    view = View([row(10), *fillers(100, 39), row(900, 10)], is_whole=True)

    assert view.add(*row(50)) is Arrival.UNCLEAR


def test_what_went_is_told_newest_first_and_what_did_not_show_is_not_told() -> None:
    view = View([row(10), row(20, 10), row(30), row(40)], is_whole=True)

    assert view.remove({TweetId(20)}) == ([], False)
    assert view.remove({TweetId(40), TweetId(30), TweetId(99)}) == ([40, 30], False)
    assert view.remove({TweetId(40)}) == ([], False)


def test_an_original_that_goes_alone_lets_its_retweet_show_which_is_unclear() -> None:
    view = View([row(10), row(20, 10)], is_whole=True)

    assert view.remove({TweetId(10)}) == ([10], True)


def test_a_view_is_short_when_too_little_is_left_to_judge_by() -> None:
    view = View(fillers(100, 2 * RETWEET_WINDOW), is_whole=False)
    before = view.is_short

    view.remove({TweetId(100)})

    assert (before, view.is_short, View([], is_whole=True).is_short) == (False, True, False)


def test_a_view_does_not_grow_and_is_no_longer_whole_once_it_was_cut() -> None:
    view = View(fillers(100, VIEW_LENGTH), is_whole=True)
    for number in range(10 * VIEW_LENGTH):
        view.add(*row(10_000 + number))

    assert not view.holds(TweetId(100))
    assert not view.reaches(TweetId(100))
    newest = 10_000 + 10 * VIEW_LENGTH - 1
    assert all(view.holds(TweetId(newest - back)) for back in range(VIEW_LENGTH))
