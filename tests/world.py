"""A small world to tell stories in: a running engine on SQLite, and acts by name through the contract's documents."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from infra.clocks import Clocks
from infra.embedded import Engine, open_engine
from infra.engine import make_notify
from infra.settings import Settings
from loaders.global_ids import decode_id, encode_id
from loaders.ports import TimelineStore
from loaders.records import TweetId, User, UserId
from realtime.events import Event, RepairRequested, TweetPosted
from realtime.hub import Hub
from realtime.ports import EventLog
from realtime.worker import SEARCH
from resolvers.context import Context, Services
from tests.answers import WAIT_S, Answer, Listener, answered, contract, roost_schema

PUSH_LIMIT = 5
TURNS = 50
"""Of the event loop: enough for a stream to begin, none of which waits for anything outside."""


class World:
    """Accounts by handle, acts by name. Handles come into being as they are named; time stands still unless moved."""

    engine: Engine
    settings: Settings
    services: Services
    hub: Hub
    log: EventLog
    timelines: TimelineStore

    def __init__(self, folder: Path, **changes: object) -> None:
        self._changes: dict[str, object] = {
            "push_limit": PUSH_LIMIT,
            "write_wait_ms": 10_000,
            "search_gather_ms": 5,
            "trends_gather_ms": 5,
            **changes,
        }
        self._folder = folder
        self._stack = AsyncExitStack()
        self._ids: dict[str, UserId] = {}
        self._listeners: list[Listener] = []
        self.now_s = 1_800_000_000.0

    async def open(self, **changes: object) -> None:
        """Start the engine on the world's folder, with the settings changed."""
        self._changes |= changes
        clocks = Clocks(lambda: self.now_s, lambda: self.now_s)
        self.settings = Settings.for_tests(self._folder, **self._changes)
        self.engine = await self._stack.enter_async_context(open_engine(self.settings, clocks))
        self.services, self.hub = self.engine.services, self.engine.hub
        self.log, self.timelines = self.engine.log, self.engine.timelines

    async def close(self) -> None:
        """Stop the engine; the folder stays."""
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def restart(self, **changes: object) -> None:
        """Stop the engine and start it again, with the settings changed; that takes a second."""
        await self.close()
        self.advance(1)
        await self.open(**changes)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    async def drained(self) -> None:
        """Wait until groups and hub have caught up with the log."""
        assert await self.engine.drained(WAIT_S)
        _, end = await self.engine.log.bounds()
        async with asyncio.timeout(WAIT_S):
            while self.engine.hub.place()[0] < end:
                await _turn()

    async def indexed(self) -> None:
        """Wait until the search index has caught up with the log, and knows every account."""
        await self.drained()
        _, end = await self.engine.log.bounds()
        assert await self.engine.positions.wait(SEARCH, end, WAIT_S)
        await self.engine.search.look_for_accounts()

    # Accounts.

    async def account(self, handle: str) -> UserId:
        """Return an account's number; it comes into being without a password."""
        if handle not in self._ids:
            await self.accounts([handle])
        return self._ids[handle]

    async def accounts(self, handles: Sequence[str]) -> list[UserId]:
        """Let many accounts come into being at once."""
        services = self.services
        users = [User(UserId(services.new_id()), each, each, "", 1, services.clock_ms()) for each in handles]
        found = await services.users.create_missing(users)
        self._ids |= {handle: found[handle.lower()] for handle in handles}
        return [self._ids[handle] for handle in handles]

    async def user_id(self, handle: str) -> str:
        """Return an account's global id."""
        return encode_id("User", await self.account(handle))

    # Documents: the contract's by name, others by their text.

    async def run(
        self, document: str, viewer: str | UserId | None = None, address: str = "192.0.2.1", **variables: Any
    ) -> Answer:
        """Execute a query or a mutation as a viewer."""
        context = await self._context(viewer, address)
        text = contract().get(document, document)
        result = await roost_schema().execute(text, variable_values=variables, context_value=context)
        return answered(result)

    async def ask(self, document: str, viewer: str | UserId | None = None, **variables: Any) -> Any:
        """Execute, and return what the one root field answered; nothing may have gone wrong."""
        answer = await self.run(document, viewer, **variables)
        if isinstance(answer.value, dict):
            assert not answer.value.get("userErrors"), answer.value
        return answer.value

    async def listen(self, document: str, viewer: str | None = None, **variables: Any) -> Listener:
        """Subscribe, and be heard from the present place on; `close` of the world ends it."""
        await self.drained()
        context = await self._context(viewer, "192.0.2.1")
        results: Any = await roost_schema().subscribe(
            contract().get(document, document), variable_values=variables, context_value=context
        )
        listener = Listener(results)
        self._listeners.append(listener)
        for _ in range(TURNS):
            await _turn()
        return listener

    async def stream(self, viewer: str, after: str | None = None) -> Listener:
        """Follow a home timeline live."""
        return await self.listen("HomeTimelineUpdates", viewer, after=after)

    # Acts.

    async def tweet(self, author: str, text: str, **given: Any) -> str:
        """Post, and return the tweet's id."""
        payload = await self.ask("PostTweet", author, input={"text": text, **given})
        return str(payload["tweet"]["id"])

    async def reply(self, author: str, parent_id: str, text: str) -> str:
        """Answer a tweet, and return the reply's id."""
        return await self.tweet(author, text, inReplyToId=parent_id)

    async def quote(self, author: str, quoted_id: str, text: str) -> str:
        """Quote a tweet, and return the quote's id."""
        return await self.tweet(author, text, quotedTweetId=quoted_id)

    async def delete(self, author: str, tweet_id: str) -> None:
        """Delete one's own tweet."""
        await self.ask("DeleteTweet", author, id=tweet_id)

    async def retweet(self, who: str, tweet_id: str) -> Any:
        """Retweet, and return the tweet."""
        return (await self.ask("Retweet", who, id=tweet_id))["tweet"]

    async def undo(self, who: str, tweet_id: str) -> Any:
        """Take a retweet back, and return the tweet."""
        return (await self.ask("UndoRetweet", who, id=tweet_id))["tweet"]

    async def like(self, who: str, tweet_id: str) -> Any:
        """Like, and return the tweet."""
        return (await self.ask("Like", who, id=tweet_id))["tweet"]

    async def unlike(self, who: str, tweet_id: str) -> Any:
        """Like no longer, and return the tweet."""
        return (await self.ask("Unlike", who, id=tweet_id))["tweet"]

    async def follow(self, who: str, whom: str) -> Any:
        """Follow, and return the account followed."""
        return await self._relate("Follow", who, whom)

    async def unfollow(self, who: str, whom: str) -> Any:
        """Follow no longer, and return the account."""
        return await self._relate("Unfollow", who, whom)

    async def mute(self, who: str, whom: str) -> Any:
        """Mute, and return the account."""
        return await self._relate("Mute", who, whom)

    async def unmute(self, who: str, whom: str) -> Any:
        """Mute no longer, and return the account."""
        return await self._relate("Unmute", who, whom)

    async def block(self, who: str, whom: str) -> Any:
        """Block, and return the account."""
        return await self._relate("Block", who, whom)

    async def unblock(self, who: str, whom: str) -> Any:
        """Block no longer, and return the account."""
        return await self._relate("Unblock", who, whom)

    async def celebrity(self, handle: str) -> list[str]:
        """Give an account as many followers as make it pulled from its next tweet on, and return them."""
        fans = [f"fan{number}" for number in range(self.settings.push_limit)]
        await self.accounts(fans)
        await asyncio.gather(*(self.follow(fan, handle) for fan in fans))
        return fans

    # Past the documents, for what no client can do.

    async def append(self, *events: Event) -> None:
        """Put events into the log as they are, and let them take effect."""
        await self.log.append(events)
        await self.drained()

    async def many_tweets(self, author: str, count: int) -> list[TweetId]:
        """Post "1" to `count` by one append, and return the ids, oldest first."""
        author_id, ids = await self.account(author), [TweetId(self.services.new_id()) for _ in range(count)]
        await self.append(*(TweetPosted(each, author_id, str(number), 0) for number, each in enumerate(ids, 1)))
        return ids

    async def replay(self, *viewers: str) -> None:
        """Apply the whole log once more, and drop the viewers' cached lists."""
        ids = [await self.account(viewer) for viewer in viewers]
        await self.append(*(RepairRequested(ids, 1, each) for each in range(self.log.layout.partitions)))

    async def notify_again(self) -> None:
        """Let the group `notify` handle the whole log once more."""
        notify = make_notify(self.engine.parts)
        await notify.handle(await self.log.read(0, 100_000), 0)

    async def pushed_ids(self, viewer: str) -> list[TweetId]:
        """Return the ids in a viewer's cached list, newest first."""
        found = await self.timelines.newest(await self.account(viewer), None, 10_000)
        return [] if found is None else list(found.ids)

    async def cache(self, viewer: str, ids: Sequence[TweetId]) -> None:
        """Make a viewer's cached list hold these ids, whatever belongs there, and claim to be whole."""
        timelines, viewer_id = self.timelines, await self.account(viewer)
        settled = dict(enumerate(await self.log.end()))
        token = await timelines.begin_build(viewer_id)
        assert await timelines.finish_build(viewer_id, token, ids, TweetId(0), settled)

    # What is seen.

    async def page(self, viewer: str, **asked: Any) -> Any:
        """Return a page of a home timeline; 100 entries if nothing is asked."""
        return await self.ask("HomeTimeline", viewer, **(asked or {"first": 100}))

    async def home(self, viewer: str, **asked: Any) -> list[str]:
        """Return the texts of a page of a home timeline."""
        return [edge["node"]["text"] for edge in (await self.page(viewer, **asked))["edges"]]

    async def entries(self, viewer: str) -> list[tuple[str, str | None]]:
        """Return the texts of a home timeline, and who retweeted each."""
        edges = (await self.page(viewer))["edges"]
        return [(edge["node"]["text"], edge["retweetedBy"] and edge["retweetedBy"]["handle"]) for edge in edges]

    async def pushed_to(self, viewer: str) -> list[str]:
        """Return the texts of what stands in a viewer's cached list."""
        tweets = await self.services.loader_stores.tweets.get_many(await self.pushed_ids(viewer))
        return [tweet.text for tweet in tweets if tweet is not None]

    async def audit(self, viewer: str, first: int = 800) -> dict[str, Any]:
        """Audit a home timeline, and return the ids found by what is wrong with them."""
        found = await self.ask("Audit", viewer, first=first)
        return {what: [each["id"] for each in found[what]] for what in ("missing", "unexpected", "duplicates")}

    async def _relate(self, act: str, who: str, whom: str) -> Any:
        return (await self.ask(act, who, id=await self.user_id(whom)))["user"]

    async def _context(self, viewer: str | UserId | None, address: str) -> Context:
        viewer_id = await self.account(viewer) if isinstance(viewer, str) else viewer
        return Context(self.services, viewer_id, address)


@asynccontextmanager
async def open_world(folder: Path, **changes: object) -> AsyncIterator[World]:
    """Open a world with settings of its own."""
    world = World(folder, **changes)
    await world.open()
    try:
        yield world
    finally:
        await world.close()


def tweet_number(tweet_id: str) -> TweetId:
    """Return what a tweet's global id stands for."""
    return TweetId(decode_id(tweet_id, "Tweet")[1])


async def _turn() -> None:
    await asyncio.sleep(0)
