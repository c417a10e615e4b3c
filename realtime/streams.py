"""The live streams that start now: an author's tweets, a hashtag's, and a tweet's counts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from loaders.ports import GraphStore, TweetStore
from loaders.records import TweetId, UserId
from loaders.rules import may_see
from realtime.hub import Hub
from realtime.live_events import LiveEvent, Topic
from realtime.mailbox import Mailbox


@dataclass(frozen=True, slots=True)
class TopicServices:
    """What these streams need: the hub, the stores, and the limits."""

    hub: Hub
    tweets: TweetStore
    graph: GraphStore
    mailbox_size: int = 1_000
    counts_interval_s: float = 1.0


class TopicStream:
    """One subscriber of topics. Use it as a context, so that the hub lets go of it."""

    def __init__(self, hub: Hub, topics: Sequence[Topic], mailbox_size: int) -> None:
        self._hub = hub
        self._topics = topics
        self._mailbox = Mailbox[LiveEvent](mailbox_size)

    def __enter__(self) -> "TopicStream":
        self._hub.attach(self, self._topics)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub.detach(self, self._topics)

    def offer(self, event: LiveEvent) -> None:
        """Take an event from the hub; an overflow shows when the stream reads on."""
        self._mailbox.put(event)

    def waiting(self) -> int:
        """Return how many events it has yet to tell."""
        return len(self._mailbox)

    async def get(self) -> LiveEvent:
        """Take the next event; `MailboxOverflow` ends a stream that is not read."""
        return await self._mailbox.get()

    def drain(self) -> int:
        """Forget the events at hand and count them."""
        return self._mailbox.clear()


async def tweet_updates(
    topic: Topic, viewer_id: UserId | None, services: TopicServices
) -> AsyncGenerator[TweetId, None]:
    """Yield the ids of new tweets, replies and quotes of a topic that the viewer may see."""
    with TopicStream(services.hub, [topic], services.mailbox_size) as stream:
        while True:
            event = await stream.get()
            if event.entry is None or event.entry.is_retweet:
                continue
            (entry,) = await services.tweets.entries([event.entry.id])
            if entry is None or entry.gone_at is not None:
                continue
            if viewer_id is None or may_see(entry.author_id, await services.graph.relations(viewer_id)):
                yield entry.id


async def counts_updates(tweet_id: TweetId, services: TopicServices) -> AsyncGenerator[TweetId, None]:
    """Yield a tweet's id whenever its counts have changed, at most once an interval: the latest counts win."""
    with TopicStream(services.hub, [("counts", tweet_id)], services.mailbox_size) as stream:
        while True:
            await stream.get()
            stream.drain()
            yield tweet_id
            await asyncio.sleep(services.counts_interval_s)
