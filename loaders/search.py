"""Searching: what the index finds, judged by the state of now and paged, newest first or by relevance."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from loaders.cursors import FOUND, FOUND_USER, RANKED, decode_cursor, decode_numbers, encode_cursor, encode_numbers
from loaders.errors import BadUserInput
from loaders.ids import ID_MAX, MILLISECONDS_MAX, TIME_SHIFT, milliseconds_of
from loaders.page import PageEdge
from loaders.ports import Found, FoundUser, GraphStore, SearchIndex, TweetStore, UserStore
from loaders.ranking import HOUR_MS, Statistics, relevance, statistics
from loaders.records import UserId
from loaders.rules import may_see
from loaders.search_query import Node, QueryLimits, SearchQuery, authors_of, parse, phrases_of, with_authors
from loaders.words import Phrase, words_of

READ_MAX = 800
"""Most matches that are read at once: each time twice as many, while most of them are hidden."""
SCORED_PER_TURN = 100
"""After so many tweets scored, other work gets its turn: about a millisecond."""
SCORE_SCALE = 1 << 30
"""Scores travel in cursors as whole numbers."""


class SearchOrder(Enum):
    """How tweets that were found are ordered."""

    NEWEST = "newest"
    RELEVANCE = "relevance"


class FoundPage(NamedTuple):
    """A page of what was found: ids and their cursors. `ended_at` is where the search stopped, if before the end.

    `complete` is False where the index lacks something, or the search for visible matches was given up early.
    """

    ids: Sequence[PageEdge[int]]
    has_next_page: bool
    ended_at: str | None
    complete: bool


@dataclass(frozen=True, slots=True)
class SearchStores:
    """What searching needs: the index, the stores that judge what it finds, and the limits."""

    index: SearchIndex
    tweets: TweetStore
    users: UserStore
    graph: GraphStore
    query: QueryLimits = QueryLimits()  # noqa: RUF009 - it is frozen
    rounds_max: int = 10
    ranked_max: int = 500
    half_life_ms: int = 72 * HOUR_MS


class _Window(NamedTuple):
    """The tweets that are ranked together: those from `lowest` to `highest`, and what was counted over them."""

    highest: int
    lowest: int
    counted: Statistics


class _Span(NamedTuple):
    """The ids of the time that a query asks for: `lowest` <= id < `below`."""

    below: int
    lowest: int


Judge = Callable[[Sequence[Found]], Awaitable[Sequence[Found]]]
"""Leaves out what the viewer may not see."""


async def search_tweets(
    viewer_id: UserId | None, text: str, order: SearchOrder, size: int, after: str | None, stores: SearchStores
) -> FoundPage:
    """Answer a page of the tweets that a query finds; `SearchQueryError` for a query that is none."""
    query = parse(text, stores.query)
    root = await _resolved(query.root, stores.users)
    relations = None if viewer_id is None else await stores.graph.relations(viewer_id)

    async def judge(found: Sequence[Found]) -> Sequence[Found]:
        shown = [each for each in found if relations is None or each.author_id not in relations.hidden]
        entries = await stores.tweets.entries([each.id for each in shown])
        return [each for each, entry in zip(shown, entries, strict=True) if entry and entry.gone_at is None]

    if order is SearchOrder.NEWEST:
        return await _newest(root, _span(query), size, after, judge, stores)
    return await _ranked(root, _span(query), size, after, judge, stores)


async def search_users(
    viewer_id: UserId | None, text: str, size: int, after: str | None, stores: SearchStores
) -> FoundPage:
    """Answer a page of accounts, most followed first, whose handle and names begin with the words of a text."""
    prefixes = list(dict.fromkeys(words_of(text[: stores.query.length])))[: stores.query.terms]
    if not prefixes:
        raise BadUserInput("Say whom to look for: the beginning of a handle or a name")
    below = None
    if after is not None:
        followers, user_id = _numbers(after, FOUND_USER, 2)
        below = FoundUser(UserId(user_id), followers)
    relations = None if viewer_id is None else await stores.graph.relations(viewer_id)
    shown: list[FoundUser] = []
    has_more, limit = True, size + 1
    for _ in range(stores.rounds_max):
        found = await stores.index.users(prefixes, below, limit)
        shown += [each for each in found if relations is None or may_see(each.id, relations)]
        has_more = len(found) == limit
        if not has_more or len(shown) > size:
            break
        below, limit = found[-1], min(2 * limit, READ_MAX)
    edges = [PageEdge(int(each.id), _of_user(each)) for each in shown[:size]]
    was_given_up = has_more and len(shown) <= size
    ended_at = _of_user(below) if was_given_up and below is not None else None
    return FoundPage(edges, len(shown) > size or was_given_up, ended_at, stores.index.is_complete and not was_given_up)


async def _newest(
    root: Node, span: _Span, size: int, after: str | None, judge: Judge, stores: SearchStores
) -> FoundPage:
    below = span.below if after is None else min(span.below, decode_cursor(after, FOUND))
    shown: list[Found] = []
    has_more, limit = True, size + 1
    for _ in range(stores.rounds_max):
        found = await stores.index.newest(root, below, span.lowest, limit)
        shown += await judge(found)
        has_more = len(found) == limit
        if not has_more or len(shown) > size:
            break
        below, limit = found[-1].id, min(2 * limit, READ_MAX)
    edges = [PageEdge(int(each.id), encode_cursor(each.id, FOUND)) for each in shown[:size]]
    was_given_up = has_more and len(shown) <= size
    ended_at = encode_cursor(below, FOUND) if was_given_up else None
    return FoundPage(edges, len(shown) > size or was_given_up, ended_at, stores.index.is_complete and not was_given_up)


async def _ranked(
    root: Node, span: _Span, size: int, after: str | None, judge: Judge, stores: SearchStores
) -> FoundPage:
    """Rank the newest matches, and when these are used up those before them, window by window."""
    phrases = list(dict.fromkeys(phrases_of(root)))
    below, window, place = span.below, None, None
    if after is not None:
        window, place = _decoded(after, len(phrases))
    shown: list[PageEdge[int]] = []
    has_more = True
    for _ in range(stores.rounds_max):
        if window is None:
            found = await stores.index.newest(root, below, span.lowest, stores.ranked_max, with_words=True)
            if not found:
                has_more = False
                break
            window = _window(phrases, found, span.lowest, stores.ranked_max)
        else:
            # What came into it late has its place there as well.
            most = 2 * stores.ranked_max
            found = await stores.index.newest(root, window.highest + 1, window.lowest, most, with_words=True)
        scored = await _scored(phrases, found, window, stores.half_life_ms)
        rest = [each for each in scored if place is None or each[:2] < place]
        for start in range(0, len(rest), size + 1):
            part = rest[start : start + size + 1]
            seen = {each.id for each in await judge([each for _, _, each in part])}
            shown += [PageEdge(each, _encoded(window, score, each)) for score, each, _ in part if each in seen]
            if len(shown) > size:
                break
        has_more = window.lowest > span.lowest
        if len(shown) > size or not has_more:
            break
        below, ended, window, place = window.lowest, window, None, None
    was_given_up = has_more and len(shown) <= size
    ended_at = _encoded(ended, 0, 0) if was_given_up else None
    return FoundPage(
        shown[:size], has_more or len(shown) > size, ended_at, stores.index.is_complete and not was_given_up
    )


async def _scored(
    phrases: Sequence[Phrase], found: Sequence[Found], window: _Window, half_life_ms: int
) -> list[tuple[int, int, Found]]:
    """Return matches by falling score, of equal ones the newest first; scores are whole, as cursors have them."""
    scored = []
    newest_ms = milliseconds_of(window.highest)
    for number, each in enumerate(found, 1):
        age_ms = newest_ms - milliseconds_of(each.id)
        score = relevance(phrases, each.words, window.counted, age_ms, half_life_ms)
        scored.append((int(score * SCORE_SCALE), int(each.id), each))
        if number % SCORED_PER_TURN == 0:
            await asyncio.sleep(0)
    scored.sort(reverse=True)
    return scored


def _window(phrases: Sequence[Phrase], found: Sequence[Found], lowest: int, ranked_max: int) -> _Window:
    bottom = found[-1].id if len(found) == ranked_max else lowest
    return _Window(found[0].id, bottom, statistics(phrases, [each.words for each in found]))


async def _resolved(root: Node, users: UserStore) -> Node:
    handles = list(dict.fromkeys(authors_of(root)))
    if not handles:
        return root
    known = await users.by_handles(handles)
    return with_authors(root, {handle: user.id for handle, user in known.items()})


def _span(query: SearchQuery) -> _Span:
    """Return the ids of the days that a query asks for."""
    below = ID_MAX if query.until_ms is None else _first_id(query.until_ms)
    return _Span(below, 0 if query.since_ms is None else _first_id(query.since_ms))


def _first_id(at_ms: int) -> int:
    return min(max(0, at_ms), MILLISECONDS_MAX) << TIME_SHIFT


def _of_user(user: FoundUser) -> str:
    return encode_numbers(FOUND_USER, (user.followers, user.id))


def _encoded(window: _Window, score: int, tweet_id: int) -> str:
    counted = window.counted
    return encode_numbers(
        RANKED, (window.highest, window.lowest, counted.tweets, counted.words, score, tweet_id, *counted.holding)
    )


def _decoded(text: str, phrases: int) -> tuple[_Window, tuple[int, int]]:
    highest, lowest, tweets, words, score, tweet_id, *holding = _numbers(text, RANKED, 6 + phrases)
    if any(each > tweets for each in holding):
        raise BadUserInput("Malformed cursor")
    return _Window(highest, lowest, Statistics(tweets, words, tuple(holding))), (score, tweet_id)


def _numbers(text: str, kind: bytes, count: int) -> list[int]:
    numbers = decode_numbers(text, kind)
    if len(numbers) != count:
        raise BadUserInput("This cursor belongs to another search")
    return numbers
