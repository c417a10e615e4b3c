"""The lists beside the home timeline: an account's tweets, hashtags, conversations, followers."""

import pytest

from tests.world import World

REPLIES = """query ($id: ID!, $after: String) { tweet(id: $id) { replies(first: 2, after: $after) {
    edges { node { text } } pageInfo { endCursor hasNextPage } } } }"""
PARENT = "query ($id: ID!) { tweet(id: $id) { inReplyToIsGone inReplyTo { id text } } }"


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


async def test_a_conversation_lists_direct_replies_as_they_came_page_by_page(world: World) -> None:
    question = await world.tweet("ada", "question")
    first = await world.reply("bob", question, "one")
    await world.reply("cy", question, "two")
    await world.reply("ada", first, "nested")

    replies = (await world.ask("Conversation", id=question))["replies"]["edges"]
    assert [edge["node"]["text"] for edge in replies] == ["one", "two"]

    await world.block("dora", "bob")
    for number in range(3):
        await world.reply("cy", question, f"more {number}")
        await world.reply("bob", question, f"bob {number}")
    pages, after = [], None
    for _ in range(2):
        page = (await world.ask(REPLIES, "dora", id=question, after=after))["replies"]
        pages.append([edge["node"]["text"] for edge in page["edges"]])
        after = page["pageInfo"]["endCursor"]
    assert (pages, page["pageInfo"]["hasNextPage"]) == ([["two", "more 0"], ["more 1", "more 2"]], False)


async def test_the_chain_upwards_ends_where_a_parent_is_gone_or_behind_a_block(world: World) -> None:
    question = await world.tweet("ada", "question")
    answer = await world.reply("bob", question, "answer")
    thanks = await world.reply("ada", answer, "thanks")
    assert await chain(world, thanks, "cy") == ["answer", "question", None]

    await world.delete("ada", question)
    assert await chain(world, thanks, "cy") == ["answer", "gone"]
    await world.block("cy", "bob")
    assert await chain(world, thanks, "cy") == ["gone"]
    assert await chain(world, thanks) == ["answer", "gone"]


async def chain(world: World, tweet_id: str, viewer: str | None = None) -> list[str | None]:
    """Return the texts upwards from a tweet's parent, then None, or "gone" where one cannot be seen."""
    texts: list[str | None] = []
    while (tweet := await world.ask(PARENT, viewer, id=tweet_id))["inReplyTo"]:
        assert not tweet["inReplyToIsGone"]
        texts.append(tweet["inReplyTo"]["text"])
        tweet_id = tweet["inReplyTo"]["id"]
    return [*texts, "gone" if tweet["inReplyToIsGone"] else None]


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
