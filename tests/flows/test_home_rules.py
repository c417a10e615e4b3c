"""What a home timeline holds, rule by rule."""

import pytest

from loaders.records import TweetId
from realtime.events import TweetPosted
from tests.world import World, tweet_number


async def test_it_holds_the_viewers_own_tweets(world: World) -> None:
    await world.tweet("bob", "mine")

    assert await world.home("bob") == ["mine"]


async def test_it_holds_those_whom_the_viewer_follows_newest_first(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    await world.tweet("ada", "first")
    await world.tweet("cy", "second")
    await world.tweet("dora", "a stranger's")
    await world.tweet("ada", "third")

    assert await world.home("bob") == ["third", "second", "first"]


async def test_a_reply_shows_to_who_follows_the_author_replied_to(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    question = await world.tweet("cy", "question")
    await world.reply("ada", question, "answer")

    assert await world.home("bob") == ["answer", "question"]


async def test_a_reply_to_someone_not_followed_is_hidden(world: World) -> None:
    await world.follow("bob", "ada")
    question = await world.tweet("cy", "question")
    await world.reply("ada", question, "answer")

    assert await world.home("bob") == []


async def test_a_reply_to_the_viewer_shows(world: World) -> None:
    await world.follow("bob", "ada")
    question = await world.tweet("bob", "question")
    await world.reply("ada", question, "answer")

    assert await world.home("bob") == ["answer", "question"]


async def test_an_author_answering_themselves_shows(world: World) -> None:
    await world.follow("bob", "ada")
    first = await world.tweet("ada", "one")
    await world.reply("ada", first, "two")

    assert await world.home("bob") == ["two", "one"]


async def test_ones_own_reply_to_a_stranger_is_hidden_and_shows_once_they_are_followed(world: World) -> None:
    question = await world.tweet("cy", "question")
    await world.reply("bob", question, "answer")
    assert await world.home("bob") == []

    await world.follow("bob", "cy")
    assert await world.home("bob") == ["answer", "question"]


async def test_a_reply_to_a_deleted_tweet_is_judged_by_who_wrote_that(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    for author in ("cy", "dora"):
        question = await world.tweet(author, f"{author} asks")
        await world.reply("ada", question, f"to {author}")
        await world.delete(author, question)

    assert await world.home("bob") == ["to cy"]


async def test_a_retweet_shows_the_tweet_and_who_retweeted_it(world: World) -> None:
    await world.follow("bob", "ada")
    found = await world.tweet("cy", "found")
    await world.retweet("ada", found)

    assert await world.entries("bob") == [("found", "ada")]


async def test_ones_own_retweet_shows(world: World) -> None:
    await world.retweet("bob", await world.tweet("cy", "found"))

    assert await world.entries("bob") == [("found", "bob")]


async def test_a_retweet_of_a_reply_is_not_judged_by_whom_it_answers(world: World) -> None:
    await world.follow("bob", "ada")
    question = await world.tweet("cy", "question")
    await world.retweet("ada", await world.reply("dora", question, "answer"))

    assert await world.entries("bob") == [("answer", "ada")]


async def test_a_retweet_whose_original_stands_close_below_is_dropped(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    original = await world.tweet("cy", "original")
    await world.retweet("ada", original)

    assert await world.entries("bob") == [("original", None)]


async def test_of_two_retweets_close_together_the_older_shows(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    found = await world.tweet("dora", "found")
    await world.retweet("ada", found)
    await world.retweet("cy", found)

    assert await world.entries("bob") == [("found", "ada")]


@pytest.mark.parametrize(("between", "shows"), [(38, False), (39, False), (40, True)])
async def test_a_retweet_is_dropped_if_its_original_is_among_the_40_entries_below(
    world: World, between: int, shows: bool
) -> None:
    await world.follow("bob", "ada")
    original = await world.tweet("ada", "original")
    await world.many_tweets("ada", between)
    await world.retweet("ada", original)

    entries = await world.entries("bob")

    assert (("original", "ada") in entries) is shows
    assert entries[-1] == ("original", None)


async def test_dropped_retweets_count_among_the_40(world: World) -> None:
    await world.follow("bob", "ada")
    original = await world.tweet("ada", "original")
    await world.many_tweets("ada", 39)
    repeated = await world.tweet("ada", "repeated")
    assert (await world.retweet("ada", repeated))["retweetCount"] == 1
    await world.retweet("ada", original)

    # 39 tweets, one more and its own retweet, which is dropped itself, stand between the two.
    assert (await world.entries("bob"))[:2] == [("original", "ada"), ("repeated", None)]


async def test_hidden_entries_do_not_count_among_the_40(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    original = await world.tweet("ada", "original")
    await world.many_tweets("ada", 39)
    await world.tweet("cy", "muted")
    await world.retweet("ada", original)
    await world.mute("bob", "cy")

    assert ("original", "ada") not in await world.entries("bob")


async def test_a_retweet_is_dropped_however_many_hidden_entries_lie_before_its_original(world: World) -> None:
    """A page looks at 40 visible entries past its end, and not at 40 of whatever kind (F8)."""
    for author in ("ada", "cy"):
        await world.follow("bob", author)
    original = await world.tweet("ada", "original")
    asked, ada, eve = (
        tweet_number(await world.tweet("eve", "asks")),
        await world.account("ada"),
        await world.account("eve"),
    )
    answers = [TweetId(world.services.new_id()) for _ in range(60)]
    await world.append(*(TweetPosted(each, ada, "hidden", 0, asked, eve) for each in answers))
    for text in ("one", "two"):
        await world.tweet("ada", text)
    await world.retweet("cy", original)

    assert await world.home("bob", first=2) == ["two", "one"]


async def test_a_muted_authors_tweets_leave_and_come_back(world: World) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "loud")
    await world.mute("bob", "ada")
    assert await world.home("bob") == []

    await world.unmute("bob", "ada")
    assert await world.home("bob") == ["loud"]


async def test_a_muted_authors_tweet_does_not_come_by_a_retweet(world: World) -> None:
    await world.follow("bob", "ada")
    await world.mute("bob", "cy")
    await world.retweet("ada", await world.tweet("cy", "loud"))

    assert await world.home("bob") == []


async def test_what_a_muted_account_retweets_is_hidden(world: World) -> None:
    await world.follow("bob", "ada")
    await world.mute("bob", "ada")
    await world.retweet("ada", await world.tweet("cy", "fine"))

    assert await world.home("bob") == []


@pytest.mark.parametrize(("blocker", "blocked"), [("bob", "ada"), ("ada", "bob")])
async def test_a_block_either_way_hides_the_author(world: World, blocker: str, blocked: str) -> None:
    await world.follow("bob", "ada")
    await world.tweet("ada", "gone")
    assert await world.home("bob") == ["gone"]

    await world.block(blocker, blocked)
    assert await world.home("bob") == []


@pytest.mark.parametrize(("blocker", "blocked"), [("bob", "cy"), ("cy", "bob")])
async def test_a_blocked_authors_tweet_does_not_come_by_a_retweet(world: World, blocker: str, blocked: str) -> None:
    await world.follow("bob", "ada")
    await world.retweet("ada", await world.tweet("cy", "hidden"))
    assert await world.home("bob") == ["hidden"]

    await world.block(blocker, blocked)
    assert await world.home("bob") == []


async def test_a_deleted_tweet_goes_and_its_retweets_with_it(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    tweet = await world.tweet("cy", "regretted")
    await world.many_tweets("cy", 41)
    await world.retweet("ada", tweet)
    assert [text for text, _ in await world.entries("bob")].count("regretted") == 2

    await world.delete("cy", tweet)
    assert "regretted" not in await world.home("bob")


async def test_an_undone_retweet_goes_and_lets_a_dropped_one_show(world: World) -> None:
    await world.follow("bob", "ada")
    await world.follow("bob", "cy")
    found = await world.tweet("dora", "found")
    await world.retweet("ada", found)
    await world.retweet("cy", found)

    await world.undo("ada", found)
    assert await world.entries("bob") == [("found", "cy")]


async def test_an_unfollow_holds_at_once(world: World) -> None:
    """On one machine, for everybody (V1)."""
    await world.follow("bob", "ada")
    await world.tweet("ada", "hello")
    assert await world.home("bob") == ["hello"]

    await world.unfollow("bob", "ada")
    assert await world.home("bob") == []


async def test_a_new_follow_brings_what_was_posted_before(world: World) -> None:
    await world.tweet("ada", "old")
    await world.tweet("bob", "mine")
    assert await world.home("bob") == ["mine"]

    await world.follow("bob", "ada")
    assert await world.home("bob") == ["mine", "old"]


async def test_a_quote_of_what_one_may_not_see_shows_without_the_quoted(world: World) -> None:
    quoted = await world.tweet("cy", "quoted")
    await world.follow("bob", "ada")
    await world.quote("ada", quoted, "look")
    await world.block("cy", "bob")

    document = "{homeTimeline{edges{node{text quotedTweet{text}}}}}"
    (edge,) = (await world.ask(document, "bob"))["edges"]
    (other,) = (await world.ask(document, "ada"))["edges"]

    assert edge["node"] == {"text": "look", "quotedTweet": None}
    assert other["node"] == {"text": "look", "quotedTweet": {"text": "quoted"}}
