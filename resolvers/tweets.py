"""Tweets: reading one, and acting on it."""

from dataclasses import dataclass

from loaders.bundle import NO_MARKS, view_of
from loaders.entities import Entities, Mention, extract
from loaders.errors import UserError
from loaders.global_ids import decode_id, encode_id
from loaders.records import TweetCounts, TweetId, TweetView, User, UserId
from realtime.posting import Draft
from resolvers.context import Info
from resolvers.guards import NodeId, clean, media_id_of, signed_in, tweet_id_of
from resolvers.inputs import PostTweet
from resolvers.notifications import NotificationView, by_number

NO_COUNTS = TweetCounts()


@dataclass(frozen=True, slots=True)
class TweetPayload:
    """What acting on a tweet answers."""

    tweet: TweetView | None
    user_errors: list[UserError]


@dataclass(frozen=True, slots=True)
class DeletePayload:
    """What deleting a tweet answers."""

    deleted_tweet_id: str | None
    user_errors: list[UserError]


async def by_id(info: Info, node_id: NodeId) -> TweetView | None:
    """Answer a tweet; None if it is unknown, gone, or behind a block."""
    return await info.context.loaders.tweets.get(tweet_id_of(node_id))


async def node(info: Info, node_id: NodeId) -> TweetView | User | NotificationView | None:
    """Answer whatever a global id names; None if there is no such thing."""
    kind, identifier = decode_id(node_id, "Tweet", "User", "Notification")
    if kind == "Notification":
        return await by_number(info.context, identifier)
    if kind == "Tweet":
        return await info.context.loaders.tweets.get(TweetId(identifier))
    return await info.context.loaders.users.get(UserId(identifier))


async def in_reply_to(root: TweetView, info: Info) -> TweetView | None:
    """Answer the tweet that this one answers."""
    return None if root.in_reply_to_id is None else await info.context.loaders.tweets.get(root.in_reply_to_id)


async def in_reply_to_is_gone(root: TweetView, info: Info) -> bool:
    """Tell whether it answers a tweet that the viewer cannot see any more."""
    return root.in_reply_to_id is not None and await in_reply_to(root, info) is None


async def quoted(root: TweetView, info: Info) -> TweetView | None:
    """Answer the tweet that this one quotes."""
    return None if root.quoted_id is None else await info.context.loaders.tweets.get(root.quoted_id)


def entities(root: TweetView) -> Entities:
    """Answer a tweet's hashtags, mentions and URLs."""
    return extract(root.text)


async def mentioned(root: Mention, info: Info) -> User | None:
    """Answer the account that a mention names, if there is one."""
    return (await info.context.services.users.by_handles([root.handle])).get(root.handle.lower())


async def post(info: Info, given: PostTweet) -> TweetPayload:
    """Post a tweet."""
    viewer_id, services = signed_in(info), info.context.services
    key = given.idempotency_key
    draft = Draft(
        clean(given.text, "text"),
        None if given.in_reply_to_id is None else tweet_id_of(given.in_reply_to_id),
        None if given.quoted_tweet_id is None else tweet_id_of(given.quoted_tweet_id),
        None if key is None else clean(key, "idempotencyKey"),
        [media_id_of(each) for each in given.media_ids or ()],
    )
    outcome = await services.posting.post(viewer_id, draft)
    if isinstance(outcome, UserError):
        return TweetPayload(None, [outcome])
    if not outcome.is_new:
        return await _payload(info, outcome.tweet.id, None)
    # The event says all there is: it need not be read back, and a store that is behind delays no answer (P3).
    (author,) = await info.context.loaders.users.get_at_once([viewer_id])
    return TweetPayload(view_of(outcome.tweet, author, NO_COUNTS, NO_MARKS, services.loader_stores.url_of), [])


async def delete(info: Info, node_id: NodeId) -> DeletePayload:
    """Delete one's own tweet."""
    tweet_id = tweet_id_of(node_id)
    error = await info.context.services.posting.delete(signed_in(info), tweet_id)
    return DeletePayload(None, [error]) if error else DeletePayload(encode_id("Tweet", tweet_id), [])


async def like(info: Info, node_id: NodeId) -> TweetPayload:
    """Like a tweet."""
    tweet_id = tweet_id_of(node_id)
    return await _payload(info, tweet_id, await info.context.services.posting.like(signed_in(info), tweet_id, True))


async def unlike(info: Info, node_id: NodeId) -> TweetPayload:
    """Like a tweet no longer."""
    tweet_id = tweet_id_of(node_id)
    return await _payload(info, tweet_id, await info.context.services.posting.like(signed_in(info), tweet_id, False))


async def retweet(info: Info, node_id: NodeId) -> TweetPayload:
    """Retweet a tweet."""
    tweet_id = tweet_id_of(node_id)
    return await _payload(info, tweet_id, await info.context.services.posting.retweet(signed_in(info), tweet_id))


async def undo_retweet(info: Info, node_id: NodeId) -> TweetPayload:
    """Take a retweet back."""
    tweet_id = tweet_id_of(node_id)
    return await _payload(info, tweet_id, await info.context.services.posting.undo_retweet(signed_in(info), tweet_id))


async def _payload(info: Info, tweet_id: TweetId, error: UserError | None) -> TweetPayload:
    if error is not None:
        return TweetPayload(None, [error])
    return TweetPayload(await info.context.loaders.tweets.get(tweet_id), [])
