"""The same client with a bad line on the real servers, whose log has several partitions."""

import os
import random
from pathlib import Path

import pytest

from tests.cluster.stepped import ClusterStepped
from tests.cluster.worlds import new_site
from tests.flows.seam_histories import ME, PUSH_LIMIT, Eventful
from tests.flows.test_resume_at_the_seam import seeded, wander
from tests.servers import cassandra_url, kafka_url, redis_url

__all__ = ["cassandra_url", "kafka_url", "redis_url"]

EVENTS_MIN = int(os.environ.get("TEST_CLUSTER_SEAM_EVENTS", "60"))


@pytest.mark.cluster
async def test_a_client_that_starts_afresh_when_told_holds_what_a_page_shows_on_a_cluster(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Events apply by id, and after a Reset the client goes on from the page that it fetched (L6)."""
    dice = seeded()
    async with new_site(request, tmp_path) as site:
        world = ClusterStepped(site, push_limit=PUSH_LIMIT, fanout_batch_size=20)
        await world.open()
        try:
            client = await wander(world, Eventful(dice), dice, bursts(dice))
            expected = await world.pages(int(ME), 100)
            assert client.shown() == [each for each in expected if each[0] >= client.floor]
            assert client.met["restart"] == 2
        finally:
            await world.close()


def bursts(dice: random.Random) -> list[tuple[int, bool]]:
    """Return how many events come at once, and before which the process starts anew."""
    found: list[tuple[int, bool]] = []
    while sum(count for count, _ in found) < EVENTS_MIN:
        found.append((dice.choice((1, 3, 10, 40)), False))
    return [*found[: len(found) // 2], (40, True), *found[len(found) // 2 :], (40, True)]
