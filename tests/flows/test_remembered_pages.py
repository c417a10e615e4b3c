"""A gateway that has shown a tweet need not ask for it again; what was hidden is gone, one's own acts at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loaders.rules import RETWEET_WINDOW
from realtime.remembered import TRUST_S
from tests.cut_off import CutOff


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CutOff]:
    world = CutOff(tmp_path)
    await world.open()
    await world.follow("bob", "ada")
    await world.look()
    try:
        yield world
    finally:
        await world.close()


async def shown(world: CutOff) -> list[str]:
    """Return bob's page, of which this gateway remembers all that may be remembered from now on."""
    await world.drained()
    await world.look()
    texts, is_complete = await world.seen()
    assert is_complete
    return texts


async def asked(world: CutOff) -> dict[str, int]:
    """Return how often bob's page asks each of the stores' reads, once it was seen before."""
    await shown(world)
    for store in world.stores:
        store.calls.clear()
    await world.seen()
    ports = zip(("users", "tweets", "graph"), world.stores, strict=True)
    return {f"{port}.{name}": number for port, store in ports for name, number in store.calls.items()}


async def test_what_was_shown_once_is_not_read_again_but_for_what_may_have_changed(world: CutOff) -> None:
    await world.retweet("ada", await world.tweet("cy", "from afar"))
    await world.tweet("ada", "one")

    assert await asked(world) == {"graph.relations": 1, "users.get_many": 1, "tweets.counts": 1, "tweets.marks": 1}


async def test_a_deletion_by_another_is_gone_once_the_log_was_heard(world: CutOff) -> None:
    await world.tweet("ada", "stays")
    doomed = await world.tweet("ada", "doomed")
    assert await shown(world) == ["doomed", "stays"]

    await world.delete("ada", doomed)
    await world.look()

    assert await world.seen(1) == (["stays"], True)
    assert (await world.answered("Refetch", id=doomed)).value is None


async def test_a_retweet_goes_with_an_original_that_was_deleted(world: CutOff) -> None:
    await world.tweet("ada", "stays")
    doomed = await world.tweet("cy", "doomed")
    await world.retweet("ada", doomed)
    assert await shown(world) == ["doomed", "stays"]

    await world.delete("cy", doomed)
    await world.look()

    assert await world.seen(1) == (["stays"], True)


async def test_what_one_deletes_oneself_by_another_gateway_is_gone_before_this_one_hears_of_it(world: CutOff) -> None:
    await world.tweet("ada", "stays")
    mine = await world.tweet("bob", "mine")
    assert await shown(world) == ["mine", "stays"]

    await world.delete("bob", mine)

    assert (await world.answered("Refetch", id=mine)).value is None
    assert await world.seen(1) == (["stays"], True)


async def test_a_retweet_of_what_one_deletes_oneself_is_gone_as_soon(world: CutOff) -> None:
    await world.tweet("ada", "stays")
    mine = await world.tweet("bob", "mine")
    for number in range(RETWEET_WINDOW):
        await world.tweet("ada", f"{number}")
    await world.retweet("ada", mine)
    assert (await shown(world))[0] == "mine"

    await world.delete("bob", mine)

    assert await world.seen(1) == ([f"{RETWEET_WINDOW - 1}"], True)


async def test_whom_one_mutes_by_another_gateway_is_gone_before_this_one_hears_of_it(world: CutOff) -> None:
    await world.tweet("ada", "hello")
    assert await shown(world) == ["hello"]

    await world.mute("bob", "ada")

    assert await world.seen() == ([], True)


async def test_a_gateway_that_has_not_heard_from_the_log_for_a_second_asks_the_stores(world: CutOff) -> None:
    doomed = await world.tweet("ada", "doomed")
    await shown(world)
    await world.delete("ada", doomed)

    world.advance(2 * TRUST_S)

    assert await world.seen() == ([], True)
    for store in world.stores:
        store.calls.clear()
    await world.seen()
    assert world.stores[1].calls["entries"] == 1


async def test_likes_and_counts_are_those_of_now(world: CutOff) -> None:
    liked = await world.tweet("ada", "liked")
    await shown(world)
    await world.like("bob", liked)
    await world.like("cy", liked)
    await world.drained()

    (edge,) = (await world.answered()).value["edges"]

    assert (edge["node"]["likeCount"], edge["node"]["viewerHasLiked"]) == (2, True)
