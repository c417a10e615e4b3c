"""TrendStore where nobody counts: a clear answer instead of an empty one."""

from loaders.errors import NotConfigured
from loaders.ports import TrendStore
from loaders.trends import Ranking


class NoTrendStore:
    """Refuses every call with `NotConfigured`."""

    async def newest(self) -> Ranking:
        """See `TrendStore`."""
        raise _refusal()

    async def after(self, until_ms: int) -> Ranking:
        """See `TrendStore`."""
        del until_ms
        raise _refusal()


def _refusal() -> NotConfigured:
    return NotConfigured("This cluster counts no trends: ROOST_TRENDS_URL names no Flink")


_: type[TrendStore] = NoTrendStore
