"""The same property on the real servers, with several partitions: the home timeline equals the naive one."""

import os
from contextlib import AsyncExitStack
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cluster.stepped import ClusterStepped
from tests.cluster.worlds import new_site
from tests.properties.test_hybrid_equals_naive import Hybrid
from tests.stepped import Stepped

EXAMPLES = int(os.environ.get("TEST_CLUSTER_EXAMPLES", "6"))
STEPS = 50


class ClusterHybrid(Hybrid):
    """Each history in topics of its own, on stores that were cleaned."""

    request: ClassVar[pytest.FixtureRequest]

    def new_world(self, **changes: object) -> Stepped:
        self.stack = AsyncExitStack()
        site = self.run(self.stack.enter_async_context(new_site(self.request, self.folder)))
        return ClusterStepped(site, **changes)

    def teardown(self) -> None:
        if not self.is_cached:
            self.world.bring_cache_back()
        self.run(self.world.timelines.drop(None))
        if self.client is not None:
            self.run(self.client.cut())
            self.client = None
        self.run(self.world.close())
        self.run(self.stack.aclose())
        super().teardown()


@pytest.mark.cluster
def test_the_home_timeline_equals_the_naive_one_on_a_cluster(request: pytest.FixtureRequest) -> None:
    ClusterHybrid.request = request
    run_state_machine_as_test(
        ClusterHybrid,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            database=None,
        ),
    )
