"""AuditSource on Cassandra and ScyllaDB: the rules of the home timeline once more, on the rows themselves.

The lists by author are asked for ids alone; what an entry is, and whether it stands, is told by its own row.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from infra.adapters.cassandra.listings import mark_bucket
from infra.adapters.cassandra.reading import by_ids
from infra.adapters.cassandra.relation_changes import Kind
from infra.adapters.cassandra.session import CassandraSession
from loaders.records import TweetId
from realtime.ports import AuditSource

RELATIONS = "SELECT kind, other_id, standing FROM relations WHERE viewer_id = ?"
MONTHS = "SELECT key, bucket FROM entries_by_author_buckets WHERE key {}"
IDS = "SELECT id FROM entries_by_author WHERE key = ? AND bucket = ? AND id > ?"
AUTHORS_AT_ONCE = 50
IDS_AT_ONCE = 500


class Row(NamedTuple):
    """What decides whether an entry is seen."""

    id: int
    author_id: int
    root_id: int | None
    root_author_id: int | None
    reply_author_id: int | None
    gone: int | None


ROWS = f"SELECT {', '.join(Row._fields)} FROM tweets_by_id WHERE id {{}}"
KNOWN = "SELECT id FROM tweets_by_id WHERE id {}"
RETWEET = "SELECT entry_id FROM retweets_by_user WHERE user_id = ? AND bucket = ? AND root_id = ?"


class CassandraAuditSource:
    """Reads one keyspace past every cache.

    It goes back month by month, `AUTHORS_AT_ONCE` authors at a time, and stops at the month that fills the answer.
    """

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def timeline(self, viewer_id: int, limit: int) -> Sequence[tuple[int, int]]:
        """See `AuditSource`."""
        sources, hidden = {viewer_id}, set()
        for kind, other_id, standing in await self._session.rows(RELATIONS, viewer_id):
            if standing and kind == Kind.FOLLOWS:
                sources.add(other_id)
            elif standing and kind in {Kind.MUTES, Kind.BLOCKS, Kind.BLOCKED_BY}:
                hidden.add(other_id)
        months = await self._months(sorted(sources - hidden))
        newest: list[tuple[int, int]] = []
        for month in sorted(months, reverse=True):
            authors = months[month]
            for start in range(0, len(authors), AUTHORS_AT_ONCE):
                above = newest[-1][0] if len(newest) >= limit else -1
                ids = await self._ids(authors[start : start + AUTHORS_AT_ONCE], month, above)
                newest = sorted([*newest, *await self._seen(ids, limit, sources, hidden)], reverse=True)[:limit]
            if len(newest) >= limit:
                break
        return newest

    async def unknown(self, posted: Sequence[tuple[int, int, int | None]]) -> Sequence[int]:
        """See `AuditSource`."""
        known = {row[0] for rows in await self._by_ids(KNOWN, [each[0] for each in posted]) for row in rows}
        lacking = [each for each in posted if each[0] not in known]
        shared = [(entry_id, author_id, root_id) for entry_id, author_id, root_id in lacking if root_id is not None]
        pairs = [(author_id, mark_bucket(TweetId(root_id)), root_id) for _, author_id, root_id in shared]
        answers = await self._session.many(RETWEET, pairs)
        # A second retweet of the same tweet is refused; the row that names another is the reason.
        refused = {
            entry_id
            for (entry_id, _, _), rows in zip(shared, answers, strict=True)
            if any(row[0] != entry_id for row in rows)
        }
        return [entry_id for entry_id, _, _ in lacking if entry_id not in refused]

    async def _months(self, authors: Sequence[int]) -> Mapping[int, list[int]]:
        months: defaultdict[int, list[int]] = defaultdict(list)
        for rows in await self._by_ids(MONTHS, authors):
            for author_id, month in rows:
                months[month].append(author_id)
        return months

    async def _ids(self, authors: Sequence[int], month: int, above: int) -> list[int]:
        answers = await self._session.many(IDS, [(author_id, month, above) for author_id in authors])
        return sorted((row[0] for rows in answers for row in rows), reverse=True)

    async def _seen(
        self, ids: Sequence[int], limit: int, sources: Collection[int], hidden: Collection[int]
    ) -> list[tuple[int, int]]:
        """Return the newest `limit` that the viewer sees, with what they show."""
        found: list[tuple[int, int]] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            if len(found) >= limit:
                break
            rows = await self._rows(ids[start : start + IDS_AT_ONCE])
            roots = {row.id: row for row in await self._rows([row.root_id for row in rows if row.root_id is not None])}
            for row in rows:
                root = row if row.root_id is None else roots.get(row.root_id)
                if root is None or row.gone is not None or root.gone is not None:
                    continue
                if row.author_id in sources and row.author_id not in hidden and _may_show(row, sources, hidden):
                    found.append((row.id, root.id))
        return found

    async def _rows(self, ids: Sequence[int]) -> list[Row]:
        found = [Row._make(row) for rows in await self._by_ids(ROWS, ids) for row in rows]
        return sorted(found, reverse=True)

    async def _by_ids(self, text: str, ids: Sequence[int]) -> list[list[tuple[int, ...]]]:
        return await self._session.reads(by_ids(text, sorted(set(ids))))


def _may_show(row: Row, sources: Collection[int], hidden: Collection[int]) -> bool:
    if row.root_id is not None:
        return row.root_author_id not in hidden
    return row.reply_author_id is None or row.reply_author_id in sources


_: type[AuditSource] = CassandraAuditSource
