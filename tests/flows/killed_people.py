"""People who use a server that is killed again and again, and what they were told: the one truth of the kill test."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from tests.answers import Answer
from tests.server_process import LOOK_AGAIN_S, Account

AGAIN = ("UNAVAILABLE", "RATE_LIMITED")
UNREACHABLE = (httpx.TransportError, OSError, WebSocketException)
PAGE = 37


@dataclass
class Ledger:
    """What servers have acknowledged, and what they may have done though nobody was told."""

    posted: dict[str, str] = field(default_factory=dict)
    authors: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    likes: dict[tuple[str, str], bool] = field(default_factory=dict)
    follows: dict[tuple[str, str], bool] = field(default_factory=dict)

    def followed_by(self, handle: str) -> set[str]:
        """Return whom an account follows, and itself."""
        return {handle} | {other for (who, other), stands in self.follows.items() if who == handle and stands}

    def texts_of(self, authors: set[str]) -> set[str]:
        """Return the acknowledged texts of these authors."""
        return {text for text in self.posted if self.authors[text] in authors}

    def allowed_of(self, authors: set[str]) -> set[str]:
        """Return the texts of these authors that may be there, acknowledged or not."""
        return self.texts_of(authors) | {text for text, author in self.unknown.items() if author in authors}


async def insist(account: Account, document: str, **variables: Any) -> Answer:
    """Send the same until a server answers it."""
    while True:
        answer = await attempt(account, document, **variables)
        if answer is not None:
            return answer
        await asyncio.sleep(LOOK_AGAIN_S)


async def attempt(account: Account, document: str, **variables: Any) -> Answer | None:
    """Send once; None if no server said whether it was done."""
    try:
        answer = await account.run(document, **variables)
    except UNREACHABLE:
        return None
    return None if any(code in AGAIN for code in answer.codes) else answer


class Writer:
    """Posts, likes and follows one act after another, and writes down what was acknowledged."""

    def __init__(self, me: Account, others: list[Account], ledger: Ledger, seed: int) -> None:
        self._me = me
        self._others = others
        self._ledger = ledger
        self._dice = random.Random(f"{seed} {me.handle}")
        self._number = 0

    async def write_until(self, is_over: Callable[[], bool]) -> None:
        """Act until it is over; the last act is acknowledged then."""
        while not is_over():
            act = self._dice.choices((self._post, self._post_once, self._like, self._follow), (55, 15, 20, 10))[0]
            await act()

    async def _post(self) -> None:
        """Post with a key until that is acknowledged, and now and then once more, twice at once."""
        text = self._text()
        given = {"text": text, "idempotencyKey": f"key of {text}"}
        tweet_id = _tweet_id(await insist(self._me, "PostTweet", input=given))
        self._acknowledged(text, tweet_id)
        if self._dice.random() < 0.2:
            again = await asyncio.gather(*(insist(self._me, "PostTweet", input=given) for _ in range(2)))
            assert [_tweet_id(answer) for answer in again] == [tweet_id, tweet_id]

    async def _post_once(self) -> None:
        text = self._text()
        answer = await attempt(self._me, "PostTweet", input={"text": text})
        if answer is None:
            self._ledger.unknown[text] = self._me.handle
        else:
            self._acknowledged(text, _tweet_id(answer))

    async def _like(self) -> None:
        if self._ledger.posted:
            tweet_id, likes = self._dice.choice(list(self._ledger.posted.values())[-60:]), self._dice.random() < 0.7
            answer = await insist(self._me, "Like" if likes else "Unlike", id=tweet_id)
            assert answer.user_errors == []
            self._ledger.likes[self._me.handle, tweet_id] = likes

    async def _follow(self) -> None:
        other, follows = self._dice.choice(self._others), self._dice.random() < 0.5
        if other is not self._me:
            answer = await insist(self._me, "Follow" if follows else "Unfollow", id=other.id)
            assert answer.user_errors == []
            self._ledger.follows[self._me.handle, other.handle] = follows

    def _text(self) -> str:
        self._number += 1
        return f"{self._me.handle} says {self._number}"

    def _acknowledged(self, text: str, tweet_id: str) -> None:
        self._ledger.posted[text] = tweet_id
        self._ledger.authors[text] = self._me.handle


class Reader:
    """Keeps its screen up to date by its stream alone, over however many servers."""

    def __init__(self, me: Account, subscribe: Callable[..., AsyncGenerator[Any, None]]) -> None:
        self.me = me
        self.held: dict[str, str] = {}
        self.heard: Counter[str] = Counter()
        self.served = 0
        self.resets: list[str] = []
        self._subscribe = subscribe
        self._cursor = ""

    async def fetch(self) -> None:
        """Read the whole timeline anew."""
        self.held, self.heard = {}, Counter()
        edges, self._cursor = await whole_home(self.me)
        self.held = {edge["cursor"]: edge["node"]["text"] for edge in edges}

    async def read(self) -> None:
        """Read until cancelled, and come back whenever the connection breaks."""
        while True:
            is_served = False
            with suppress(*UNREACHABLE):
                async with aclosing(self._subscribe(after=self._cursor)) as updates:
                    async for update in updates:
                        self.served += not is_served
                        is_served = True
                        await self._apply(update)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _apply(self, update: dict[str, Any]) -> None:
        match update["__typename"]:
            case "TimelineTweetAdded":
                self.held[update["cursor"]] = update["tweet"]["text"]
                self.heard[update["cursor"]] += 1
                self._cursor = update["liveCursor"]
            case "TimelineReset":
                self.resets.append(update["reason"])
                await self.fetch()
            case other:
                raise AssertionError(f"nothing was taken back, and yet came {other}")


async def whole_home(viewer: Account) -> tuple[list[dict[str, Any]], str]:
    """Return all edges of a home timeline, and the place in the log that its first page reflects."""
    edges: list[dict[str, Any]] = []
    after, live_cursor = None, ""
    while True:
        page = (await insist(viewer, "HomeTimeline", first=PAGE, after=after)).value
        assert page["complete"]
        edges += page["edges"]
        live_cursor = live_cursor or page["liveCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return edges, live_cursor
        assert len(page["edges"]) == PAGE, "a page is full while there is more"
        after = page["pageInfo"]["endCursor"]


async def profile(viewer: Account, handle: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return an account with its counts, and all its tweets."""
    tweets: list[dict[str, Any]] = []
    after = None
    while True:
        user = (await insist(viewer, "UserTweets", handle=handle, first=PAGE, after=after)).value
        tweets += [edge["node"] for edge in user["tweets"]["edges"]]
        if not user["tweets"]["pageInfo"]["hasNextPage"]:
            return user, tweets
        after = user["tweets"]["pageInfo"]["endCursor"]


def _tweet_id(answer: Answer) -> str:
    assert answer.user_errors == []
    return str(answer.value["tweet"]["id"])
