"""People who do this and that without end, and keep their screens up to date by a stream alone."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import InvalidStatus, WebSocketException

from loaders.global_ids import decode_id
from tests.answers import Answer
from tests.flows.killed_people import UNREACHABLE
from tests.server_process import Account, open_socket
from tests.soak.ledger import EITHER, NO, YES, Ledger
from tests.soak.told import Outcome, Told

PAUSE_MAX_S = 0.05
AGAIN_MAX_S = 0.5
"""How long they let be a server that did not answer: those who are refused at once by none would count for most."""
PAGE = 50
NEWEST = 80
TOO_LONG = " far too long" * 40


@dataclass(frozen=True)
class Terms:
    """What differs between one machine and a cluster.

    `refused_is_absent`: a post that the log refused is not in it; Kafka may have taken what it could not acknowledge.
    `hidden_s`: after how many seconds nobody sees any more what was acknowledged to be deleted.
    """

    refused_is_absent: bool
    hidden_s: float


class Person:
    """Does one thing after another, and writes down what it was told. Who was not told lets that thing be."""

    def __init__(
        self, me: Account, others: Sequence[Account], ledger: Ledger, told: Told, terms: Terms, seed: int
    ) -> None:
        self.me = me
        self._others = [other for other in others if other.handle != me.handle]
        self._ledger = ledger
        self._told = told
        self._terms = terms
        self._dice = random.Random(f"{seed} {me.handle}")
        self._number = 0

    async def act_until(self, is_over: Callable[[], bool]) -> None:
        """Act until it is over."""
        acts: dict[Callable[[], Awaitable[object]], int] = {
            self.post: 40,
            self._post_refused: 5,
            self._delete: 8,
            self._like: 17,
            self._follow: 8,
            self._read: 22,
        }
        while not is_over():
            (act,) = self._dice.choices(list(acts), list(acts.values()))
            await act()
            await asyncio.sleep(self._dice.uniform(0, PAUSE_MAX_S))

    async def send(self, operation: str, document: str, **variables: Any) -> tuple[Outcome, Answer | None]:
        """Send once, and count what came of it."""
        try:
            answer = await self.me.run(document, **variables)
        except UNREACHABLE:
            self._told.count(operation, Outcome.UNKNOWN)
            await asyncio.sleep(self._dice.uniform(0, AGAIN_MAX_S))
            return Outcome.UNKNOWN, None
        codes = answer.codes or (answer.user_errors if "userErrors" in answer.value else [])
        outcome = Outcome.FAILED if codes else Outcome.OK
        self._told.count(operation, outcome, codes)
        return outcome, answer

    async def post(self) -> Outcome:
        """Post something new."""
        text = self._text()
        outcome, answer = await self.send("post", "PostTweet", input={"text": text, "idempotencyKey": text})
        if outcome is Outcome.OK and answer is not None:
            self._ledger.post(text, self.me.handle, YES, answer.value["tweet"]["id"])
        elif outcome is Outcome.FAILED and self._terms.refused_is_absent:
            self._ledger.post(text, self.me.handle, NO)
        else:
            self._ledger.post(text, self.me.handle, EITHER)
        return outcome

    async def _post_refused(self) -> None:
        """Post what can only be refused: a text without end, or another text with a key that is taken."""
        mine = self._ledger.standing(self.me.handle)
        text, key = self._text(), self._dice.choice(mine) if mine and self._dice.random() < 0.5 else None
        text += "" if key else TOO_LONG
        outcome, _ = await self.send("post in vain", "PostTweet", input={"text": text, "idempotencyKey": key})
        assert outcome is not Outcome.OK, text
        self._ledger.post(text, self.me.handle, NO)

    async def _delete(self) -> None:
        mine = self._ledger.standing(self.me.handle)[-NEWEST:]
        if mine:
            text = self._dice.choice(mine)
            # Until there is an answer, nobody knows.
            self._ledger.delete(text, Outcome.UNKNOWN)
            outcome, _ = await self.send("delete", "DeleteTweet", id=self._ledger.posts[text].tweet_id)
            self._ledger.delete(text, outcome)

    async def _like(self) -> None:
        if some := self._ledger.standing()[-NEWEST:]:
            tweet_id = self._ledger.posts[self._dice.choice(some)].tweet_id
            await self._turn("like", tweet_id, tweet_id, ("Like", "Unlike"))

    async def _follow(self) -> None:
        other = self._dice.choice(self._others)
        await self._turn("follow", other.handle, other.id, ("Follow", "Unfollow"))

    async def _turn(self, act: str, what: str, named: str, documents: tuple[str, str]) -> None:
        """Do what is not done, or undo it."""
        pair = (act, self.me.handle, what)
        if self._ledger.state(pair) == EITHER:
            return
        wanted = self._ledger.state(pair) == NO
        self._ledger.settle(pair, wanted, Outcome.UNKNOWN)
        outcome, _ = await self.send(act, documents[0 if wanted else 1], id=named)
        self._ledger.settle(pair, wanted, outcome)

    async def _read(self) -> None:
        """Read a page: in order, nothing twice, and nothing of what was gone before."""
        began_s = time.monotonic()
        gone = self._ledger.gone_before(began_s - self._terms.hidden_s)
        outcome, answer = await self.send("read a page", "HomeTimeline", first=PAGE)
        if outcome is Outcome.OK and answer is not None:
            nodes = [edge["node"] for edge in answer.value["edges"]]
            ids = [decode_id(node["id"], "Tweet")[1] for node in nodes]
            assert ids == sorted(set(ids), reverse=True), "in order, and nothing twice"
            assert {node["text"] for node in nodes} & gone == set(), "what was deleted or refused shows"

    def _text(self) -> str:
        self._number += 1
        return f"{self.me.handle} says {self._number}"


class Watcher:
    """Keeps its screen up to date by its stream alone, over however many connections."""

    def __init__(self, me: Account, urls: Callable[[], str], told: Told) -> None:
        self.me = me
        self.held: dict[str, str] = {}
        self.twice: list[str] = []
        self._heard: Counter[str] = Counter()
        self._cursor = ""
        self._urls = urls
        self._told = told

    async def fetch(self) -> None:
        """Read the whole timeline anew."""
        edges, self._cursor = await whole_home(self.me)
        self.held, self._heard = {edge["cursor"]: edge["node"]["text"] for edge in edges}, Counter()

    async def watch(self) -> None:
        """Watch until cancelled, and come back whenever the connection breaks."""
        while True:
            try:
                async with aclosing(self._updates()) as updates:
                    async for update in updates:
                        await self._apply(update)
            except (WebSocketException, *UNREACHABLE):
                await asyncio.sleep(AGAIN_MAX_S / 2)

    async def _updates(self) -> AsyncGenerator[dict[str, Any] | None, None]:
        outcome, codes = Outcome.UNKNOWN, list[str]()
        try:
            async with open_socket(self._urls(), self.me.token) as socket:
                await socket.subscribe("HomeTimelineUpdates", after=self._cursor)
                await socket.send({"type": "ping"})
                while (message := await socket.message(timeout_s=None))["type"] in {"next", "pong"}:
                    outcome = Outcome.OK
                    if message["type"] == "next":
                        yield (message["payload"]["data"] or {}).get("homeTimelineUpdates")
                outcome = outcome if outcome is Outcome.OK else Outcome.FAILED
                codes = [error["extensions"]["code"] for error in message.get("payload", ())]
        except InvalidStatus:
            outcome = Outcome.FAILED
            raise
        finally:
            self._told.count("subscribe", outcome, codes)

    async def _apply(self, update: dict[str, Any] | None) -> None:
        match update:
            case None | {"__typename": "TimelineTweetAdded", "tweet": None}:
                # It could not be shown: it went meanwhile, or the stores did not answer.
                await self.fetch()
            case {"__typename": "TimelineTweetAdded"}:
                self._heard[update["cursor"]] += 1
                if self._heard[update["cursor"]] > 1:
                    self.twice.append(update["tweet"]["text"])
                self.held[update["cursor"]] = update["tweet"]["text"]
                self._cursor = update["liveCursor"]
            case {"__typename": "TimelineTweetRemoved"}:
                # It may come in again, when somebody is followed again.
                del self._heard[update["cursor"]]
                self.held.pop(update["cursor"], None)
                self._cursor = update["liveCursor"]
            case {"__typename": "TimelineReset"}:
                await self.fetch()


async def whole_home(viewer: Account) -> tuple[list[dict[str, Any]], str]:
    """Return all edges of a home timeline, and the place in the log that its first page reflects; however long."""
    while True:
        try:
            edges, live_cursor, after = list[dict[str, Any]](), "", None
            while True:
                page = (await viewer.run("HomeTimeline", first=PAGE, after=after)).value
                if not page["complete"]:
                    break
                edges += page["edges"]
                live_cursor = live_cursor or page["liveCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    return edges, live_cursor
                after = page["pageInfo"]["endCursor"]
        except (AssertionError, *UNREACHABLE):
            pass  # it was refused, or nobody answered
        await asyncio.sleep(PAUSE_MAX_S)
