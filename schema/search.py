"""What a search finds."""

from typing import Annotated

import strawberry

from schema.node import PageInfo
from schema.tweet import Tweet
from schema.user import User

SearchResult = Annotated[Tweet | User, strawberry.union("SearchResult", description="What a search finds.")]


@strawberry.type(description="A tweet or an account that was found.")
class SearchEdge:
    """A find."""

    cursor: str = strawberry.field(description="Stands for this place in the search, whatever is posted meanwhile.")
    node: SearchResult


@strawberry.type(description="What a search found: tweets in the order asked for, accounts by their followers.")
class SearchConnection:
    """A page of finds."""

    edges: list[SearchEdge]
    page_info: PageInfo
    complete: bool = strawberry.field(
        description="False while the index is being made, or is far behind; and where the search for what the viewer"
        " may see stopped early: go on from endCursor."
    )
