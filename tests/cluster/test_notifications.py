"""Notifications on the real servers: likes have partitions of their own, and hiding waits for nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster.worlds import ClusterWorld, Site, new_site, open_cluster_world
from tests.flows.test_live_notifications import CURSOR, heard
from tests.flows.test_notifications import said
from tests.servers import cassandra_url, kafka_url, redis_url

__all__ = ["cassandra_url", "kafka_url", "redis_url"]
pytestmark = pytest.mark.cluster
PATIENCE_S = 30.0


@pytest.fixture
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ClusterWorld]:
    async with new_site(request, tmp_path) as site, open_cluster_world(site) as opened:
        yield opened


@pytest.fixture
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with new_site(request, tmp_path) as made:
        yield made


async def notified(world: ClusterWorld) -> None:
    """Wait until the group `notify` has handled all that the log holds, likes too."""
    partitions = range(sum(world.log.layout))
    ends = [(await world.log.bounds(partition))[1] for partition in partitions]
    notices = world.services.notices.stores.notices
    async with asyncio.timeout(PATIENCE_S):
        while any(map(int.__lt__, await notices.place(len(ends)), ends)):  # noqa: ASYNC110 - another process moves it
            await asyncio.sleep(0.02)


async def told(world: ClusterWorld, viewer: str) -> list[str]:
    return [said(edge["node"]) for edge in (await world.ask("Notifications", viewer, first=100))["edges"]]


async def test_whoever_does_something_is_told_of_and_what_is_undone_or_hidden_is_not(world: ClusterWorld) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.account("bob")
    for fan in ("a", "b", "c", "d", "e"):
        await world.like(fan, tweet)
    await world.follow("bob", "ada")
    await world.retweet("bob", tweet)
    regretted = await world.reply("bob", tweet, "regretted")
    await world.quote("bob", tweet, "look")
    await world.tweet("cy", "hi @ada")
    await notified(world)

    expected = {"FOLLOW bob", "RETWEET bob hello", "REPLY bob regretted", "QUOTE bob look", "MENTION cy hi @ada"}
    likes = ["LIKE e hello", *(f"LIKE {fan} hello" for fan in "cba")]
    found = await told(world, "ada")
    assert [each for each in found if each.startswith("LIKE")] == likes
    assert set(found) == {*expected, *likes}

    await world.unlike("a", tweet)
    await world.unfollow("bob", "ada")
    await world.undo("bob", tweet)
    await world.delete("bob", regretted)
    await world.mute("ada", "cy")
    await notified(world)
    assert sorted(await told(world, "ada")) == [*(f"LIKE {fan} hello" for fan in "bcde"), "QUOTE bob look"]


async def test_the_marker_of_another_device_holds_and_what_comes_after_is_unread(world: ClusterWorld) -> None:
    for fan in ("a", "b", "c"):
        await world.follow(fan, "ada")
    await notified(world)
    edges = (await world.ask("Notifications", "ada"))["edges"]

    first = await world.ask("MarkNotificationsRead", "ada", upTo=edges[0]["cursor"])
    lower = await world.ask("MarkNotificationsRead", "ada", upTo=edges[2]["cursor"])
    await world.follow("d", "ada")
    await notified(world)

    assert (first["unreadCount"], lower["unreadCount"]) == (0, 0)
    assert (await world.ask("Notifications", "ada"))["unreadCount"] == 1


async def test_a_stream_resumes_over_all_partitions_and_tells_each_act_once(site: Site) -> None:
    async with open_cluster_world(site) as world:
        tweet = await world.tweet("ada", "hello")
        await notified(world)
        cursor = (await world.ask(CURSOR, "ada"))["liveCursor"]
        for fan in ("a", "b"):
            await world.follow(fan, "ada")
            await world.like(fan, tweet)
        expected = {"FOLLOW a", "FOLLOW b", "LIKE a hello", "LIKE b hello"}

        stream = await world.listen("NotificationAdded", "ada", after=cursor)
        events = [await stream.next() for _ in expected]
        assert {said(event["notification"]) for event in events} == expected

        for seen, event in enumerate(events, 1):
            resumed = await world.listen("NotificationAdded", "ada", after=event["liveCursor"])
            rest = [said(each["notification"]) for each in events[seen:]]
            assert await heard(resumed, len(rest)) == rest
            await resumed.close()
        await world.follow("c", "ada")
        assert await heard(stream, 1) == ["FOLLOW c"]


async def test_a_group_that_begins_anew_tells_nothing_again(site: Site) -> None:
    async with open_cluster_world(site) as world:
        tweet = await world.tweet("ada", "hello")
        for fan in ("a", "b"):
            await world.like(fan, tweet)
        await notified(world)
        before = await world.ask("Notifications", "ada")
        await world.restart()
        await world.unlike("a", tweet)
        await notified(world)

        assert before["unreadCount"] == 2
        assert await told(world, "ada") == ["LIKE b hello"]
