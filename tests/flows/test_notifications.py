"""Who is told of what: notifications as a client reads them."""

from typing import Any

import pytest

from loaders.cursors import NOTICE, encode_cursor
from loaders.records import TweetId
from realtime.events import ImportedTweet, LikesImported, TweetPosted, TweetsImported, decode
from tests.world import World, open_world, tweet_number


async def told(world: World, viewer: str, **asked: Any) -> list[str]:
    """Return a viewer's notifications, newest first, as "kind actor text"."""
    return [said(edge["node"]) for edge in (await listed(world, viewer, **asked))["edges"]]


async def listed(world: World, viewer: str, **asked: Any) -> Any:
    await world.drained()
    return await world.ask("Notifications", viewer, **(asked or {"first": 100}))


def said(node: Any) -> str:
    text = "" if node["tweet"] is None else f" {node['tweet']['text']}"
    return f"{node['kind']} {node['actor']['handle']}{text}"


async def unread(world: World, viewer: str) -> int:
    return int((await listed(world, viewer))["unreadCount"])


async def test_each_kind_of_act_tells_the_one_whom_it_concerns(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.account("bob")

    await world.follow("bob", "ada")
    await world.like("bob", tweet)
    await world.retweet("bob", tweet)
    await world.reply("bob", tweet, "answer")
    await world.quote("bob", tweet, "look")
    await world.tweet("bob", "hi @ADA, and @ada")

    assert await told(world, "ada") == [
        "MENTION bob hi @ADA, and @ada",
        "QUOTE bob look",
        "REPLY bob answer",
        "RETWEET bob hello",
        "LIKE bob hello",
        "FOLLOW bob",
    ]
    assert await told(world, "bob") == []


async def test_nobody_is_told_of_what_they_do_themselves(world: World) -> None:
    tweet = await world.tweet("ada", "I am @ada")

    await world.like("ada", tweet)
    await world.retweet("ada", tweet)
    await world.reply("ada", tweet, "and so on")
    await world.quote("ada", tweet, "see above")

    assert await told(world, "ada") == []


async def test_a_reply_that_mentions_and_quotes_tells_the_same_person_once(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    await world.tweet("bob", "@ada look", inReplyToId=tweet, quotedTweetId=tweet)

    assert await told(world, "ada") == ["REPLY bob @ada look"]


async def test_what_is_undone_tells_nobody_any_more(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    await world.retweet("bob", tweet)
    await world.follow("bob", "ada")
    reply = await world.reply("bob", tweet, "answer")
    assert await unread(world, "ada") == 4

    await world.unlike("bob", tweet)
    await world.undo("bob", tweet)
    await world.unfollow("bob", "ada")
    await world.delete("bob", reply)

    assert (await told(world, "ada"), await unread(world, "ada")) == ([], 0)


async def test_what_is_done_again_tells_again(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    await world.unlike("bob", tweet)
    await world.follow("bob", "ada")

    await world.like("bob", tweet)

    assert await told(world, "ada") == ["LIKE bob hello", "FOLLOW bob"]


async def test_a_deleted_tweet_takes_with_it_what_was_told_of_it(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    await world.retweet("bob", tweet)

    await world.delete("ada", tweet)

    assert await told(world, "ada") == []


@pytest.mark.parametrize(("hide", "show"), [("mute", "unmute"), ("block", "unblock")])
async def test_whoever_is_hidden_tells_nothing_at_once_and_nothing_later_of_that_time(
    world: World, hide: str, show: str
) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    assert await told(world, "ada") == ["LIKE bob hello"]

    await getattr(world, hide)("ada", "bob")
    assert (await told(world, "ada"), await unread(world, "ada")) == ([], 0)
    await world.tweet("bob", "@ada ?")
    await world.drained()
    await getattr(world, show)("ada", "bob")

    assert await told(world, "ada") == ["LIKE bob hello"]


async def test_whoever_blocks_the_viewer_tells_nothing(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("bob", "@ada !")

    await world.block("bob", "ada")

    assert await told(world, "ada") == []


async def test_likes_beyond_the_first_few_show_together(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("a", "b", "c", "d", "e"):
        await world.like(fan, tweet)
    await world.follow("bob", "ada")
    await world.like("f", tweet)

    assert await told(world, "ada") == ["LIKE f hello", "FOLLOW bob", "LIKE c hello", "LIKE b hello", "LIKE a hello"]
    assert await unread(world, "ada") == 5
    counts = await world.ask("{ notifications { edges { node { actorsCount } } } }", "ada")
    assert [edge["node"]["actorsCount"] for edge in counts["edges"]] == [3, 1, 1, 1, 1]


async def test_a_like_that_is_taken_back_lets_the_next_one_stand_alone(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("a", "b", "c", "d", "e"):
        await world.like(fan, tweet)

    await world.unlike("a", tweet)

    assert await told(world, "ada") == ["LIKE e hello", "LIKE d hello", "LIKE c hello", "LIKE b hello"]


async def test_a_further_like_of_a_group_that_was_read_is_new(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("a", "b", "c", "d", "e"):
        await world.like(fan, tweet)
    newest = (await listed(world, "ada"))["edges"][0]
    await world.ask("MarkNotificationsRead", "ada", upTo=newest["cursor"])
    assert await unread(world, "ada") == 0

    await world.like("f", tweet)

    edges = (await listed(world, "ada"))["edges"]
    assert await unread(world, "ada") == 1
    assert (said(edges[0]["node"]), edges[0]["node"]["id"]) == ("LIKE f hello", newest["node"]["id"])


async def test_the_highest_marker_of_all_devices_stands(world: World) -> None:
    for fan in ("a", "b", "c"):
        await world.follow(fan, "ada")
    edges = (await listed(world, "ada"))["edges"]

    first = await world.ask("MarkNotificationsRead", "ada", upTo=edges[1]["cursor"])
    lower = await world.ask("MarkNotificationsRead", "ada", upTo=edges[2]["cursor"])

    assert (first["unreadCount"], lower["unreadCount"]) == (1, 1)
    read = await world.ask("{ notifications { edges { node { isRead } } } }", "ada")
    assert [edge["node"]["isRead"] for edge in read["edges"]] == [False, True, True]


async def test_what_comes_after_a_marker_is_unread_however_far_the_marker_was_set(world: World) -> None:
    await world.follow("a", "ada")
    await world.drained()
    await world.ask("MarkNotificationsRead", "ada", upTo=encode_cursor(2**62, NOTICE))
    await world.follow("b", "ada")

    assert await unread(world, "ada") == 1


async def test_a_marker_holds_over_a_restart(world: World) -> None:
    await world.follow("a", "ada")
    edges = (await listed(world, "ada"))["edges"]
    await world.ask("MarkNotificationsRead", "ada", upTo=edges[0]["cursor"])

    await world.restart()

    assert (await told(world, "ada"), await unread(world, "ada")) == (["FOLLOW a"], 0)


async def test_pages_go_on_from_their_cursors_and_end(world: World) -> None:
    for fan in ("a", "b", "c", "d", "e"):
        await world.follow(fan, "ada")

    first = await listed(world, "ada", first=2)
    await world.follow("f", "ada")
    second = await listed(world, "ada", first=2, after=first["pageInfo"]["endCursor"])
    third = await listed(world, "ada", first=2, after=second["pageInfo"]["endCursor"])

    assert [said(edge["node"]) for page in (first, second, third) for edge in page["edges"]] == [
        f"FOLLOW {fan}" for fan in ("e", "d", "c", "b", "a")
    ]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, third)] == [True, True, False]


async def test_the_newest_are_kept_and_no_more(tmp_path: Any) -> None:
    async with open_world(tmp_path, notifications_kept=20) as world:
        fans = [f"fan{number}" for number in range(25)]
        for fan in fans:
            await world.follow(fan, "ada")

        assert await told(world, "ada") == [f"FOLLOW {fan}" for fan in reversed(fans[5:])]


async def test_of_very_many_likes_the_first_are_told(tmp_path: Any) -> None:
    async with open_world(tmp_path, notified_likes_max=5) as world:
        tweet = await world.tweet("ada", "hello")
        for number in range(8):
            await world.like(f"fan{number}", tweet)
        await world.unlike("fan7", tweet)

        assert await told(world, "ada") == ["LIKE fan4 hello", *(f"LIKE fan{each} hello" for each in (2, 1, 0))]


async def test_what_is_imported_tells_nobody(world: World) -> None:
    ada, bob = await world.accounts(["ada", "bob"])
    tweet = tweet_number(await world.tweet("ada", "hello"))
    old = TweetPosted(TweetId(5), bob, "@ada", 1_000, tweet, ada)

    await world.append(TweetsImported([ImportedTweet("", old)]), LikesImported([(bob, tweet)]))

    assert await told(world, "ada") == []


async def test_the_same_tweet_at_a_later_place_of_the_log_tells_nobody(world: World) -> None:
    """The first place of an id wins (P2), though it was refused there."""
    await world.mute("ada", "bob")
    await world.tweet("bob", "@ada ?")
    await world.drained()
    await world.unmute("ada", "bob")
    events = [decode(logged.payload) for logged in await world.log.read(0, 100)]

    await world.append(*(event for event in events if isinstance(event, TweetPosted)))

    assert await told(world, "ada") == []


async def test_a_replay_of_the_log_tells_nothing_again(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    for fan in ("a", "b", "c", "d", "e"):
        await world.like(fan, tweet)
    await world.unlike("b", tweet)
    await world.mute("ada", "bob")
    await world.follow("bob", "ada")
    await world.drained()
    await world.unmute("ada", "bob")
    before = await listed(world, "ada")

    await world.notify_again()

    assert await listed(world, "ada") == before


async def test_a_notification_is_a_node_of_its_viewer_alone(world: World) -> None:
    await world.follow("bob", "ada")
    node_id = (await listed(world, "ada"))["edges"][0]["node"]["id"]

    found = await world.ask("Refetch", "ada", id=node_id)
    stranger = await world.ask("Refetch", "bob", id=node_id)

    assert (found["__typename"], found["id"], stranger) == ("Notification", node_id, None)


async def test_they_ask_for_a_viewer_and_for_sound_cursors(world: World) -> None:
    assert (await world.run("Notifications")).codes == ["UNAUTHENTICATED"]
    assert (await world.run("MarkNotificationsRead", upTo="x")).codes == ["UNAUTHENTICATED"]
    home = (await world.page("ada"))["liveCursor"]
    assert (await world.run("Notifications", "ada", after=home)).codes == ["BAD_USER_INPUT"]
    assert (await world.run("MarkNotificationsRead", "ada", upTo="x")).codes == ["BAD_USER_INPUT"]
    assert (await world.run("Notifications", "ada", first=101)).codes == ["BAD_USER_INPUT"]
