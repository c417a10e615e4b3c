"""Posting, replying, quoting, retweeting, liking and deleting: what is allowed, and what each answers."""

import pytest

from loaders.global_ids import encode_id
from tests.world import World

UNKNOWN = encode_id("Tweet", 12345)
ACTS = ("Like", "Unlike", "Retweet", "UndoRetweet", "DeleteTweet")


async def test_a_posted_tweet_is_answered_as_it_is_read_later(world: World) -> None:
    posted = (await world.ask("PostTweet", "ada", input={"text": "hello"}))["tweet"]

    read = (await world.ask("HomeTimeline", "ada"))["edges"][0]["node"]

    assert posted == read
    assert posted["createdAt"].startswith("2027-01-15T08:00:00")
    assert (posted["author"]["handle"], posted["media"]) == ("ada", [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "TEXT_EMPTY"),
        (" \n\u200b", "TEXT_EMPTY"),
        ("a" * 281, "TEXT_TOO_LONG"),
        ("漢" * 141, "TEXT_TOO_LONG"),
        ("a" * 5_000, "TEXT_TOO_LONG"),
        ("a\ufeffb", "TEXT_INVALID"),
    ],
)
async def test_a_text_that_breaks_the_rules_is_the_persons_to_mend(world: World, text: str, code: str) -> None:
    answer = await world.run("PostTweet", "ada", input={"text": text})

    assert answer.user_errors == [code]
    assert answer.value["userErrors"][0]["path"] == ["text"]
    assert answer.value["tweet"] is None
    assert await world.home("ada") == []


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_a_text_that_is_no_unicode_is_bad_input(world: World, text: str) -> None:
    assert (await world.run("PostTweet", "ada", input={"text": text})).codes == ["BAD_USER_INPUT"]


async def test_a_text_as_long_as_may_be_is_kept_in_its_normal_form(world: World) -> None:
    link = "https://example.com/" + "x" * 300
    await world.tweet("ada", "a" * 280)
    await world.tweet("ada", "漢" * 140)
    await world.tweet("ada", f"{'a' * 256} {link}")
    await world.tweet("ada", "e\u0301")

    assert await world.home("ada") == ["é", f"{'a' * 256} {link}", "漢" * 140, "a" * 280]


@pytest.mark.embedded
async def test_media_that_nobody_uploaded_are_not_found(world: World) -> None:
    answer = await world.run("PostTweet", "ada", input={"text": "look", "mediaIds": ["TWVkaWE6MQ=="]})

    assert answer.user_errors == ["MEDIUM_NOT_FOUND"]


async def test_entities_have_places_in_code_points_and_know_their_accounts(world: World) -> None:
    await world.account("Bob")
    tweet = await world.tweet("ada", "🦉 #Roost by @bob and @nobody: example.com/a")

    found = (await world.ask("Entities", id=tweet))["entities"]

    assert found["hashtags"] == [{"text": "Roost", "start": 2, "end": 8}]
    assert found["urls"] == [{"url": "example.com/a", "start": 30, "end": 43}]
    assert [(each["handle"], each["start"], each["end"]) for each in found["mentions"]] == [
        ("bob", 12, 16),
        ("nobody", 21, 28),
    ]
    assert [each["user"] for each in found["mentions"]] == [{"id": await world.user_id("Bob")}, None]


async def test_a_reply_and_a_quote_know_what_they_are_about(world: World) -> None:
    question = await world.tweet("ada", "question")
    answer = await world.reply("bob", question, "answer")
    quote = await world.quote("bob", question, "see")

    conversation = await world.ask("Conversation", id=question)
    assert [edge["node"]["text"] for edge in conversation["replies"]["edges"]] == ["answer"]
    assert (conversation["replyCount"], conversation["quoteCount"]) == (1, 1)
    assert (await world.ask("Conversation", id=answer))["inReplyTo"] == {"id": question}
    document = "query($id:ID!){tweet(id:$id){quotedTweet{id}}}"
    assert await world.ask(document, id=quote) == {"quotedTweet": {"id": question}}


