"""What trends, now and as it moves."""

from collections.abc import AsyncGenerator, Sequence

from loaders.page import page_request
from loaders.trends import Trend
from realtime.trend_stream import trend_updates
from resolvers.context import Info

SHOWN = 10


async def trends(info: Info, first: int = SHOWN) -> Sequence[Trend]:
    """Answer the strongest trends."""
    size = page_request(first, None, None, None, info.context.services.page_limits).size
    return (await info.context.services.trends.newest()).trends[:size]


async def updated(info: Info, first: int = SHOWN) -> AsyncGenerator[Sequence[Trend], None]:
    """Stream the strongest trends: as they are, then whenever a minute has changed them."""
    size = page_request(first, None, None, None, info.context.services.page_limits).size
    async for found in trend_updates(info.context.services.trends, size):
        yield found
