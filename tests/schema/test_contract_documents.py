"""Every document that client applications send is executed, and answers what it should."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, OperationType, parse

from tests.answers import CONTRACT, contract
from tests.media_files import picture
from tests.uploads import uploads_to
from tests.world import World

SHARED = Path(__file__).parents[2] / "../shared/contract/operations.graphql"


@dataclass(frozen=True)
class Case:
    """How a document is executed: as bob unless said otherwise. A variable "<name>" stands for the id of that name."""

    spots: Mapping[str, object]
    variables: Mapping[str, Any] = field(default_factory=dict)
    viewer: str | None = "bob"


PICTURE = picture(size=(60, 40))
NO_ERRORS: dict[str, object] = {"userErrors": []}
CASES: dict[str, Case] = {
    "SignUp": Case(
        {"viewer.handle": "Eve", "viewer.displayName": "Eve", **NO_ERRORS},
        {"input": {"handle": "Eve", "displayName": "Eve", "password": "correct horse"}},
        None,
    ),
    "LogIn": Case(
        {"viewer.handle": "dora", **NO_ERRORS}, {"input": {"handle": "DORA", "password": "correct horse"}}, None
    ),
    "RenewToken": Case({"expiresAt": "2027-01-16T08:00:00+00:00", **NO_ERRORS}),
    "UpdateProfile": Case(
        {"viewer.displayName": "Bob", "viewer.bio": "reads", "viewer.profileVersion": 2, **NO_ERRORS},
        {"input": {"displayName": "Bob", "bio": "reads", "expectedVersion": 1}},
    ),
    "Viewer": Case({"handle": "bob", "followersCount": 0, "followingCount": 1, "tweetsCount": 1, "avatarUrl": None}),
    "HomeTimeline": Case(
        {
            "edges.0.node.text": "quote",
            "edges.1.node.text": "strange",
            "edges.1.retweetedBy.handle": "ada",
            "edges.1.delivery": "PUSHED",
            "edges.3.node.replyCount": 1,
            "edges.3.node.quoteCount": 1,
            "edges.3.node.media": [],
            "pageInfo.hasNextPage": False,
            "complete": True,
        },
        {"first": 100},
    ),
    "CreateMediaUpload": Case(
        {"method": "PUT", "headers": [{"name": "content-type", "value": "image/jpeg"}], **NO_ERRORS},
        {"input": {"contentType": "image/jpeg", "byteSize": 1_000, "altText": "a hat"}},
    ),
    "CompleteMediaUpload": Case(
        {"media.id": "<medium>", "media.kind": "IMAGE", "media.width": 60, "media.height": 40, **NO_ERRORS},
        {"mediaId": "<medium>"},
    ),
    "UserTweets": Case(
        {"handle": "ada", "viewerIsFollowing": True, "followsViewer": False, "tweets.edges.1.node.likeCount": 1},
        {"handle": "ADA", "first": 100},
    ),
    "Follows": Case({"followers.edges.0.node.handle": "bob", "following.edges": []}, {"handle": "ada", "first": 100}),
    "HashtagTweets": Case({"name": "roost", "tweets.edges.0.node.id": "<tweet>"}, {"name": "ROOST", "first": 100}),
    "Conversation": Case({"replies.edges.0.node.text": "reply", "inReplyTo": None}, {"id": "<tweet>"}),
    "Entities": Case(
        {
            "entities.hashtags.0": {"text": "roost", "start": 6, "end": 12},
            "entities.mentions.0.user.id": "<bob>",
            "entities.urls.0.url": "example.com",
        },
        {"id": "<tweet>"},
    ),
    "Refetch": Case({"__typename": "User", "handle": "bob"}, {"id": "<bob>"}),
    "NewCount": Case({"count": 1, "capped": False}, {"after": "<cursor>"}),
    "Notifications": Case(
        {
            "unreadCount": 1,
            "edges.0.node.kind": "MENTION",
            "edges.0.node.actor.handle": "ada",
            "edges.0.node.tweet.id": "<tweet>",
            "pageInfo.hasNextPage": False,
        },
        {"first": 100},
    ),
    "MarkNotificationsRead": Case({"unreadCount": 0, **NO_ERRORS}, {"upTo": "<notification>"}),
    "Audit": Case({"checked": 4, "missing": [], "unexpected": [], "duplicates": []}, {"first": 100}),
    "Explain": Case(
        {"present": True, "reason": "FOLLOWED_AUTHOR", "delivery": "PUSHED", "fanOutLagMs": 0}, {"tweetId": "<tweet>"}
    ),
    "Search": Case(
        {"edges.0.node.__typename": "Tweet", "edges.0.node.id": "<tweet>", "pageInfo.hasNextPage": False},
        {"query": "hello", "first": 100},
    ),
    "Trends": Case({"0.name": "#trend", "0.tweetCount": 2, "0.since": "2027-01-15T08:01:00+00:00"}, {"first": 1}, None),
    "PostTweet": Case(
        {"tweet.text": "new", "tweet.author.handle": "bob", **NO_ERRORS},
        {"input": {"text": "new", "inReplyToId": "<tweet>", "quotedTweetId": "<tweet>", "idempotencyKey": "k"}},
    ),
    "DeleteTweet": Case({"deletedTweetId": "<reply>", **NO_ERRORS}, {"id": "<reply>"}),
    "Like": Case({"tweet.likeCount": 1, "tweet.viewerHasLiked": True, **NO_ERRORS}, {"id": "<strange>"}),
    "Unlike": Case({"tweet.likeCount": 0, "tweet.viewerHasLiked": False, **NO_ERRORS}, {"id": "<tweet>"}),
    "Retweet": Case({"tweet.retweetCount": 2, "tweet.viewerHasRetweeted": True, **NO_ERRORS}, {"id": "<strange>"}),
    "UndoRetweet": Case({"tweet.retweetCount": 0, **NO_ERRORS}, {"id": "<strange>"}, "ada"),
    "Follow": Case({"user.followersCount": 1, "user.viewerIsFollowing": True, **NO_ERRORS}, {"id": "<cy>"}),
    "Unfollow": Case({"user.followersCount": 0, "user.viewerIsFollowing": False, **NO_ERRORS}, {"id": "<ada>"}),
    "Mute": Case({"user.id": "<ada>", "user.viewerHasMuted": True, **NO_ERRORS}, {"id": "<ada>"}),
    "Unmute": Case({"user.id": "<ada>", "user.viewerHasMuted": False, **NO_ERRORS}, {"id": "<ada>"}),
    "Block": Case({"user.id": "<ada>", "user.viewerHasBlocked": True, **NO_ERRORS}, {"id": "<ada>"}),
    "Unblock": Case({"user.id": "<ada>", "user.viewerHasBlocked": False, **NO_ERRORS}, {"id": "<ada>"}),
}
Act = Callable[[World, Mapping[str, str]], Awaitable[object]]
STREAMS: dict[str, tuple[Case, Act]] = {
    "HomeTimelineUpdates": (
        Case({"__typename": "TimelineTweetAdded", "tweet.text": "new", "delivery": "PUSHED", "retweetedBy": None}),
        lambda world, _: world.tweet("ada", "new"),
    ),
    "NotificationAdded": (
        Case({"notification.kind": "FOLLOW", "notification.actor.handle": "cy", "notification.tweet": None}),
        lambda world, _: world.follow("cy", "bob"),
    ),
    "UserTweetsUpdates": (Case({"text": "new"}, {"handle": "ada"}, None), lambda world, _: world.tweet("ada", "new")),
    "HashtagUpdates": (Case({"text": "#roost"}, {"name": "roost"}, None), lambda world, _: world.tweet("cy", "#roost")),
    "TrendsUpdated": (
        Case({"0.name": "#trend", "0.tweetCount": 2}, {}, None),
        lambda world, _: world.engine.trending.idle(0),
    ),
    "TweetCounts": (
        Case({"id": "<strange>", "likeCount": 1, "retweetCount": 1}, {"id": "<strange>"}, None),
        lambda world, ids: world.like("cy", ids["strange"]),
    ),
}


async def populated(world: World) -> dict[str, str]:
    """Let something of every kind happen, and return the ids and the cursor that variables name."""
    sign_up = {"handle": "dora", "displayName": "Dora", "password": "correct horse"}
    await world.ask("SignUp", input=sign_up)
    await world.follow("bob", "ada")
    ids = {handle: await world.user_id(handle) for handle in ("ada", "bob", "cy")}
    for author in ("fay", "gil"):
        await world.tweet(author, "#trend")
    ids["tweet"] = await world.tweet("ada", "hello #roost @bob example.com")
    ids["strange"] = await world.tweet("cy", "strange")
    ids["reply"] = await world.reply("bob", ids["tweet"], "reply")
    await world.delete("bob", await world.tweet("bob", "regretted"))
    await world.retweet("ada", ids["strange"])
    async with uploads_to(world) as uploads:
        ids["medium"] = await uploads.medium("bob", PICTURE)
    ids["cursor"] = (await world.page("bob", first=1))["edges"][0]["cursor"]
    await world.quote("ada", ids["tweet"], "quote")
    await world.like("bob", ids["tweet"])
    await world.drained()
    ids["notification"] = (await world.ask("Notifications", "bob"))["edges"][0]["cursor"]
    await world.indexed()
    # The next minute's ranking, without moving what else goes by the clock.
    world.advance(60)
    await world.engine.trending.idle(0)
    world.advance(-60)
    return ids


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: filled(each, ids) for name, each in value.items()}
    is_name = isinstance(value, str) and value.startswith("<")
    return ids[value.strip("<>")] if is_name else value


def spot(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    return value


@pytest.mark.parametrize("name", CASES)
async def test_a_query_or_mutation_of_the_contract_is_answered(world: World, name: str) -> None:
    case, ids = CASES[name], await populated(world)

    answer = await world.run(name, case.viewer, **filled(dict(case.variables), ids))

    assert answer.errors == []
    assert {path: spot(answer.value, path) for path in case.spots} == filled(dict(case.spots), ids)


@pytest.mark.parametrize("name", STREAMS)
async def test_a_subscription_of_the_contract_is_answered(world: World, name: str) -> None:
    (case, act), ids = STREAMS[name], await populated(world)
    stream = await world.listen(name, case.viewer, **filled(dict(case.variables), ids))

    await act(world, ids)

    event = await stream.next()
    assert {path: spot(event, path) for path in case.spots} == filled(dict(case.spots), ids)


def test_no_document_of_the_contract_is_left_out() -> None:
    assert contract().keys() == CASES.keys() | STREAMS.keys()


def test_subscriptions_are_tested_as_such() -> None:
    kinds = {
        definition.name.value: definition.operation
        for definition in parse(CONTRACT.read_text()).definitions
        if isinstance(definition, OperationDefinitionNode) and definition.name
    }

    streams = {name for name, kind in kinds.items() if kind is OperationType.SUBSCRIPTION}
    assert streams == STREAMS.keys()


def test_the_copy_of_the_contract_is_the_shared_one() -> None:
    if not SHARED.exists():
        pytest.skip("there is no folder `shared` beside this checkout")

    assert CONTRACT.read_text() == SHARED.read_text()
