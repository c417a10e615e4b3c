"""A gateway whose stores do not answer: pages of what it knows, nothing that was hidden, and it says what they lack."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.remembered import TRUST_S
from tests.cut_off import CutOff
from tests.world import tweet_number


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CutOff]:
    world = CutOff(tmp_path)
    await world.open()
    await world.follow("bob", "ada")
    try:
        yield world
    finally:
        await world.close()


async def test_a_page_that_was_seen_is_there_without_the_stores_and_whole(world: CutOff) -> None:
    await world.like("bob", await world.tweet("ada", "one"))
    await world.tweet("ada", "two")
    await world.drained()
    before = (await world.answered()).value

    await world.cut_off()

    assert (await world.answered()).value == before
    assert before["complete"]
    assert sum(store.asked for store in world.stores) == 1, "one deadline is enough for a page"


async def test_a_page_says_that_it_lacks_what_nobody_has_seen_here(world: CutOff) -> None:
    await world.tweet("ada", "seen")
    await world.seen()
    await world.tweet("ada", "not seen")
    await world.drained()

    await world.cut_off()

    assert await world.seen() == (["seen"], False)


async def test_what_is_known_to_be_gone_does_not_count_as_lacking(world: CutOff) -> None:
    await world.tweet("ada", "stays")
    goes = await world.tweet("ada", "goes")
    await world.seen()
    await world.delete("ada", goes)
    await world.seen()

    await world.cut_off()

    assert await world.seen() == (["stays"], True)


async def test_nothing_shows_that_was_deleted_since_even_where_the_stores_were_not_told(world: CutOff) -> None:
    doomed = await world.tweet("ada", "doomed")
    await world.tweet("ada", "stays")
    await world.retweet("cy", doomed)
    await world.follow("bob", "cy")
    assert len((await world.seen())[0]) == 2

    await world.cut_off()
    await world.delete("ada", doomed)
    await world.look()

    assert await world.seen() == (["stays"], False)


async def test_who_was_blocked_since_is_told_that_nothing_can_be_said(world: CutOff) -> None:
    await world.tweet("ada", "hello")
    await world.seen()

    await world.cut_off()
    await world.block("ada", "bob")
    await world.look()

    assert (await world.answered()).codes == ["UNAVAILABLE"]


async def test_a_gateway_that_is_cut_off_from_the_log_too_shows_nothing(world: CutOff) -> None:
    await world.tweet("ada", "hello")
    await world.seen()
    await world.cut_off()
    world.hearing.is_away = True

    world.advance(TRUST_S / 2)
    await world.look()
    assert await world.seen() == (["hello"], True)
    world.advance(TRUST_S)
    await world.look()
    assert (await world.answered()).codes == ["UNAVAILABLE"]

    world.hearing.is_away = False
    await world.look()
    assert await world.seen() == (["hello"], True)


async def test_stores_that_were_read_behind_a_deletion_do_not_bring_it_back(world: CutOff) -> None:
    doomed = await world.tweet("ada", "doomed")
    await world.drained()
    await world.seen()
    entry = (await world.services.home.tweets.entries([tweet_number(doomed)]))[0]
    await world.cut_off()
    await world.delete("ada", doomed)
    await world.look()

    # A store that has not applied it yet is read once more, after the log was.
    known = world.cut.home.known
    assert known is not None
    known.keep(await world.account("bob"), known.since(), entries=[entry])
    await world.look()

    assert await world.seen() == ([], False)


async def test_pulled_tweets_are_lacking_and_the_page_says_so(world: CutOff) -> None:
    await world.celebrity("star")
    await world.follow("bob", "star")
    await world.tweet("ada", "pushed")
    await world.tweet("star", "pulled")
    assert await world.seen() == (["pulled", "pushed"], True)

    await world.cut_off()

    assert await world.seen() == (["pushed"], False)


async def test_without_a_list_there_is_no_page(world: CutOff) -> None:
    await world.tweet("ada", "hello")
    await world.seen()
    await world.cut_off()
    world.lists.is_away = True

    assert (await world.answered()).codes == ["UNAVAILABLE"]
