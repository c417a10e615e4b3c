"""Cassandra or Kafka hangs or is gone: refusals in time, pages of what is known, and all as before soon afterwards."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import httpx
import pytest

from infra.stack.server import Server
from tests.answers import contract
from tests.cluster.load import BACK_S
from tests.cluster.processes import PATIENCE_S, Cluster, Site, running, sign_up_roamer, site, until
from tests.flows.killed_people import attempt, insist, whole_home
from tests.server_process import Account, Socket, open_socket
from tests.servers import shared

__all__ = ["site"]
pytestmark = pytest.mark.cluster

POSTS = 6
AWAY_S = 8.0
HEARD_S = 3.0
ASK_AGAIN_S = 0.25
IMPATIENT = {"log_timeout_ms": 900, "stores_timeout_ms": 2_000, "request_timeout_ms": 5_000}
REFUSED_WITHIN_S = {"kafka": 1.0, "cassandra": 4.0}
"""Who reserves a key and is not answered looks once whether it was reserved, by rule P1."""
PAGE_WITHIN_S = 2.0
BUSY_S = 2.0
"""What a machine with other work may add."""


class Reply(NamedTuple):
    """What came of one request, and after how many seconds."""

    status: int
    retry_after: str | None
    body: Any
    took_s: float


async def sent(account: Account, name: str, **variables: Any) -> Reply:
    """Send one of the contract's documents once."""
    began_s = time.monotonic()
    answer = await account.http.post(
        f"{account.url}/graphql",
        json={"query": contract()[name], "variables": variables},
        headers={"authorization": f"Bearer {account.token}", "accept": "application/graphql-response+json"},
    )
    took_s = time.monotonic() - began_s
    return Reply(answer.status_code, answer.headers.get("retry-after"), answer.json(), took_s)


async def posted(account: Account, text: str, key: str | None = None) -> Reply:
    return await sent(account, "PostTweet", input={"text": text, "idempotencyKey": key})


async def post_keyed(account: Account, texts: Iterator[str]) -> Reply:
    text = next(texts)
    return await posted(account, text, text)


class Story:
    """An author and a follower on one gateway; whatever was posted is remembered, with what became of it."""

    def __init__(self, cluster: Cluster, eve: Account, fay: Account) -> None:
        self.cluster, self.eve, self.fay = cluster, eve, fay
        self.acknowledged: list[str] = []

    async def post(self, *texts: str) -> None:
        """Post until each is acknowledged, with its text for a key."""
        for text in texts:
            await insist(self.eve, "PostTweet", input={"text": text, "idempotencyKey": text})
            self.acknowledged.append(text)

    async def shown(self) -> list[str]:
        """Return what the follower's timeline shows."""
        return [edge["node"]["text"] for edge in (await whole_home(self.fay))[0]]

    async def shows_all(self) -> bool:
        """Tell whether all that was acknowledged is there."""
        answer = await attempt(self.fay, "HomeTimeline", first=100)
        return answer is not None and {edge["node"]["text"] for edge in answer.value["edges"]} >= {*self.acknowledged}

    async def heard_on(self, socket: Socket) -> None:
        """Post until a socket has told of one of it: what was posted before a stream began is never told of."""
        posted: list[str] = []
        async with asyncio.timeout(BACK_S):
            while True:
                posted.append(f"heard {len(self.acknowledged)}")
                await self.post(posted[-1])
                with suppress(TimeoutError):
                    while (update := await socket.next(PAGE_WITHIN_S))["__typename"] != "TimelineTweetAdded":
                        pass
                    if update["tweet"]["text"] in posted:
                        return

    async def part(self, name: str) -> dict[str, Any]:
        """Return what readiness says of a server; the gateway is ready all the time, and says so at once."""
        began_s = time.monotonic()
        answer = await self.fay.http.get(f"{self.fay.url}/health/ready")
        assert time.monotonic() - began_s < BUSY_S
        assert answer.status_code == 200, answer.text
        part: dict[str, Any] = answer.json()["parts"][name]
        return part

    async def told(self, name: str, is_degraded: bool) -> dict[str, Any]:
        """Wait until readiness says that a server is away, or is back."""
        part: dict[str, Any] = {}

        async def is_told() -> bool:
            part.clear()
            part.update(await self.part(name))
            return ("degraded" in part) is is_degraded

        await until(is_told, BACK_S)
        return part

    async def back(self) -> float:
        """Wait until posts and pages are as ever, hold them against what was acknowledged; return seconds."""
        began_s = time.monotonic()
        async with asyncio.timeout(BACK_S):
            await self.post(f"back {len(self.acknowledged)}")
            await until(self.shows_all, BACK_S)
        back_s = time.monotonic() - began_s
        shown = await self.shown()
        assert len(shown) == len(set(shown)), "nothing is there twice"
        return back_s


@asynccontextmanager
async def story(site: Site, name: str) -> AsyncIterator[Story]:
    """Let somebody have posted, and a follower have read it."""
    own = site.other(name, **IMPATIENT)
    async with running(own, gateways=1, workers=1) as cluster, httpx.AsyncClient(timeout=PATIENCE_S) as http:
        eve, fay = [await sign_up_roamer(http, cluster.urls, f"{name}_{who}") for who in ("eve", "fay")]
        await insist(fay, "Follow", id=eve.id)
        told = Story(cluster, eve, fay)
        await told.post(*(f"{name} {number}" for number in range(POSTS)))
        await until(told.shows_all)
        yield told
        await cluster.audit()


