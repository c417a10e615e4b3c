"""What contracts need before an adapter is opened: its server, started when a test for it comes first."""

import pytest

from tests.contracts import cassandra_adapters, opensearch_adapters
from tests.servers import cassandra_url, opensearch_url

__all__ = ["cassandra_url", "opensearch_url"]


@pytest.fixture(autouse=True)
def cassandra_place(request: pytest.FixtureRequest) -> None:
    """Make ready what the adapters for Cassandra open, for the tests that run on them."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and "cassandra" in callspec.params.values():
        cassandra_adapters.PLACE.use(request)


@pytest.fixture(autouse=True)
def opensearch_place(request: pytest.FixtureRequest) -> None:
    """The same for OpenSearch."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is not None and "opensearch" in callspec.params.values():
        opensearch_adapters.PLACE.use(request)
