"""Trends through GraphQL: what trends, live, after a deletion, after a restart, and where nobody counts."""

from pathlib import Path
from typing import Any

import pytest

from infra.adapters.no_trends import NoTrendStore
from infra.embedded_trends import BLOCKLIST, Blocklist
from realtime.events import TweetPosted
from realtime.trending import first_counted
from realtime.worker import TRENDS
from tests.answers import WAIT_S
from tests.world import World

DOCUMENT = "query($first: Int! = 10) { trends(first: $first) { name tweetCount score since } }"


async def minute_passes(world: World) -> None:
    """Let the clock go on, and an event end the minute."""
    world.advance(60)
    await world.follow("bob", "cy")
    await world.unfollow("bob", "cy")
    await counted(world)


async def counted(world: World) -> None:
    await world.drained()
    _, end = await world.engine.log.bounds()
    assert await world.engine.positions.wait(TRENDS, end, WAIT_S)


async def told(world: World, **asked: Any) -> list[tuple[str, int]]:
    return [(trend["name"], trend["tweetCount"]) for trend in await world.ask(DOCUMENT, None, **asked)]


async def test_a_hashtag_of_several_authors_trends_and_one_authors_does_not(world: World) -> None:
    for author in ("ada", "bob", "cy"):
        await world.tweet(author, "hello #Roost")
    for _ in range(9):
        await world.tweet("ada", "buy #mine")
    await world.tweet("ada", "#two")
    await world.tweet("bob", "#two")
    await minute_passes(world)

    assert await told(world) == [("#roost", 3), ("#two", 2)]
    assert await told(world, first=1) == [("#roost", 3)]
    (first, _) = await world.ask(DOCUMENT)
    assert first["since"] == "2027-01-15T08:01:00+00:00"
    assert first["score"] > 2


async def test_what_is_deleted_trends_no_longer(world: World) -> None:
    await world.tweet("ada", "#roost")
    slip = await world.tweet("bob", "#roost")
    await minute_passes(world)
    assert await told(world) == [("#roost", 2)]

    await world.delete("bob", slip)
    await minute_passes(world)

    assert await told(world) == []


async def test_the_clock_ends_a_window_in_which_nothing_happens(world: World) -> None:
    for author in ("ada", "bob"):
        await world.tweet(author, "#roost")
    await counted(world)
    world.advance(60)
    await world.engine.trending.idle(0)
    assert await told(world) == [("#roost", 2)]

    world.advance(3_600)
    await world.engine.trending.idle(0)

    assert await told(world) == []


async def test_after_a_restart_trends_are_what_they_were(world: World) -> None:
    for author in ("ada", "bob", "cy"):
        await world.tweet(author, "#roost")
    slip = await world.tweet("dan", "#roost")
    await world.delete("dan", slip)
    await minute_passes(world)
    before = await world.ask(DOCUMENT)

    await world.restart()
    await counted(world)

    assert await world.ask(DOCUMENT) == before
    assert [trend["tweetCount"] for trend in before] == [3]


async def test_trends_are_unavailable_until_a_start_has_counted_what_there_is(world: World) -> None:
    await world.tweet("ada", "#roost")
    await counted(world)
    await world.close()
    await world.open(trends_gather_ms=900)

    answer = await world.run(DOCUMENT)

    assert answer.codes == ["UNAVAILABLE"]


async def test_a_start_counts_no_further_back_than_rankings_reach(world: World) -> None:
    await world.append(*(TweetPosted(number, 1, "x", 0) for number in range(1, 8)))  # type: ignore[arg-type]
    _, old = await world.log.bounds()
    world.advance(30 * 3_600)
    await world.tweet("ada", "#roost")

    now_ms = world.services.clock_ms()
    assert await first_counted(world.log, now_ms, 26) == old
    assert await first_counted(world.log, now_ms, 40) == 0
    assert await first_counted(world.log, now_ms + 40 * 3_600_000, 26) == (await world.log.bounds())[1]


async def test_a_stream_tells_the_trends_as_they_are_and_as_they_change(world: World) -> None:
    stream = await world.listen("TrendsUpdated")
    assert await stream.next() == []
    await minute_passes(world)
    for author in ("ada", "bob"):
        await world.tweet(author, "#roost")
    await minute_passes(world)

    (trend,) = await stream.next()

    assert (trend["name"], trend["tweetCount"]) == ("#roost", 2)


async def test_what_an_operator_blocks_trends_from_the_next_minute_on_no_longer(world: World, tmp_path: Path) -> None:
    for author in ("ada", "bob"):
        await world.tweet(author, "#bad #good")
    (tmp_path / BLOCKLIST).write_text("// remarks\n#Bad\n")

    await minute_passes(world)

    assert await told(world) == [("#good", 2)]


def test_a_blocklist_is_read_anew_when_it_changes_and_may_be_missing(tmp_path: Path) -> None:
    blocklist = Blocklist(tmp_path / BLOCKLIST)
    assert blocklist.terms() == frozenset()

    (tmp_path / BLOCKLIST).write_text("one\n#Two\n")
    assert blocklist.terms() == {"one", "two"}

    (tmp_path / BLOCKLIST).unlink()
    assert blocklist.terms() == frozenset()


@pytest.mark.parametrize("first", [0, 101])
async def test_more_than_a_page_is_refused(world: World, first: int) -> None:
    assert (await world.run(DOCUMENT, first=first)).codes == ["BAD_USER_INPUT"]


async def test_where_nobody_counts_trends_the_answer_says_so() -> None:
    store = NoTrendStore()
    for call in (store.newest(), store.after(0)):
        with pytest.raises(Exception, match="counts no trends"):
            await call
