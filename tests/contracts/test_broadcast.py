"""What every `Broadcast` promises."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from realtime.ports import Broadcast, Reference
from tests.contracts.adapters import BROADCASTS
from tests.contracts.redis_adapters import url_of
from tests.servers import redis_cluster_url, redis_url

__all__ = ["redis_cluster_url", "redis_url"]

WAIT_S = 20.0


@pytest.fixture(params=BROADCASTS)
async def broadcast(request: pytest.FixtureRequest) -> AsyncIterator[Broadcast]:
    async with BROADCASTS[request.param](url_of(request.param, request)) as opened:
        yield opened


def references(*offsets: int) -> list[Reference]:
    return [Reference(0, offset - 1, offset, "posted", (2**62 + offset, 7, 0, 0)) for offset in offsets]


async def heard(batches: AsyncIterator[Sequence[Reference]], count: int) -> list[Reference]:
    found: list[Reference] = []
    async with asyncio.timeout(WAIT_S):
        while len(found) < count:
            found += await anext(batches)
    return found


async def test_references_arrive_as_they_were_sent_and_in_order(broadcast: Broadcast) -> None:
    traced = Reference(3, 3, 4, "follow", (1, 2), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    sent = [*references(1, 2, 3), traced, Reference(0, 4, 4, "heartbeat")]

    async with broadcast.subscribe() as batches:
        await broadcast.publish(sent[:2])
        await broadcast.publish(sent[2:])

        assert await heard(batches, len(sent)) == sent


async def test_every_subscriber_hears_everything(broadcast: Broadcast) -> None:
    async with broadcast.subscribe() as ours, broadcast.subscribe() as theirs:
        for offset in range(1, 21):
            await broadcast.publish(references(offset))

        assert await heard(ours, 20) == await heard(theirs, 20) == references(*range(1, 21))


async def test_a_subscriber_misses_nothing_that_is_published_once_it_has_subscribed(broadcast: Broadcast) -> None:
    await broadcast.publish(references(1))

    async with broadcast.subscribe() as batches:
        await broadcast.publish(references(2))

        # What was on its way before may come as well: a hub drops it.
        while (found := await heard(batches, 1)) != references(2):
            assert found == references(1)


async def test_a_subscriber_that_goes_disturbs_nobody(broadcast: Broadcast) -> None:
    async with broadcast.subscribe() as staying:
        async with broadcast.subscribe() as going:
            await broadcast.publish(references(1))
            await heard(going, 1)
        await broadcast.publish(references(2))

        assert await heard(staying, 2) == references(1, 2)


async def test_publishing_to_nobody_is_no_error(broadcast: Broadcast) -> None:
    await broadcast.publish(references(1))
    await broadcast.publish([])


async def test_who_goes_away_while_subscribing_is_gone_and_the_next_one_hears_each_batch_once(
    broadcast: Broadcast,
) -> None:
    async def listen() -> None:
        async with broadcast.subscribe():
            await asyncio.Event().wait()

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    listening.cancel()
    (ended,) = await asyncio.gather(listening, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError)

    async with broadcast.subscribe() as batches:
        await broadcast.publish(references(1))
        await broadcast.publish(references(2))
        assert await heard(batches, 2) == references(1, 2)