@pytest.mark.parametrize("field", ["inReplyToId", "quotedTweetId"])
async def test_what_is_answered_or_quoted_must_stand(world: World, field: str) -> None:
    gone = await world.tweet("ada", "gone")
    await world.delete("ada", gone)

    for tweet in (UNKNOWN, gone):
        answer = await world.run("PostTweet", "bob", input={"text": "about it", field: tweet})
        assert answer.user_errors == ["NOT_FOUND"]
        assert answer.value["userErrors"][0]["path"] == [field]


async def test_acting_on_an_unknown_tweet_is_not_found(world: World) -> None:
    assert [(await world.run(act, "ada", id=UNKNOWN)).user_errors for act in ACTS] == [["NOT_FOUND"]] * 5


async def test_acting_on_a_deleted_tweet_is_not_found(world: World) -> None:
    gone = await world.tweet("ada", "gone")
    await world.delete("ada", gone)

    assert [(await world.run(act, "bob", id=gone)).user_errors for act in ACTS[:4]] == [["NOT_FOUND"]] * 4


@pytest.mark.parametrize(("blocker", "blocked"), [("ada", "bob"), ("bob", "ada")])
async def test_nobody_answers_quotes_retweets_or_likes_across_a_block(world: World, blocker: str, blocked: str) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.block(blocker, blocked)

    about = [{"text": "hey", "inReplyToId": tweet}, {"text": "hey", "quotedTweetId": tweet}]
    answers = [await world.run("PostTweet", "bob", input=each) for each in about]
    answers += [await world.run(act, "bob", id=tweet) for act in ("Retweet", "Like")]

    assert [answer.user_errors for answer in answers] == [["FORBIDDEN"]] * 4
    counts = (await world.page("ada"))["edges"][0]["node"]
    assert [counts[f"{kind}Count"] for kind in ("reply", "quote", "retweet", "like")] == [0, 0, 0, 0]


async def test_what_was_done_before_a_block_can_be_taken_back_across_it(world: World) -> None:
    tweet = await world.tweet("ada", "hello")
    await world.like("bob", tweet)
    await world.retweet("bob", tweet)
    await world.block("ada", "bob")

    assert (await world.run("Unlike", "bob", id=tweet)).user_errors == []
    assert (await world.run("UndoRetweet", "bob", id=tweet)).user_errors == []

    counts = (await world.page("ada"))["edges"][0]["node"]
    assert (counts["likeCount"], counts["retweetCount"]) == (0, 0)


async def test_liking_is_idempotent_and_so_is_taking_it_back(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    assert [(await world.like("bob", tweet))["likeCount"] for _ in range(3)] == [1, 1, 1]
    assert (await world.like("bob", tweet))["viewerHasLiked"] is True
    assert [(await world.unlike("bob", tweet))["likeCount"] for _ in range(3)] == [0, 0, 0]
    assert (await world.unlike("bob", tweet))["viewerHasLiked"] is False


async def test_retweeting_is_idempotent_and_so_is_taking_it_back(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    assert [(await world.retweet("bob", tweet))["retweetCount"] for _ in range(3)] == [1, 1, 1]
    assert (await world.retweet("bob", tweet))["viewerHasRetweeted"] is True
    assert await world.entries("bob") == [("hello", "bob")]
    assert [(await world.undo("bob", tweet))["retweetCount"] for _ in range(3)] == [0, 0, 0]
    assert (await world.undo("bob", tweet))["viewerHasRetweeted"] is False
    assert await world.entries("bob") == []


async def test_one_may_retweet_ones_own_tweet(world: World) -> None:
    tweet = await world.tweet("ada", "hello")

    assert (await world.retweet("ada", tweet))["retweetCount"] == 1


async def test_deleting_is_idempotent_and_takes_the_tweet_away_for_everyone(world: World) -> None:
    tweet = await world.tweet("ada", "regretted")

    first = await world.ask("DeleteTweet", "ada", id=tweet)
    second = await world.ask("DeleteTweet", "ada", id=tweet)

    assert first == second == {"deletedTweetId": tweet, "userErrors": []}
    assert await world.ask("Refetch", "ada", id=tweet) is None
    assert await world.ask("Refetch", id=tweet) is None


async def test_nobody_deletes_another_ones_tweet(world: World) -> None:
    tweet = await world.tweet("ada", "mine")

    assert (await world.run("DeleteTweet", "bob", id=tweet)).user_errors == ["FORBIDDEN"]
    assert await world.home("ada") == ["mine"]