async def for_s(seconds: float, act: Callable[[], Awaitable[Reply]]) -> list[Reply]:
    """Do the same again and again for so many seconds."""
    replies, began_s = [], time.monotonic()
    while time.monotonic() - began_s < seconds:
        replies.append(await act())
        await asyncio.sleep(ASK_AGAIN_S)
    return replies


def check_refused(replies: list[Reply], within_s: float) -> float:
    """Check that all were told in time to come again; return the longest that took, in seconds."""
    assert {reply.status for reply in replies} == {503}
    assert all(int(reply.retry_after or 0) >= 1 for reply in replies)
    assert {error["extensions"]["code"] for reply in replies for error in reply.body["errors"]} == {"UNAVAILABLE"}
    slowest_s = max(reply.took_s for reply in replies)
    assert slowest_s < within_s + BUSY_S
    # Once the breaker is open nobody waits any more.
    assert min(reply.took_s for reply in replies) < within_s / 4
    return slowest_s


async def test_without_the_stores_pages_come_from_what_is_known_and_posts_are_refused_in_time(
    request: pytest.FixtureRequest, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    request.getfixturevalue("cassandra_url")
    stores = shared(request).running("cassandra")
    async with story(site, "storeless") as told:
        for away in (frozen, stopped):
            # A gateway hears of a follow a moment after the answer, and forgets then what it knew of the follower.
            await for_s(HEARD_S, lambda: sent(told.fay, "HomeTimeline", first=100))
            before = await told.shown()
            texts = (f"{away.__name__} refused {number}" for number in range(1_000))
            async with away(stores):
                refused, pages = await asyncio.gather(
                    for_s(AWAY_S, partial(post_keyed, told.eve, texts)),
                    for_s(AWAY_S, lambda: sent(told.fay, "HomeTimeline", first=100)),
                )
                part = await told.told("stores", is_degraded=True)
            back_s = await told.back()
            await told.told("stores", is_degraded=False)

            slowest_s = check_refused(refused, REFUSED_WITHIN_S["cassandra"])
            shown = [page for page in pages if page.status == 200]
            # A gateway that did not get on for a second has heard nothing for that long, and shows nothing then (V2).
            assert len(shown) >= 0.8 * len(pages)
            assert all(page.status in {200, 503} for page in pages)
            for page in shown:
                home = page.body["data"]["homeTimeline"]
                assert [edge["node"]["text"] for edge in home["edges"]] == before
                assert home["complete"], "all of it was seen here before"
            page_s = max(page.took_s for page in pages)
            assert page_s < PAGE_WITHIN_S + BUSY_S
            assert part["since"] and part["because"]
            # A key that was refused may be held by then: with it the same is posted, once.
            await told.post(f"{away.__name__} refused 0")
            await until(told.shows_all)
            assert (await told.shown()).count(f"{away.__name__} refused 0") == 1
            with capsys.disabled():
                sys.stdout.write(
                    f"\nCassandra {away.__name__}: {len(refused)} posts refused within {slowest_s:.2f} s, {len(pages)}"
                    f" pages within {page_s:.2f} s, back within {back_s:.1f} s\n"
                )


@asynccontextmanager
async def frozen(server: Server) -> AsyncIterator[None]:
    """Have a server hang."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@asynccontextmanager
async def stopped(server: Server) -> AsyncIterator[None]:
    """Have a server be gone, as after a crash."""
    server.kill()
    try:
        yield
    finally:
        await server.start()


LOG_AWAY = {"stopped": (stopped, 30.0), "frozen": (frozen, 12.0)}
"""For how long. Frozen is it for longer than Kafka waits before it takes its own broker for gone, with all that it
leads; then members of groups begin anew.
"""


async def is_open(socket: Socket) -> None:
    """Check that a socket answers, after what was on its way to it."""
    await socket.send({"type": "ping"})
    while (message := await socket.message())["type"] == "next":
        pass
    assert message["type"] == "pong"


@pytest.mark.parametrize("way", ["stopped", "frozen"])
async def test_while_the_log_is_away_for_long_posts_are_refused_soon_and_all_else_goes_on(
    request: pytest.FixtureRequest, site: Site, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    away, away_s = LOG_AWAY[way]
    request.getfixturevalue("kafka_url")
    log = shared(request).running("kafka")
    async with (
        story(site, f"{way}_log") as told,
        open_socket(told.cluster.gateways[0].socket_url, told.fay.token) as socket,
    ):
        await socket.subscribe("HomeTimelineUpdates")
        await told.heard_on(socket)
        texts = (f"refused {number}" for number in range(1_000))
        async with away(log):
            refused, pages = await asyncio.gather(
                for_s(away_s, lambda: posted(told.eve, next(texts))),
                for_s(away_s, lambda: sent(told.fay, "HomeTimeline", first=100)),
            )
            part = await told.told("log", is_degraded=True)
            await is_open(socket)
        back_s = await told.back()
        await told.told("log", is_degraded=False)
        await told.heard_on(socket)

        slowest_s = check_refused(refused, REFUSED_WITHIN_S["kafka"])
        assert {page.status for page in pages} == {200}
        assert all(page.body["data"]["homeTimeline"]["complete"] for page in pages)
        page_s = max(page.took_s for page in pages)
        assert page_s < PAGE_WITHIN_S
        assert part["since"] and part["because"]
        if way == "stopped":
            # One that hangs may take later what it could not acknowledge, which nobody was told to be done or not.
            assert not any(text.startswith("refused") for text in await told.shown())
        with capsys.disabled():
            sys.stdout.write(
                f"\nKafka {way} for {away_s:.0f} s: {len(refused)} posts refused within {slowest_s:.2f} s,"
                f" {len(pages)} pages within {page_s:.2f} s, back within {back_s:.1f} s\n"
            )
