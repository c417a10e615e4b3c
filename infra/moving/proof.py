"""Proof that a copy is whole: counts and digests of every kind, of the folder and of the cluster's own rows."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import orjson

from infra.adapters.cassandra.notifications import KINDS
from infra.adapters.cassandra.relation_changes import Kind as RelationKind
from infra.adapters.cassandra.session import CassandraSession
from infra.moving import folder as rows_of
from infra.moving.folder import Folder, Kind, Row

DIGEST_BYTES = 8
MODULUS = 1 << (8 * DIGEST_BYTES)
# As in the folder's rows, and what tells of which kind a row is.
ACCOUNTS = "SELECT id, handle, display_name, bio, profile_version, created_at_ms, password_hash, avatar FROM users"
HANDLES = "SELECT user_id, handle_key FROM handles"
TWEETS = (
    "SELECT id, author_id, text, created_at_ms, in_reply_to_id, reply_author_id, quoted_id, lang, root_id,"
    " root_author_id, media, gone FROM tweets_by_id"
)
RELATIONS = "SELECT kind, viewer_id, other_id, edge_id, standing FROM relations"
LIKES = "SELECT user_id, tweet_id, standing FROM likes_by_user"
KEYS = "SELECT viewer_id, key, tweet_id, input_hash FROM idempotency_keys"
IMPORTS = "SELECT key, tweet_id FROM imports"
NOTICES = "SELECT viewer_id, kind, subject, actor_id, tweet_id, place, standing FROM notices_by_viewer"
READ = "SELECT viewer_id, place FROM notices_read"
TWEET_COUNTS = "SELECT tweet_id, likes, retweets, replies, quotes FROM tweet_counts"
FOLLOW_COUNTS = "SELECT user_id, followers, following FROM follow_counts"
AUTHOR_COUNTS = "SELECT author_id, tweets FROM author_counts"
HANDLE_NAMES = "handles"
TWEET_KINDS = (rows_of.POSTED, rows_of.RETWEETS, rows_of.GONE)
PLAIN_KINDS = (
    rows_of.ENDED,
    rows_of.FOLLOWS,
    rows_of.MUTES,
    rows_of.BLOCKS,
    rows_of.LIKES,
    rows_of.KEYS,
    rows_of.IMPORTS,
    rows_of.NOTICES,
    rows_of.READ,
)
AS_THEY_ARE = {rows_of.ACCOUNTS: ACCOUNTS, rows_of.IMPORTS: IMPORTS, rows_of.READ: READ}
COUNT_KINDS = {
    rows_of.TWEET_COUNTS: TWEET_COUNTS,
    rows_of.FOLLOW_COUNTS: FOLLOW_COUNTS,
    rows_of.AUTHOR_COUNTS: AUTHOR_COUNTS,
}


@dataclass(slots=True)
class Sum:
    """Rows in any order: how many, and the sum of their digests."""

    count: int = 0
    digest: int = 0

    def add(self, row: Sequence[object]) -> None:
        """Take a row in."""
        hashed = hashlib.blake2b(orjson.dumps(row), digest_size=DIGEST_BYTES).digest()
        self.count += 1
        self.digest = (self.digest + int.from_bytes(hashed, "big")) % MODULUS


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind in the folder and in the cluster."""

    name: str
    here: Sum
    there: Sum

    @property
    def is_same(self) -> bool:
        """Whether the same rows are in both."""
        return self.here == self.there


@dataclass(slots=True)
class _Sums:
    by_kind: dict[str, Sum] = field(default_factory=dict)

    def add(self, kind: str, row: Sequence[object]) -> None:
        self.by_kind.setdefault(kind, Sum()).add(row)

    def add_counts(self, kind: Kind, row: Row) -> None:
        # A row that counts nothing says the same as no row.
        if any(row[1:]):
            self.add(kind.name, row)


async def compare(folder: Folder, session: CassandraSession) -> Sequence[Compared]:
    """Read everything on both sides, and answer kind by kind what there is."""
    here, there = _of_folder(folder), await _of_cluster(session)
    names = list(dict.fromkeys([*here.by_kind, *there.by_kind]))
    return [Compared(name, here.by_kind.get(name, Sum()), there.by_kind.get(name, Sum())) for name in names]


def _of_folder(folder: Folder) -> _Sums:
    sums = _Sums()
    for kind in (*TWEET_KINDS, rows_of.ACCOUNTS, *PLAIN_KINDS, *COUNT_KINDS):
        for page in folder.pages(kind):
            for row in page:
                if kind in COUNT_KINDS:
                    sums.add_counts(kind, row)
                else:
                    sums.add(kind.name, row[:11] if kind in TWEET_KINDS else row)
                if kind is rows_of.ACCOUNTS:
                    sums.add(HANDLE_NAMES, (row[0], str(row[1]).lower()))
    return sums


async def _of_cluster(session: CassandraSession) -> _Sums:
    sums = _Sums()
    for kind, text in AS_THEY_ARE.items():
        async for row in _rows(session, text):
            sums.add(kind.name, row)
    async for row in _rows(session, HANDLES):
        sums.add(HANDLE_NAMES, row)
    async for *tweet, gone in _rows(session, TWEETS):
        of = rows_of.GONE if gone is not None else rows_of.POSTED if tweet[8] is None else rows_of.RETWEETS
        sums.add(of.name, tweet)
    async for number, viewer_id, other_id, edge_id, standing in _rows(session, RELATIONS):
        pair = (viewer_id, other_id)
        if number == RelationKind.FOLLOWS:
            sums.add(*((rows_of.FOLLOWS.name, (*pair, edge_id)) if standing else (rows_of.ENDED.name, pair)))
        elif standing and number in {RelationKind.MUTES, RelationKind.BLOCKS}:
            sums.add((rows_of.MUTES if number == RelationKind.MUTES else rows_of.BLOCKS).name, pair)
    async for user_id, tweet_id, standing in _rows(session, LIKES):
        if standing:
            sums.add(rows_of.LIKES.name, (user_id, tweet_id))
    async for viewer_id, key, tweet_id, input_hash in _rows(session, KEYS):
        sums.add(rows_of.KEYS.name, (viewer_id, key, tweet_id, bytes(input_hash).hex()))
    async for viewer_id, number, subject, actor_id, tweet_id, place, standing in _rows(session, NOTICES):
        if standing:
            sums.add(rows_of.NOTICES.name, (viewer_id, KINDS[number].value, subject, actor_id, tweet_id or None, place))
    for kind, text in COUNT_KINDS.items():
        for total in await _totals(session, text):
            sums.add_counts(kind, total)
    return sums


async def _rows(session: CassandraSession, text: str) -> AsyncIterator[Row]:
    async for page in session.pages(text):
        for row in page:
            yield tuple(row)


async def _totals(session: CassandraSession, text: str) -> list[Row]:
    """Sum up the rows of each id over the log's partitions: they follow one another."""
    rows: list[Any] = [row async for row in _rows(session, text)]
    return [
        (key, *(sum(column) for column in zip(*(row[1:] for row in of_key), strict=True)))
        for key, of_key in groupby(rows, lambda row: row[0])
    ]
