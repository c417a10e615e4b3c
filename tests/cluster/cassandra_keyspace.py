"""A keyspace for the tests of what only Cassandra has. Each test takes names, ids and epochs of its own in it."""

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from infra.adapters.cassandra.driver import Driver, parse
from infra.adapters.cassandra.migrations import migrate
from infra.adapters.cassandra.session import CassandraSession
from tests.contracts.cassandra_adapters import PATIENT, keyspace_url
from tests.servers import cassandra_url

__all__ = ["cassandra_url", "driver", "session"]

numbers = itertools.count(1)
KEPT = pytest.StashKey[Driver]()


@pytest.fixture(scope="session")
def driver(cassandra_url: str, request: pytest.FixtureRequest) -> Iterator[Driver]:
    """A connection to the keyspace, one for all modules that import this."""
    config = request.config
    if KEPT not in config.stash:
        url = keyspace_url(cassandra_url, "roost_cluster")
        asyncio.run(migrate(url, 1, lambda: 0, "cluster tests", options=PATIENT))
        config.stash[KEPT] = Driver(parse(url), PATIENT)
        config.add_cleanup(config.stash[KEPT].close)
    yield config.stash[KEPT]


@pytest.fixture
async def session(driver: Driver) -> CassandraSession:
    """A session on the test's own event loop."""
    return CassandraSession(driver, PATIENT)


def own_number() -> int:
    """Return a number that no other test has: for epochs and for names."""
    return next(numbers)
