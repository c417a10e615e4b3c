"""Searching tweets and accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from loaders.page import PageEdge, PageInfo, page_request
from loaders.records import TweetId, TweetView, User, UserId
from loaders.search import FoundPage, SearchOrder, search_tweets, search_users
from resolvers.context import Info
from resolvers.guards import clean


class SearchType(Enum):
    """What is searched for."""

    TWEETS = "tweets"
    USERS = "users"


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of what was found, filled in."""

    edges: Sequence[PageEdge[TweetView | User]]
    page_info: PageInfo
    complete: bool


async def search(
    info: Info,
    query: str,
    type: SearchType = SearchType.TWEETS,  # noqa: A002 - clients call it so
    first: int | None = None,
    after: str | None = None,
    order: SearchOrder = SearchOrder.NEWEST,
) -> SearchPage:
    """Answer a page of the tweets, or accounts, that a query finds and the viewer may see."""
    context, text = info.context, clean(query, "query")
    size = page_request(first, None, None, None, context.services.page_limits).size
    if type is SearchType.USERS:
        found = await search_users(context.viewer_id, text, size, after, context.services.search)
        users = await context.loaders.users.get_at_once([UserId(edge.node) for edge in found.ids])
        return _page(found, users, after)
    found = await search_tweets(context.viewer_id, text, order, size, after, context.services.search)
    tweets = await context.loaders.tweets.get_at_once([TweetId(edge.node) for edge in found.ids])
    return _page(found, tweets, after)


def _page(found: FoundPage, nodes: Sequence[TweetView | User | None], after: str | None) -> SearchPage:
    edges = [PageEdge(node, edge.cursor) for edge, node in zip(found.ids, nodes, strict=True) if node is not None]
    info = PageInfo(
        has_next_page=found.has_next_page,
        has_previous_page=after is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=found.ended_at or (found.ids[-1].cursor if found.ids else None),
    )
    return SearchPage(edges, info, found.complete)
