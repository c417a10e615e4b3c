"""What every `PolicyStore` promises."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from loaders.records import Delivery, Switch, TweetId, UserId
from realtime.events import Verb
from tests.contracts.adapters import STORES
from tests.contracts.making import logged, relate
from tests.contracts.stores import Stores

Open = Callable[[], AbstractAsyncContextManager[Stores]]
ADA, BOB = UserId(1), UserId(2)
PULLED, PUSHED = Switch(TweetId(5), Delivery.PULLED), Switch(TweetId(2**62), Delivery.PUSHED)


@pytest.fixture(params=STORES)
def open_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def stores(open_stores: Open) -> AsyncIterator[Stores]:
    async with open_stores() as opened:
        yield opened


async def test_nobody_is_pulled_at_first(stores: Stores) -> None:
    assert dict(await stores.policy.switches()) == {}


async def test_switches_are_seen_at_once_even_by_who_asked_before(stores: Stores) -> None:
    seen = await stores.policy.switches()

    await stores.policy.record_switches({ADA: (PULLED,), BOB: (PULLED,)}, at=1)

    assert {author: list(history) for author, history in seen.items()} == {ADA: [PULLED], BOB: [PULLED]}


async def test_switches_are_durable_and_come_oldest_first(open_stores: Open) -> None:
    async with open_stores() as stores:
        await stores.policy.record_switches({ADA: (PULLED,)}, at=2)
        await stores.policy.record_switches({ADA: (PULLED, PUSHED), BOB: (PUSHED,)}, at=3)

    async with open_stores() as stores:
        found = await stores.policy.switches()
        assert {author: list(history) for author, history in found.items()} == {ADA: [PULLED, PUSHED], BOB: [PUSHED]}


async def test_recording_replaces_an_author_s_switches_and_nobody_else_s(open_stores: Open) -> None:
    replaced = (Switch(TweetId(0), Delivery.PULLED),)
    async with open_stores() as stores:
        await stores.policy.record_switches({ADA: (PULLED, PUSHED), BOB: (PULLED,)}, at=4)
        await stores.policy.record_switches({ADA: replaced}, at=5)
        assert list((await stores.policy.switches())[ADA]) == list(replaced)

    async with open_stores() as stores:
        found = await stores.policy.switches()
        assert {author: list(history) for author, history in found.items()} == {ADA: list(replaced), BOB: [PULLED]}


async def test_a_view_can_be_refreshed_for_some_authors_or_for_all(stores: Stores) -> None:
    await stores.policy.record_switches({ADA: (PULLED,), BOB: (PULLED,)}, at=1)

    await stores.policy.refresh([ADA])
    await stores.policy.refresh()

    assert {*await stores.policy.switches()} == {ADA, BOB}


async def test_the_popular_are_those_with_at_least_so_many_followers(stores: Stores) -> None:
    follows = [(2, 1), (3, 1), (4, 1), (1, 2), (3, 2), (1, 3)]
    await stores.projection.apply(logged(relate(Verb.FOLLOW, a, b, edge) for edge, (a, b) in enumerate(follows, 1)))

    assert sorted(await stores.policy.popular(2)) == [1, 2]
    assert sorted(await stores.policy.popular(3)) == [1]
    assert list(await stores.policy.popular(4)) == []
