"""The adapters for Cassandra, as contracts open them: in one keyspace, cleaned for each new folder."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from infra.adapters.cassandra.accounts import CassandraIdempotencyKeys, CassandraUserStore
from infra.adapters.cassandra.audit import CassandraAuditSource
from infra.adapters.cassandra.driver import Driver, Options, parse
from infra.adapters.cassandra.graph import CassandraGraphStore, CassandraPolicyStore
from infra.adapters.cassandra.migrations import migrate
from infra.adapters.cassandra.notifications import CassandraNotificationStore
from infra.adapters.cassandra.projection import CassandraProgress, CassandraProjection
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.stamps import stamp_of
from infra.adapters.cassandra.tweets import CassandraTweetStore
from loaders.ports import IdempotencyKeys, UserStore
from realtime.partitions import Layout
from tests.contracts.stores import LIKES_MAX, NOTICES_KEPT, OpenKeys, OpenStores, OpenUsers, Stores

PATIENT = Options(request_timeout_s=20.0)
"""On a busy machine a contract is no test of speed."""
BY_STAMP = {
    "relations": "viewer_id",
    "followees": "follower_id",
    "followers": "followee_id, bucket",
    "follow_counts": "user_id",
    "tweets_by_id": "id",
    "entries_by_author": "key, bucket",
    "entries_by_author_buckets": "key",
    "tweets_by_hashtag": "key, bucket",
    "tweets_by_hashtag_buckets": "key",
    "replies_by_tweet": "key, bucket",
    "replies_by_tweet_buckets": "key",
    "retweets_by_tweet": "key, bucket",
    "retweets_by_tweet_buckets": "key",
    "retweets_by_user": "user_id, bucket",
    "likes_by_user": "user_id, bucket",
    "tweet_counts": "tweet_id",
    "author_counts": "author_id",
    "notice_acts": "viewer_id, kind, subject",
    "notices_by_viewer": "viewer_id, bucket",
    "notices_by_viewer_buckets": "viewer_id",
}
"""Tables that are written with stamps: a folder has an epoch of its own, and what came before it is deleted by stamp.

Emptying a table takes a hundred times as long, so that only the others are, and only if they hold anything.
"""
TO_EMPTY = (
    "handles",
    "users",
    "idempotency_keys",
    "imports",
    "follower_moves",
    "switches",
    "dead_letters",
    "notices_read",
)
DEAD_LETTERS = "SELECT consumer_group, log_offset, payload FROM dead_letters"


def keyspace_url(url: str, keyspace: str) -> str:
    """Return the URL of another keyspace of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{keyspace}"))


@dataclass
class Place:
    """The keyspace of this run of the tests, and the folder whose data it holds now."""

    driver: Driver | None = None
    folder: Path | None = None
    epochs: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    epoch: int = 0

    def use(self, request: pytest.FixtureRequest) -> None:
        """Make the keyspace, when the first test needs it."""
        if self.driver is not None:
            return
        url = keyspace_url(request.getfixturevalue("cassandra_url"), "roost_contracts")
        asyncio.run(migrate(url, 1, lambda: 0, "contracts", options=PATIENT))
        self.driver = Driver(parse(url), PATIENT)
        request.config.add_cleanup(self.driver.close)

    def session(self, folder: Path) -> CassandraSession:
        """Return a session of a folder; whoever comes with another than the last one finds nothing."""
        assert self.driver is not None
        if folder != self.folder:
            self.folder, self.epoch = folder, next(iter(self.epochs))
            self._clean()
        return CassandraSession(self.driver, PATIENT)

    def rows(self, text: str) -> list[Any]:
        """Run a statement, whatever event loop runs."""
        assert self.driver is not None
        return list(self.driver.execute(text))

    def _clean(self) -> None:
        for table, key in BY_STAMP.items():
            columns = key.split(", ")
            for row in self.rows(f"SELECT DISTINCT {key} FROM {table}"):
                where = " AND ".join(f"{column} = {value!r}" for column, value in zip(columns, row, strict=True))
                self.rows(f"DELETE FROM {table} USING TIMESTAMP {stamp_of(self.epoch, 0)} WHERE {where}")
        for table in TO_EMPTY:
            if self.rows(f"SELECT * FROM {table} LIMIT 1"):
                self.rows(f"TRUNCATE {table}")


PLACE = Place()


@asynccontextmanager
async def cassandra_users(folder: Path) -> AsyncIterator[UserStore]:
    """Open the accounts of a folder."""
    yield CassandraUserStore(PLACE.session(folder))


@asynccontextmanager
async def cassandra_keys(folder: Path, clock_ms: Callable[[], int], lifetime_ms: int) -> AsyncIterator[IdempotencyKeys]:
    """Open the keys of a folder."""
    yield CassandraIdempotencyKeys(PLACE.session(folder), clock_ms, lifetime_ms)


@asynccontextmanager
async def cassandra_stores(folder: Path) -> AsyncIterator[Stores]:
    """Open the projections of a folder."""
    session = PLACE.session(folder)
    epoch, layout = PLACE.epoch, Layout()

    def dead_letters() -> list[tuple[str, int, bytes]]:
        rows = [(group, offset, bytes(payload)) for group, offset, payload in PLACE.rows(DEAD_LETTERS)]
        return sorted(rows, key=lambda row: (row[1], row[0]))

    yield Stores(
        CassandraProjection(session, epoch, layout, lambda: 0),
        CassandraProgress(session, epoch),
        CassandraTweetStore(session, epoch, layout),
        CassandraGraphStore(session, epoch, layout),
        await CassandraPolicyStore.open(session, epoch),
        CassandraAuditSource(session),
        CassandraNotificationStore(session, epoch, NOTICES_KEPT, LIKES_MAX),
        dead_letters,
    )


USERS: dict[str, OpenUsers] = {"cassandra": cassandra_users}
KEYS: dict[str, OpenKeys] = {"cassandra": cassandra_keys}
STORES: dict[str, OpenStores] = {"cassandra": cassandra_stores}
