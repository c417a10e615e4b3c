"""Which accounts came or changed lately, minute by minute, for whoever keeps something that is made of accounts."""

from collections.abc import Callable, Sequence

from infra.adapters.cassandra.session import CassandraSession
from loaders.records import UserId

MINUTE_MS = 60_000
KEPT_FOR_S = 7 * 86_400
MINUTES_AT_ONCE = 500
NOTE = "INSERT INTO account_changes (minute, at_ms, user_id) VALUES (?, ?, ?) USING TTL ?"
CHANGED = "SELECT at_ms, user_id FROM account_changes WHERE minute = ? AND at_ms >= ?"


class CassandraAccountChanges:
    """The changes of one keyspace. They are kept for a week."""

    def __init__(self, session: CassandraSession, clock_ms: Callable[[], int]) -> None:
        self._session = session
        self._clock_ms = clock_ms

    async def note(self, ids: Sequence[UserId]) -> None:
        """Note that these accounts have changed."""
        at_ms = self._clock_ms()
        rows = [[(NOTE, (at_ms // MINUTE_MS, at_ms, user_id, KEPT_FOR_S))] for user_id in ids]
        await self._session.write_many(rows)

    async def since(self, at_ms: int) -> tuple[Sequence[UserId], int, bool]:
        """Answer accounts that changed from a time on, up to when, and whether there may be more after that.

        Clocks differ, and a change is noted a moment after its time: ask again from a little before.
        """
        now_ms = self._clock_ms()
        first, last = max(at_ms, now_ms - KEPT_FOR_S * 1_000) // MINUTE_MS, now_ms // MINUTE_MS
        minutes = range(first, min(last, first + MINUTES_AT_ONCE) + 1)
        found = await self._session.many(CHANGED, [(minute, at_ms) for minute in minutes])
        ids = dict.fromkeys(UserId(row[1]) for rows in found for row in rows)
        return list(ids), min(now_ms, minutes.stop * MINUTE_MS), minutes[-1] < last
