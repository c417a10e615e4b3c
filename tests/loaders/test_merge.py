"""A merge holds everything as far as it says, and nothing beyond a hole."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loaders.merge import Source, cut_source, merge
from loaders.records import TweetId
from tests.contracts.making import entry

sorted_ids = st.lists(st.integers(1, 60), unique=True, max_size=12)
drawn_sources = st.lists(st.tuples(sorted_ids, st.integers(0, 14)), max_size=5)


def source(ids: list[int], complete_to: int | None) -> Source:
    return Source([entry(each) for each in ids], None if complete_to is None else TweetId(complete_to))


def ids_of(merged: Source) -> list[int]:
    return [each.id for each in merged.entries]


def read(truth: list[int], limit: int, ascending: bool) -> Source:
    """Read one author's entries as a slice would, of at most `limit`."""
    return cut_source([entry(each) for each in sorted(truth, reverse=not ascending)[: limit + 1]], limit + 1)


@given(drawn=drawn_sources, ascending=st.booleans())
def test_a_merge_equals_the_sorted_union_as_far_as_the_nearest_hole(
    drawn: list[tuple[list[int], int]], ascending: bool
) -> None:
    sources = [read(truth, limit, ascending) for truth, limit in drawn]
    holes = [each.complete_to for each in sources if each.complete_to is not None]

    merged = merge(sources, ascending)

    assert merged.complete_to == ((min if ascending else max)(holes) if holes else None)
    everything = sorted({each for truth, _ in drawn for each in truth}, reverse=not ascending)
    if merged.complete_to is not None:
        hole = merged.complete_to
        everything = [each for each in everything if (each <= hole if ascending else each >= hole)]
    assert ids_of(merged) == everything


@given(truths=st.lists(sorted_ids, max_size=5), ascending=st.booleans())
def test_complete_sources_make_a_complete_merge(truths: list[list[int]], ascending: bool) -> None:
    merged = merge([source(sorted(truth, reverse=not ascending), None) for truth in truths], ascending)

    assert merged.complete_to is None
    assert ids_of(merged) == sorted({each for truth in truths for each in truth}, reverse=not ascending)
    assert all(one != other for one, other in pairwise(ids_of(merged)))


def test_an_entry_behind_another_source_s_hole_is_left_out() -> None:
    merged = merge([source([9, 7], 7), source([8, 3, 2], None)])

    assert (ids_of(merged), merged.complete_to) == ([9, 8, 7], 7)


def test_an_empty_source_may_have_a_hole_too() -> None:
    merged = merge([source([], 8), source([9, 8, 7], None)])

    assert (ids_of(merged), merged.complete_to) == ([9, 8], 8)


def test_nothing_merged_is_nothing_and_complete() -> None:
    assert merge([]) == Source([], None)


def test_behind_a_full_slice_there_may_be_more_and_behind_a_short_one_there_is_nothing() -> None:
    found = [entry(9), entry(7)]

    assert cut_source(found, 2).complete_to == 7
    assert cut_source(found, 3).complete_to is None
    assert cut_source([], 2).complete_to is None
