"""The same key answers the same tweet, however often and from wherever it is sent."""

import asyncio
from typing import Any

import pytest

from tests.answers import Answer
from tests.world import World

DAY_S = 86_400


async def post(world: World, author: str = "ada", text: str = "once", key: str = "key", **given: Any) -> Answer:
    return await world.run("PostTweet", author, input={"text": text, "idempotencyKey": key, **given})


def posted_id(answer: Answer) -> str:
    return str(answer.value["tweet"]["id"])


async def test_ten_in_a_row_are_one_tweet(world: World) -> None:
    answers = [await post(world) for _ in range(10)]

    assert len({posted_id(answer) for answer in answers}) == 1
    assert await world.home("ada") == ["once"]


async def test_ten_at_once_are_one_tweet(world: World) -> None:
    """Whoever wins the key and whoever comes again answer the same tweet (P1)."""
    answers = await asyncio.gather(*(post(world) for _ in range(10)))

    assert len({posted_id(answer) for answer in answers}) == 1
    assert await world.home("ada") == ["once"]
    assert (await world.ask("Viewer", "ada"))["tweetsCount"] == 1


async def test_ten_replies_at_once_are_one_reply_and_are_counted_once(world: World) -> None:
    question = await world.tweet("bob", "question")

    answers = await asyncio.gather(*(post(world, inReplyToId=question) for _ in range(10)))

    assert len({posted_id(answer) for answer in answers}) == 1
    assert (await world.ask("Conversation", id=question))["replyCount"] == 1


async def test_a_key_is_kept_across_a_restart(world: World) -> None:
    before = await post(world)
    await world.restart()

    assert posted_id(await post(world)) == posted_id(before)
    assert await world.home("ada") == ["once"]


async def test_a_text_in_another_normal_form_is_the_same_input(world: World) -> None:
    assert posted_id(await post(world, text="e\u0301")) == posted_id(await post(world, text="\u00e9"))


async def test_a_key_with_other_input_is_refused(world: World) -> None:
    question = await world.tweet("bob", "question")
    await post(world)

    others = [
        await post(world, text="twice"),
        await post(world, inReplyToId=question),
        await post(world, quotedTweetId=question),
    ]

    assert [answer.user_errors for answer in others] == [["IDEMPOTENCY_KEY_REUSED"]] * 3
    assert others[0].value["userErrors"][0]["path"] == ["idempotencyKey"]
    assert await world.home("ada") == ["once"]


async def test_a_key_is_its_accounts_own(world: World) -> None:
    assert posted_id(await post(world, "ada")) != posted_id(await post(world, "bob", text="another"))


async def test_the_key_of_a_tweet_deleted_since_says_so(world: World) -> None:
    await world.delete("ada", posted_id(await post(world)))

    assert (await post(world)).user_errors == ["DELETED"]
    assert await world.home("ada") == []


@pytest.mark.embedded
async def test_a_key_holds_for_24_hours(world: World) -> None:
    first = posted_id(await post(world))

    world.advance(DAY_S - 1)
    assert posted_id(await post(world)) == first

    world.advance(2)
    assert posted_id(await post(world)) != first


async def test_an_answer_to_what_was_deleted_since_is_answered_again_by_its_key(world: World) -> None:
    question = await world.tweet("bob", "question")
    first = await post(world, inReplyToId=question)
    await world.delete("bob", question)

    assert posted_id(await post(world, inReplyToId=question)) == posted_id(first)


async def test_a_refused_post_leaves_its_key_usable(world: World) -> None:
    question = await world.tweet("bob", "question")
    await world.block("bob", "ada")
    assert (await post(world, inReplyToId=question)).user_errors == ["FORBIDDEN"]

    await world.unblock("bob", "ada")
    assert (await post(world, inReplyToId=question)).user_errors == []


@pytest.mark.parametrize(
    ("key", "codes"), [("", ["IDEMPOTENCY_KEY_INVALID"]), ("k" * 101, ["IDEMPOTENCY_KEY_INVALID"])]
)
async def test_a_key_has_1_to_100_characters(world: World, key: str, codes: list[str]) -> None:
    assert (await post(world, key=key)).user_errors == codes
    assert (await post(world, key="k" * 100)).user_errors == []


async def test_a_key_that_is_no_unicode_is_bad_input(world: World) -> None:
    assert (await post(world, key="a\x00")).codes == ["BAD_USER_INPUT"]
