"""How much of what was posted the group `store` has not taken over yet: the log must not forget it first (P5)."""

from collections.abc import Callable

from loaders.errors import Unavailable
from realtime.ports import EventLog, Projection

RETRY_AFTER_S = 10.0


class Backlog:
    """Refuses posts while the oldest event that is not applied is older than half of the log's retention.

    What was measured last counts until the next `measure`, which somebody is to call every few seconds. `stores` raises
    `Unavailable` while the stores are known not to answer: what is posted could not be shown to its author, who would
    be told of a failure and might post it twice.
    """

    def __init__(
        self,
        log: EventLog,
        projection: Projection,
        clock_ms: Callable[[], int],
        retention_ms: int,
        stores: Callable[[], None] = lambda: None,
    ) -> None:
        self._log = log
        self._projection = projection
        self._clock_ms = clock_ms
        self._retention_ms = retention_ms
        self._stores = stores
        self.age_ms = 0

    def check(self) -> None:
        """Raise `Unavailable` while the log may forget what is posted before it was applied, or no store is there."""
        self._stores()
        if 2 * self.age_ms > self._retention_ms:
            raise Unavailable(
                "The stores are too far behind the log: nothing is taken until they catch up", RETRY_AFTER_S
            )

    async def measure(self) -> None:
        """Look how old the oldest event is that is not applied, in milliseconds; 0 if there is none."""
        age_ms = 0
        ends = await self._log.end()
        for partition, applied in enumerate(await self._projection.place(len(ends))):
            if applied < ends[partition]:
                for oldest in await self._log.read(applied, 1, partition):
                    age_ms = max(age_ms, self._clock_ms() - oldest.appended_at_ms)
        self.age_ms = age_ms
