"""SearchIndex where there is none: a clear answer instead of an empty one."""

from collections.abc import Sequence

from loaders.errors import NotConfigured
from loaders.ports import Found, FoundUser, SearchIndex
from loaders.search_query import Node


class NoSearchIndex:
    """Refuses every search with `NotConfigured`."""

    @property
    def is_complete(self) -> bool:
        """See `SearchIndex`."""
        return False

    async def newest(
        self, root: Node, below: int, lowest: int, limit: int, with_words: bool = False
    ) -> Sequence[Found]:
        """See `SearchIndex`."""
        del root, below, lowest, limit, with_words
        raise _refusal()

    async def users(self, prefixes: Sequence[str], below: FoundUser | None, limit: int) -> Sequence[FoundUser]:
        """See `SearchIndex`."""
        del prefixes, below, limit
        raise _refusal()


def _refusal() -> NotConfigured:
    return NotConfigured("This cluster has no search index: ROOST_SEARCH_URL names an OpenSearch")


_: type[SearchIndex] = NoSearchIndex
