"""Home timelines, and lists of tweets by author, hashtag and conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from loaders.cursors import decode_cursor
from loaders.home import HomePage, read_home
from loaders.page import Page, PageInfo, PageRequest, page_of, page_request
from loaders.ports import Slice, SliceOf
from loaders.records import Delivery, Entry, TweetId, TweetView, User, UserId
from loaders.rules import may_see
from resolvers.context import Context, Info
from resolvers.guards import hashtag_name, signed_in

REFILLS_MAX = 10


class HomeEdgeView(NamedTuple):
    """An edge of the home timeline, filled in."""

    cursor: str
    delivery: Delivery
    node: TweetView
    retweeted_by: User | None


@dataclass(frozen=True, slots=True)
class HomePageView:
    """A page of the home timeline, filled in."""

    edges: Sequence[HomeEdgeView]
    page_info: PageInfo
    live_cursor: str
    complete: bool


@dataclass(frozen=True, slots=True)
class NewCount:
    """How many entries stand above a cursor, at most the cap."""

    count: int
    capped: bool


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag by its normalised name."""

    name: str


async def home(
    info: Info, first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> HomePageView:
    """Answer a page of the viewer's home timeline."""
    viewer_id, context = signed_in(info), info.context
    request = page_request(first, after, last, before, context.services.page_limits)
    page = await read_home(viewer_id, request, context.services.home, context.loaders.slices.get_many)
    return await _filled(page, context)


async def new_count(info: Info, after: str) -> NewCount:
    """Count the entries above a cursor."""
    viewer_id, context = signed_in(info), info.context
    cap = context.services.new_count_max
    request = PageRequest(cap + 1, above=decode_cursor(after))
    page = await read_home(viewer_id, request, context.services.home, context.loaders.slices.get_many)
    return NewCount(min(len(page.edges), cap), len(page.edges) > cap)


async def by_author(root: User, info: Info, first: int | None = None, after: str | None = None) -> Page[TweetView]:
    """Answer a page of an account's tweets, replies and quotes."""
    return await _listed(info.context, SliceOf.AUTHOR_TWEETS, root.id, first, after)


async def hashtag(name: str) -> Hashtag:
    """Answer a hashtag by its name; `BadUserInput` if it is none."""
    return Hashtag(hashtag_name(name))


async def of_hashtag(root: Hashtag, info: Info, first: int | None = None, after: str | None = None) -> Page[TweetView]:
    """Answer a page of a hashtag's tweets."""
    return await _listed(info.context, SliceOf.HASHTAG, root.name, first, after)


async def replies(root: TweetView, info: Info, first: int | None = None, after: str | None = None) -> Page[TweetView]:
    """Answer a page of the replies to a tweet as the conversation went: oldest first."""
    return await _listed(info.context, SliceOf.REPLIES, root.id, first, after, ascending=True)


async def _filled(page: HomePage, context: Context) -> HomePageView:
    if page.is_remembered:
        context.loaders.do_without_stores()
    context.loaders.judge_by(page.relations)
    tweets = await context.loaders.tweets.get_at_once([edge.entry.root_id for edge in page.edges])
    retweeters = [edge.entry.author_id for edge in page.edges if edge.entry.is_retweet]
    users = (
        dict(zip(retweeters, await context.loaders.users.get_at_once(retweeters), strict=True)) if retweeters else {}
    )
    edges = [
        HomeEdgeView(
            edge.cursor, edge.delivery, tweet, users.get(edge.entry.author_id) if edge.entry.is_retweet else None
        )
        for edge, tweet in zip(page.edges, tweets, strict=True)
        if tweet is not None
    ]
    return HomePageView(edges, page.page_info, page.live_cursor, page.complete)


async def _listed(
    context: Context, of: SliceOf, key: int | str, first: int | None, after: str | None, ascending: bool = False
) -> Page[TweetView]:
    request = page_request(first, after, None, None, context.services.page_limits)
    found = await _visible(context, of, key, request, ascending)
    tweets = await context.loaders.tweets.get_at_once([entry.id for entry in found])
    filled = [(entry.id, tweet) for entry, tweet in zip(found, tweets, strict=True) if tweet is not None]
    return page_of(filled, request)


async def _visible(context: Context, of: SliceOf, key: int | str, request: PageRequest, ascending: bool) -> list[Entry]:
    """Cut slices until one entry more than the page is at hand; what a block hides is left out."""
    found: list[Entry] = []
    beyond = None if request.below is None else TweetId(request.below)
    wanted = request.size + 1
    for _ in range(REFILLS_MAX):
        below, above = (None, beyond) if ascending else (beyond, None)
        entries = await context.loaders.slices.get(Slice(of, key, wanted, below, above, ascending))
        found += [entry for entry in entries if await _may_see(context, entry.author_id)]
        if len(found) > request.size or len(entries) < wanted:
            break
        beyond = entries[-1].id
    return found


async def _may_see(context: Context, author_id: UserId) -> bool:
    if context.viewer_id is None:
        return True
    return may_see(author_id, await context.services.home.graph.relations(context.viewer_id))
