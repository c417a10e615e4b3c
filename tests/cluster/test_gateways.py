"""A gateway that hears nothing, or late: its pages hide what is hidden by now, and its streams miss nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.cluster.parts import Connected
from realtime.events import Verb
from tests.cluster.stepped import ClusterStepped
from tests.cluster.worlds import ClusterWorld, Site, new_site
from tests.contracts.making import delete, relate, tweet
from tests.flows.test_live_home import text_of
from tests.servers import cassandra_url, kafka_url, redis_url
from tests.stepped import Client, HeldBroadcast

__all__ = ["cassandra_url", "kafka_url", "redis_url"]
pytestmark = pytest.mark.cluster

ADA, BOB, CY, DAN = 1, 2, 3, 4


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with new_site(request, tmp_path) as made:
        yield made


class DeafWorld(ClusterWorld):
    """A world whose gateway hears nothing of what is broadcast."""

    def as_gateway(self, connected: Connected) -> Connected:
        return replace(connected, parts=replace(connected.parts, broadcast=HeldBroadcast()))


async def test_a_gateway_to_which_no_reference_comes_sees_each_second_what_it_missed(site: Site) -> None:
    """It looks how far fan-out is, and reads the log up to there: no reference need be the one that is lost (L2)."""
    world = DeafWorld(site)
    await world.open()
    try:
        await world.follow("bob", "ada")
        stream = await world.stream("bob")
        await world.tweet("ada", "hello")

        assert text_of(await stream.next()) == "hello"
    finally:
        await world.close()


async def test_what_the_stores_have_hidden_no_page_and_no_frame_shows_though_the_gateway_has_not_heard_of_it(
    site: Site,
) -> None:
    """Once the stores have hidden it, no page that begins and no frame that is written holds it (V1)."""
    world = ClusterStepped(site, fanout_batch_size=1)
    await world.open()
    client = Client(world, BOB)
    try:
        await world.append(*(relate(Verb.FOLLOW, BOB, author, author) for author in (ADA, CY, DAN)))
        await world.append(tweet(10, ADA), tweet(11, ADA), tweet(12, CY), tweet(13, DAN))
        await world.drain()
        await client.fetch()
        await client.connect()
        await client.settle()
        before = world.hub.place()
        await world.append(tweet(14, ADA), delete(14, ADA), tweet(15, ADA), delete(10, ADA))
        await world.append(relate(Verb.BLOCK, CY, BOB), relate(Verb.MUTE, BOB, DAN))
        while await world.step("store"):
            pass

        shown = [edge.entry.id for edge in (await world.page(BOB)).edges]

        assert (shown, world.hub.place()) == ([11], before)
        while await world.step("fanout"):
            pass
        while world.broadcast.held and 15 not in client.held:
            await world.hear()
            await client.settle()
            assert 14 not in client.held
        assert 15 in client.held
    finally:
        await client.cut()
        await world.close()
