"""What tests are handed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cluster.worlds import new_site, open_cluster_world
from tests.no_skips import NoSkips
from tests.servers import cassandra_url, kafka_url, opensearch_url, redis_cluster_url, redis_url, s3_url
from tests.world import World, open_world

__all__ = ["cassandra_url", "kafka_url", "opensearch_url", "redis_cluster_url", "redis_url", "s3_url"]
CLUSTERED = (
    "test_audit",
    "test_counts",
    "test_explain",
    "test_home_hybrid",
    "test_home_paging",
    "test_home_rules",
    "test_idempotency",
    "test_live_home",
    "test_live_resume",
    "test_live_topics",
    "test_lists",
    "test_posting",
    "test_relations",
)
"""The flows that are told on the real servers as well; a test that looks behind the ports is marked `embedded`."""


def pytest_configure(config: pytest.Config) -> None:
    """Let nothing skip unseen."""
    config.pluginmanager.register(NoSkips())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tell the same stories twice: on one machine, and on a cluster."""
    if "world" not in metafunc.fixturenames or metafunc.module.__name__ not in {f"tests.flows.{n}" for n in CLUSTERED}:
        return
    if metafunc.definition.get_closest_marker("embedded") is None:
        params = ["embedded", pytest.param("cluster", marks=pytest.mark.cluster)]
        metafunc.parametrize("world", params, indirect=True)


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh world with a push limit of a few followers."""
    async with AsyncExitStack() as stack:
        if getattr(request, "param", "embedded") == "cluster":
            site = await stack.enter_async_context(new_site(request, tmp_path))
            yield await stack.enter_async_context(open_cluster_world(site))
        else:
            yield await stack.enter_async_context(open_world(tmp_path))
