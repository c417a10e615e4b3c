"""Subscription streams. Loaders live for one event: each yield starts with fresh ones."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from loaders.errors import NotFound
from loaders.records import TweetView, User
from realtime.home_stream import HomeStream
from realtime.live_events import Topic
from realtime.streams import counts_updates, tweet_updates
from realtime.updates import HomeUpdate, TweetAdded
from resolvers.context import Info
from resolvers.guards import NodeId, hashtag_name, signed_in, tweet_id_of
from resolvers.users import by_handle


async def home(info: Info, after: str | None = None) -> AsyncGenerator[HomeUpdate, None]:
    """Stream the viewer's home timeline from a place on, or from now."""
    stream = HomeStream(signed_in(info), info.context.services.live)
    async with aclosing(stream.updates(after)) as updates:
        async for update in updates:
            info.context.forget()
            yield update


async def of_author(info: Info, handle: str) -> AsyncGenerator[TweetView, None]:
    """Stream an account's tweets from now on."""
    author = await by_handle(info, handle)
    if author is None:
        raise NotFound("There is no such account")
    async with aclosing(_tweets(info, ("author", author.id))) as found:
        async for tweet in found:
            yield tweet


async def of_hashtag(info: Info, name: str) -> AsyncGenerator[TweetView, None]:
    """Stream a hashtag's tweets from now on."""
    async with aclosing(_tweets(info, ("tag", hashtag_name(name)))) as found:
        async for tweet in found:
            yield tweet


async def counts(info: Info, node_id: NodeId) -> AsyncGenerator[TweetView, None]:
    """Stream a tweet's counts as they change, at most once a second."""
    tweet_id = tweet_id_of(node_id)
    async with aclosing(counts_updates(tweet_id, info.context.services.topics)) as changes:
        async for _ in changes:
            info.context.forget()
            tweet = await info.context.loaders.tweets.get(tweet_id)
            if tweet is not None:
                yield tweet


async def added_tweet(root: TweetAdded, info: Info) -> TweetView | None:
    """Answer the tweet that an added entry shows."""
    return await info.context.loaders.tweets.get(root.entry.root_id)


async def retweeted_by(root: TweetAdded, info: Info) -> User | None:
    """Answer who retweeted it, where the entry is a retweet."""
    return await info.context.loaders.users.get(root.entry.author_id) if root.entry.is_retweet else None


async def _tweets(info: Info, topic: Topic) -> AsyncGenerator[TweetView, None]:
    async with aclosing(tweet_updates(topic, info.context.viewer_id, info.context.services.topics)) as ids:
        async for tweet_id in ids:
            info.context.forget()
            tweet = await info.context.loaders.tweets.get(tweet_id)
            if tweet is not None:
                yield tweet
