"""Who may ask for what: public fields are for everyone, the rest needs a viewer."""

from typing import Any

from loaders.global_ids import encode_id
from loaders.records import UserId
from tests.world import World

TWEET, USER = {"id": encode_id("Tweet", 1)}, {"id": encode_id("User", 1)}
NEED_A_VIEWER: dict[str, dict[str, Any]] = {
    "RenewToken": {},
    "UpdateProfile": {"input": {"bio": "b"}},
    "Viewer": {},
    "HomeTimeline": {},
    "NewCount": {"after": "x"},
    "Audit": {},
    "Explain": {"tweetId": encode_id("Tweet", 1)},
    "PostTweet": {"input": {"text": "a"}},
    **dict.fromkeys(("DeleteTweet", "Like", "Unlike", "Retweet", "UndoRetweet"), TWEET),
    **dict.fromkeys(("Follow", "Unfollow", "Mute", "Unmute", "Block", "Unblock"), USER),
}


async def test_what_needs_a_viewer_is_refused_without_one(world: World) -> None:
    answers = [(name, await world.run(name, **asked)) for name, asked in NEED_A_VIEWER.items()]

    assert [name for name, answer in answers if answer.codes != ["UNAUTHENTICATED"]] == []


async def test_anyone_reads_what_is_public(world: World) -> None:
    tweet = await world.tweet("ada", "hello #roost")
    await world.reply("bob", tweet, "hi")
    await world.follow("bob", "ada")
    await world.like("bob", tweet)

    user = await world.ask("UserTweets", handle="ada")
    conversation = await world.ask("Conversation", id=tweet)
    hashtag = await world.ask("HashtagTweets", name="roost")
    follows = await world.ask("Follows", handle="ada")

    assert user["tweets"]["edges"][0]["node"]["text"] == "hello #roost"
    marks = ("viewerIsFollowing", "followsViewer", "viewerHasMuted", "viewerHasBlocked")
    assert [user[mark] for mark in marks] == [False] * 4
    assert (conversation["likeCount"], conversation["viewerHasLiked"], conversation["replyCount"]) == (1, False, 1)
    assert len(hashtag["tweets"]["edges"]) == len(follows["followers"]["edges"]) == 1
    assert await world.ask("Refetch", id=await world.user_id("ada")) == {
        "__typename": "User",
        "id": await world.user_id("ada"),
        "handle": "ada",
    }


async def test_a_viewer_who_is_no_account_any_more_reads_nothing_of_their_own(world: World) -> None:
    assert (await world.run("Viewer", UserId(12345))).data == {"viewer": None}
    assert (await world.run("HomeTimeline", UserId(12345))).value["edges"] == []
