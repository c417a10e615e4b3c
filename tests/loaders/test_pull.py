"""A pull holds all that its authors wrote as far as it says, after few calls."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.merge import Source
from loaders.ports import Slice, SliceOf
from loaders.pull import SLICE_MAX, SLICE_MIN, Range, pull
from loaders.records import Entry, TweetId, UserId
from tests.contracts.making import entry


@dataclass
class Written:
    """Answers slices from lists, and remembers what was asked."""

    by_author: Mapping[int, Sequence[int]]
    calls: list[Sequence[Slice]] = field(default_factory=list)

    async def slices(self, slices: Sequence[Slice]) -> Sequence[Sequence[Entry]]:
        self.calls.append(slices)
        return [self._cut(each) for each in slices]

    def within(self, bounds: Range) -> list[int]:
        """Return everything that the authors wrote in a range, in its order."""
        found = {each for ids in self.by_author.values() for each in ids if _is_in(each, bounds.below, bounds.above)}
        return sorted(found, reverse=not bounds.ascending)

    def _cut(self, wanted: Slice) -> list[Entry]:
        assert wanted.of is SliceOf.AUTHOR
        ids = [each for each in self.by_author[int(wanted.key)] if _is_in(each, wanted.below, wanted.above)]
        return [entry(each, int(wanted.key)) for each in sorted(ids, reverse=not wanted.ascending)[: wanted.limit]]


def _is_in(entry_id: int, below: int | None, above: int | None) -> bool:
    return (below is None or entry_id < below) and (above is None or entry_id > above)


def pulled(written: Written, bounds: Range, want: int) -> Source:
    return asyncio.run(pull(written.slices, [UserId(author) for author in written.by_author], bounds, want))


def calls_max(want: int) -> int:
    """Each call doubles the share, from at least the smallest one on."""
    return 2 + math.ceil(math.log2(max(want / SLICE_MIN, 1)))


@st.composite
def writings(draw: st.DrawFn) -> Written:
    """Share ids out to authors unevenly: some write most of them, some nothing."""
    authors = draw(st.integers(1, 12))
    busy = draw(st.integers(1, authors))
    shares = draw(st.lists(st.integers(0, busy - 1) | st.integers(0, authors - 1), max_size=150))
    by_author: dict[int, list[int]] = {author: [] for author in range(authors)}
    for entry_id, author in enumerate(shares, 1):
        by_author[author].append(entry_id)
    return Written(by_author)


bounds = st.none() | st.integers(0, 160).map(TweetId)
ranges = st.builds(Range, bounds, bounds, st.booleans())


@settings(max_examples=150, deadline=None)
@given(written=writings(), within=ranges, want=st.integers(1, 200))
def test_a_pull_is_complete_as_far_as_it_says_and_far_enough(written: Written, within: Range, want: int) -> None:
    truth = written.within(within)

    found = pulled(written, within, want)

    ids = [each.id for each in found.entries]
    assert ids == truth[: len(ids)]
    if found.complete_to is None:
        assert ids == truth
    else:
        assert len(ids) >= want
        assert ids == [each for each in truth if _is_in(each, *_upto(found.complete_to, within))]
    assert len(written.calls) <= calls_max(want)


def _upto(reached: int, within: Range) -> tuple[int | None, int | None]:
    return (reached + 1, None) if within.ascending else (None, reached - 1)


@pytest.mark.parametrize("authors", [1, 5, 100, 1_000])
@pytest.mark.parametrize("want", [1, 41, 141, 800])
def test_the_calls_grow_with_the_logarithm_of_what_is_wanted_and_not_with_the_authors(authors: int, want: int) -> None:
    # The worst that can be: one author wrote everything that is new, and the others long ago.
    written = Written({0: range(10_000, 12_000), **{author: [author] for author in range(1, authors)}})

    found = pulled(written, Range(), want)

    assert len(found.entries) >= want
    assert len(written.calls) <= calls_max(want)
    # Who is not in the way is asked once.
    assert all(len(call) == 1 for call in written.calls[1:])
    assert max(each.limit for call in written.calls for each in call) <= SLICE_MAX


def test_only_those_are_asked_again_whose_holes_stand_in_the_way() -> None:
    written = Written({0: range(1_000, 1_100), 1: range(100), 2: range(100, 200)})

    found = pulled(written, Range(), 10)

    # Seven of each came; ten entries are not certain before more of the busiest is known, and the others are far off.
    assert [[each.key for each in call] for call in written.calls] == [[0, 1, 2], [0]]
    assert len(found.entries) >= 10


def test_one_call_is_enough_where_authors_write_alike() -> None:
    written = Written({author: range(author, 10_000, 20) for author in range(20)})

    found = pulled(written, Range(), 100)

    assert len(found.entries) >= 100
    assert len(written.calls) == 1


def test_nobody_wrote_nothing_and_the_store_is_not_asked() -> None:
    written = Written({})

    assert pulled(written, Range(), 10) == Source([], None)
    assert written.calls == []


def test_what_is_left_of_a_range_begins_behind_what_was_read() -> None:
    below, above, reached = TweetId(90), TweetId(10), TweetId(50)

    assert Range(below, above).beyond(reached) == Range(reached, above)
    assert Range(below, above, ascending=True).beyond(reached) == Range(below, reached, ascending=True)
