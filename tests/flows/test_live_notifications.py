"""Notifications live: what comes, and what came while nobody listened, nothing lost and nothing twice."""

from pathlib import Path
from typing import Any

from loaders.cursors import decode_notices, encode_notices
from tests.answers import Listener
from tests.flows.test_notifications import listed, said
from tests.world import World, open_world

CURSOR = "{ notifications { liveCursor } }"


async def heard(stream: Listener, count: int) -> list[str]:
    return [said((await stream.next())["notification"]) for _ in range(count)]


async def live_cursor(world: World, viewer: str) -> str:
    await world.drained()
    return str((await world.ask(CURSOR, viewer))["liveCursor"])


async def test_what_comes_is_told_to_the_one_whom_it_concerns(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    stream = await world.listen("NotificationAdded", "ada")

    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    await world.retweet("bob", tweet)

    assert await heard(stream, 2) == ["FOLLOW bob", "RETWEET bob hello"]


async def test_a_page_and_the_stream_from_its_cursor_have_no_seam(world: World) -> None:
    await world.follow("a", "ada")
    cursor = await live_cursor(world, "ada")
    await world.follow("b", "ada")
    await world.follow("c", "ada")

    stream = await world.listen("NotificationAdded", "ada", after=cursor)
    await world.follow("d", "ada")

    assert await heard(stream, 3) == ["FOLLOW b", "FOLLOW c", "FOLLOW d"]


async def test_a_stream_goes_on_from_the_cursor_of_any_event(world: World) -> None:
    stream = await world.listen("NotificationAdded", "ada")
    for fan in ("a", "b", "c"):
        await world.follow(fan, "ada")
    events = [await stream.next() for _ in range(3)]
    await world.restart()
    await world.follow("d", "ada")

    for place, event in enumerate(events):
        resumed = await world.listen("NotificationAdded", "ada", after=event["liveCursor"])
        assert await heard(resumed, 3 - place) == ["FOLLOW b", "FOLLOW c", "FOLLOW d"][place:]


async def test_a_stream_goes_on_from_a_home_timelines_cursor(world: World) -> None:
    await world.follow("a", "ada")
    await world.drained()
    cursor = (await world.page("ada"))["liveCursor"]
    await world.follow("b", "ada")

    stream = await world.listen("NotificationAdded", "ada", after=cursor)

    assert await heard(stream, 1) == ["FOLLOW b"]


async def test_each_like_of_a_group_tells_the_group_as_it_stands(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("a", "b", "c"):
        await world.like(fan, tweet)
    stream = await world.listen("NotificationAdded", "ada")

    await world.like("d", tweet)
    first = (await stream.next())["notification"]
    await world.like("e", tweet)
    second = (await stream.next())["notification"]

    assert (said(first), said(second)) == ("LIKE d hello", "LIKE e hello")
    assert first["id"] == second["id"]
    assert len((await listed(world, "ada"))["edges"]) == 4


async def test_what_is_hidden_or_gone_by_now_is_not_told(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    cursor = await live_cursor(world, "ada")
    await world.like("a", tweet)
    await world.like("b", tweet)
    await world.reply("c", tweet, "answer")
    regretted = await world.reply("d", tweet, "regretted")
    await world.unlike("a", tweet)
    await world.mute("ada", "b")
    await world.delete("d", regretted)
    await world.drained()

    stream = await world.listen("NotificationAdded", "ada", after=cursor)

    await world.follow("e", "ada")
    assert await heard(stream, 2) == ["REPLY c answer", "FOLLOW e"]


async def test_a_marker_may_be_set_by_the_cursor_of_an_event(world: World) -> None:
    stream = await world.listen("NotificationAdded", "ada")
    for fan in ("a", "b"):
        await world.follow(fan, "ada")
    first = await stream.next()
    await stream.next()

    answer = await world.ask("MarkNotificationsRead", "ada", upTo=first["liveCursor"])

    assert answer["unreadCount"] == 1


async def reset_of(world: World, after: str, fan: str) -> Any:
    stream = await world.listen(
        "subscription ($after: String) { notificationAdded(after: $after) { liveCursor reset notification { id } } }",
        "ada",
        after=after,
    )
    event = await stream.next()
    await world.follow(fan, "ada")
    following = await stream.next()
    assert (following["reset"], following["notification"]["id"] != "") == (None, True)
    return event


async def test_a_cursor_out_of_reach_is_reset_and_the_stream_goes_on(tmp_path: Path) -> None:
    async with open_world(tmp_path, notifications_kept=20) as world:
        cursor = await live_cursor(world, "ada")
        epoch, place = decode_notices(cursor)
        for number in range(21):
            await world.follow(f"fan{number}", "ada")
        await world.drained()

        stale = await reset_of(world, cursor, "x")
        foreign = await reset_of(world, encode_notices(epoch + 1, place), "y")
        ahead = await reset_of(world, encode_notices(epoch, (10**9,)), "z")

    assert stale["reset"] == "More has happened since the cursor than is kept"
    assert foreign["reset"] == "The cursor belongs to another log"
    assert ahead["reset"] == "The cursor is ahead of the log"
    assert stale["notification"] is None


async def test_a_malformed_cursor_is_refused(world: World) -> None:
    stream = await world.listen("NotificationAdded", "ada", after="x")

    assert (await stream.answer()).codes == ["BAD_USER_INPUT"]


async def test_the_stream_asks_for_a_viewer(world: World) -> None:
    stream = await world.listen("NotificationAdded")

    assert (await stream.answer()).codes == ["UNAUTHENTICATED"]
