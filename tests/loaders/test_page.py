"""What a client may ask of a list, and what it hears of what lies beyond its page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.cursors import EDGE, decode_cursor, encode_cursor
from loaders.errors import BadUserInput
from loaders.page import Page, PageLimits, PageRequest, page_of, page_request

LIMITS = PageLimits(default=20, maximum=100)
Bounds = tuple[int | None, str | None, int | None, str | None]


def asked(
    first: int | None = None, after: int | None = None, last: int | None = None, before: int | None = None
) -> PageRequest:
    cursors = [None if number is None else encode_cursor(number) for number in (after, before)]
    return page_request(first, cursors[0], last, cursors[1], LIMITS)


def test_who_asks_for_nothing_in_particular_gets_the_newest() -> None:
    assert asked() == PageRequest(20)


def test_the_arguments_of_relay_become_a_size_a_direction_and_bounds() -> None:
    assert asked(first=5) == PageRequest(5)
    assert asked(first=5, after=70) == PageRequest(5, below=70)
    assert asked(last=5, before=30) == PageRequest(5, above=30, backward=True)
    assert asked(last=5) == PageRequest(5, backward=True)
    assert asked(first=5, after=70, before=30) == PageRequest(5, below=70, above=30)
    assert asked(after=70) == PageRequest(20, below=70)


@pytest.mark.parametrize("size", [1, 99, 100])
def test_a_size_within_its_bounds_is_taken(size: int) -> None:
    assert asked(first=size).size == asked(last=size).size == size


@pytest.mark.parametrize("size", [0, -1, 101, 2**31])
@pytest.mark.parametrize("name", ["first", "last"])
def test_a_size_out_of_its_bounds_is_refused_by_name(name: str, size: int) -> None:
    with pytest.raises(BadUserInput, match=f"{name} must be between 1 and 100"):
        asked(**{name: size})


def test_first_and_last_cannot_both_be_given() -> None:
    with pytest.raises(BadUserInput, match="not both"):
        asked(first=5, last=5)


@pytest.mark.parametrize("bounds", [(None, "nonsense", None, None), (None, None, 5, "nonsense"), (5, "", None, None)])
def test_a_cursor_that_was_never_given_is_refused(bounds: Bounds) -> None:
    with pytest.raises(BadUserInput):
        page_request(*bounds, LIMITS)


def test_a_cursor_of_another_kind_of_list_is_refused() -> None:
    with pytest.raises(BadUserInput, match="another list"):
        page_request(None, encode_cursor(5), None, None, LIMITS, EDGE)


def walk(ids: list[int], size: int, backward: bool) -> tuple[list[list[str]], list[Page[str]]]:
    """Page through a list of ids from one end to the other."""
    pages: list[Page[str]] = []
    request = PageRequest(size, backward=backward)
    while True:
        inside = sorted(
            (each for each in ids if each > (request.above or 0) and each < (request.below or 10**9)),
            reverse=not backward,
        )
        pages.append(page_of([(each, str(each)) for each in inside[: size + 1]], request))
        info = pages[-1].page_info
        if not (info.has_previous_page if backward else info.has_next_page):
            return [[edge.node for edge in page.edges] for page in pages], pages
        edge = info.start_cursor if backward else info.end_cursor
        assert edge is not None
        place = decode_cursor(edge)
        request = PageRequest(size, above=place, backward=True) if backward else PageRequest(size, below=place)


@given(ids=st.lists(st.integers(1, 500), unique=True, max_size=40), size=st.integers(1, 10), backward=st.booleans())
def test_pages_in_either_direction_hold_everything_once_and_newest_first(
    ids: list[int], size: int, backward: bool
) -> None:
    nodes, pages = walk(ids, size, backward)

    in_order = [node for page in (reversed(nodes) if backward else nodes) for node in page]
    assert in_order == [str(each) for each in sorted(ids, reverse=True)]
    assert all(len(page) == size for page in nodes[:-1])
    behind = [page.page_info.has_next_page if backward else page.page_info.has_previous_page for page in pages]
    assert behind == [False] + [True] * (len(pages) - 1)


def test_a_page_names_its_first_and_last_place_and_an_empty_one_none() -> None:
    page = page_of([(9, "i"), (7, "g"), (5, "e")], PageRequest(2), EDGE)

    assert [edge.cursor for edge in page.edges] == [encode_cursor(9, EDGE), encode_cursor(7, EDGE)]
    assert (page.page_info.start_cursor, page.page_info.end_cursor) == (page.edges[0].cursor, page.edges[1].cursor)
    empty = page_of([], PageRequest(2)).page_info
    assert (empty.has_next_page, empty.has_previous_page, empty.start_cursor, empty.end_cursor) == (
        False,
        False,
        None,
        None,
    )
