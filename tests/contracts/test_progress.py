"""What every `Progress` promises."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.contracts.adapters import STORES
from tests.contracts.making import logged
from tests.contracts.stores import Stores

Open = Callable[[], AbstractAsyncContextManager[Stores]]


@pytest.fixture(params=STORES)
def open_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def stores(open_stores: Open) -> AsyncIterator[Stores]:
    async with open_stores() as opened:
        yield opened


async def test_the_group_begins_at_nothing_and_is_where_it_committed_last(stores: Stores) -> None:
    assert await stores.progress.position() == 0

    await stores.progress.commit(5, 1_000)
    await stores.progress.commit(9, 2_000)

    assert await stores.progress.position() == 9
    assert await stores.progress.place(1) == (9,)


async def test_a_commit_is_there_after_reopening(open_stores: Open) -> None:
    async with open_stores() as stores:
        await stores.progress.commit(5, 1_000)

    async with open_stores() as stores:
        assert await stores.progress.position() == 5
        assert await stores.progress.handled_at_ms(5) == 1_000


async def test_a_commit_that_comes_again_or_late_takes_nothing_back(stores: Stores) -> None:
    await stores.progress.commit(9, 1_000)

    await stores.progress.commit(9, 5_000)
    await stores.progress.commit(4, 5_000)

    assert await stores.progress.position() == 9
    assert await stores.progress.handled_at_ms(9) == 1_000


async def test_an_offset_was_handled_when_the_batch_that_holds_it_was(stores: Stores) -> None:
    await stores.progress.commit(5, 1_000)
    await stores.progress.commit(9, 2_000)

    handled = [await stores.progress.handled_at_ms(offset) for offset in (1, 5, 6, 9, 10)]

    assert handled == [1_000, 1_000, 2_000, 2_000, None]


async def test_the_group_s_place_is_not_that_of_the_group_store(stores: Stores) -> None:
    await stores.projection.apply(logged([b"{}", b"{}"]))
    await stores.progress.commit(1, 0)

    assert (await stores.projection.position(), await stores.progress.position()) == (2, 1)
    assert (await stores.projection.place(1), await stores.progress.place(1)) == ((2,), (1,))


async def test_poison_is_buried_once_for_each_group(open_stores: Open) -> None:
    (poison,) = logged([b"\xff\x00poison"], after=6)
    async with open_stores() as stores:
        await stores.progress.bury("fanout", poison, "no event")
        await stores.progress.bury("fanout", poison, "no event")
        await stores.progress.bury("store", poison, "no event")

    async with open_stores() as stores:
        assert stores.dead_letters() == [("fanout", 7, poison.payload), ("store", 7, poison.payload)]
