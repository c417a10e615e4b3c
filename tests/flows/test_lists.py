"""The lists beside the home timeline: an account's tweets, hashtags, conversations, followers."""

import pytest

from tests.world import World


async def tweets_of(world: World, handle: str, viewer: str | None = None) -> list[str]:
    user = await world.ask("UserTweets", viewer, handle=handle)
    return [edge["node"]["text"] for edge in user["tweets"]["edges"]]


async def tagged(world: World, name: str, viewer: str | None = None) -> list[str]:
    hashtag = await world.ask("HashtagTweets", viewer, name=name)
    return [edge["node"]["text"] for edge in hashtag["tweets"]["edges"]]


async def test_an_accounts_tweets_are_tweets_replies_and_quotes_without_retweets(world: World) -> None:
    other = await world.tweet("bob", "other")
    own = await world.tweet("ada", "tweet")
    await world.reply("ada", other, "reply")
    await world.quote("ada", other, "quote")
    await world.retweet("ada", other)
    await world.retweet("ada", own)
    await world.delete("ada", await world.tweet("ada", "regretted"))

    assert await tweets_of(world, "ada") == ["quote", "reply", "tweet"]
    assert (await world.ask("Viewer", "ada"))["tweetsCount"] == 3


@pytest.mark.parametrize(("blocker", "blocked"), [("ada", "bob"), ("bob", "ada")])
async def test_a_block_either_way_hides_an_accounts_tweets_from_the_other_alone(
    world: World, blocker: str, blocked: str
) -> None:
    tweet = await world.tweet("ada", "hello #roost")
    await world.block(blocker, blocked)

    assert await tweets_of(world, "ada", "bob") == []
    assert await tagged(world, "roost", "bob") == []
    assert await world.ask("Refetch", "bob", id=tweet) is None
    assert await tweets_of(world, "ada", "cy") == await tweets_of(world, "ada") == ["hello #roost"]


async def test_a_mute_hides_nothing_outside_the_home_timeline(world: World) -> None:
    await world.tweet("ada", "hello #roost")
    await world.mute("bob", "ada")

    assert await tweets_of(world, "ada", "bob") == await tagged(world, "roost", "bob") == ["hello #roost"]


async def test_a_page_of_a_list_is_full_while_blocks_hide_what_stands_between(world: World) -> None:
    for number in range(6):
        await world.tweet("ada", f"ada {number} #roost")
        await world.tweet("cy", f"cy {number} #roost")
    await world.block("bob", "cy")

    page = (await world.ask("HashtagTweets", "bob", name="roost", first=4))["tweets"]
    rest = (await world.ask("HashtagTweets", "bob", name="roost", after=page["pageInfo"]["endCursor"]))["tweets"]

    texts = [edge["node"]["text"] for edge in (*page["edges"], *rest["edges"])]
    assert texts == [f"ada {number} #roost" for number in (5, 4, 3, 2, 1, 0)]
    assert (page["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert rest["pageInfo"]["hasPreviousPage"] is True


@pytest.mark.parametrize("name", ["café", "CAFÉ", "cafe\u0301"])
async def test_a_hashtag_ignores_case_and_normal_form(world: World, name: str) -> None:
    await world.tweet("ada", "to the #Café")

    assert await tagged(world, name) == ["to the #Café"]


async def test_a_name_that_is_no_hashtag_is_bad_input(world: World) -> None:
    for name in ("#roost", "", "two words", "123", "a\x00", "a\ud800"):
        assert (await world.run("HashtagTweets", name=name)).codes == ["BAD_USER_INPUT"], name


async def test_a_deleted_tweet_leaves_its_hashtag(world: World) -> None:
    await world.delete("ada", await world.tweet("ada", "#roost"))

    assert await tagged(world, "roost") == []


async def test_a_conversation_lists_direct_replies_newest_first(world: World) -> None:
    question = await world.tweet("ada", "question")
    first = await world.reply("bob", question, "one")
    await world.reply("cy", question, "two")
    await world.reply("ada", first, "nested")

    replies = (await world.ask("Conversation", id=question))["replies"]["edges"]
    assert [edge["node"]["text"] for edge in replies] == ["two", "one"]


async def test_followers_and_followees_are_listed_newest_follow_first_page_by_page(world: World) -> None:
    for follower in ("bob", "cy", "dora"):
        await world.follow(follower, "ada")
    await world.follow("ada", "cy")
    await world.unfollow("bob", "ada")
    await world.follow("bob", "ada")

    first = await world.ask("Follows", handle="ada", first=2)
    second = await world.ask("Follows", handle="ada", first=2, after=first["followers"]["pageInfo"]["endCursor"])

    pages = [[edge["node"]["handle"] for edge in page["followers"]["edges"]] for page in (first, second)]
    assert pages == [["bob", "dora"], ["cy"]]
    assert [page["followers"]["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert [edge["node"]["handle"] for edge in first["following"]["edges"]] == ["cy"]
