"""One gateway whose network to one server is slow or cut, while all others are well."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import pytest

from realtime.remembered import TRUST_S
from tests.cluster.processes import PATIENCE_S, STORES, Cluster, Site, ending, running, site, until
from tests.flows.killed_people import attempt, insist
from tests.proxy import Proxy
from tests.server_process import Account, sign_up

__all__ = ["site"]
pytestmark = pytest.mark.cluster

SLOWER_S = 0.5
"""What one server's answers take longer."""
ASKED = 60
BUSY_S = 0.2
"""What a machine with other work may add between two measurements: less than a wait for the slow server would."""
LOOKS_S = 6.0
IMPATIENT = {"log_timeout_ms": 900, "stores_timeout_ms": 2_000, "request_timeout_ms": 5_000}


def through(url: str) -> tuple[Proxy, Callable[[], str]]:
    """Return a proxy before the server of a URL, and what makes the URL that leads through it once it runs."""
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    proxy, address = Proxy(parts.hostname, parts.port), f"{parts.hostname}:{parts.port}"
    return proxy, lambda: url.replace(address, f"127.0.0.1:{proxy.port}")


async def p99(act: Callable[[], Awaitable[object]]) -> float:
    """Do something again and again; return how long nearly all of it took, in seconds."""
    took_s = []
    for _ in range(ASKED):
        began_s = time.monotonic()
        await act()
        took_s.append(time.monotonic() - began_s)
    return sorted(took_s)[round(0.99 * ASKED) - 1]


async def test_a_slow_cache_slows_nothing_that_does_not_need_it(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    own = site.other("slow", **IMPATIENT)
    proxy, leads = through(own.load().timelines_url)
    async with (
        proxy.running(),
        running(own, gateways=1, workers=1, timelines_url=leads(), broadcast_url=leads()) as cluster,
        httpx.AsyncClient(timeout=PATIENCE_S) as http,
    ):
        url = cluster.gateways[0].url
        ada, bob = [await sign_up(http, url, f"slow_{name}") for name in ("ada", "bob")]
        await insist(bob, "Follow", id=ada.id)
        await insist(ada, "PostTweet", input={"text": "hello"})

        async def tweets() -> bool:
            return bool((await bob.ask("UserTweets", handle="slow_ada"))["tweets"]["edges"])

        async def home() -> None:
            assert await bob.home() == ["hello"]

        await until(tweets)
        await p99(tweets)  # to warm up
        before_s = await p99(tweets)
        proxy.delay_s = SLOWER_S
        reading = asyncio.create_task(p99(home))
        slow_s = await p99(tweets)
        home_s = await reading

        with capsys.disabled():
            sys.stdout.write(
                f"\np99 of what needs no cache: {1_000 * before_s:.0f} ms before, {1_000 * slow_s:.0f} ms while it was"
                f" {1_000 * SLOWER_S:.0f} ms slower; pages of home timelines: {1_000 * home_s:.0f} ms\n"
            )
        assert slow_s < 2 * before_s + BUSY_S
        assert home_s < SLOWER_S + 2 * before_s + BUSY_S, "a page waits for its list once, and not for long"


async def test_a_gateway_cut_off_from_the_stores_shows_nothing_that_others_hide_meanwhile(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    own = site.other("cut", **IMPATIENT)
    proxy, leads = through(own.load().tweets_url)
    async with proxy.running(), httpx.AsyncClient(timeout=PATIENCE_S) as http:
        behind = dict.fromkeys((f"{name.lower()}_url" for name in STORES), leads())
        cut, whole = own.gateway("cut", **behind), own.gateway("whole")
        workers = [own.worker(group, group) for group in ("store", "fanout")]
        cluster = Cluster(own, [cut, whole], workers)
        async with ending(cluster):
            await cluster.start(cut, whole, *workers)
            eve = await sign_up(http, whole.url, "cut_eve")
            fay = await sign_up(http, cut.url, "cut_fay")
            await insist(fay, "Follow", id=eve.id)
            stays, doomed = [
                (await insist(eve, "PostTweet", input={"text": text})).value["tweet"]["id"]
                for text in ("stays", "doomed")
            ]
            await until(lambda: shows(fay, "doomed", "stays"))

            proxy.is_cut = True
            kept = await insist(fay, "HomeTimeline", first=20)
            assert [edge["node"]["id"] for edge in kept.value["edges"]] == [doomed, stays]
            assert kept.value["complete"]
            assert not (await insist(eve, "DeleteTweet", id=doomed)).value["userErrors"]
            pages = await seen(fay, LOOKS_S)
            proxy.is_cut = False
            await until(lambda: shows(fay, "stays"))

            late = [texts for after_s, texts in pages if after_s > TRUST_S]
            assert late, "it went on to show pages"
            assert all(texts == ["stays"] for texts in late)
            last_s = max((after_s for after_s, texts in pages if "doomed" in texts), default=0.0)
            await cluster.audit()
            with capsys.disabled():
                sys.stdout.write(f"\n{len(pages)} pages without the stores; hidden there within {last_s:.2f} s\n")
            await cluster.stop()


async def shows(viewer: Account, *texts: str) -> bool:
    answer = await attempt(viewer, "HomeTimeline", first=20)
    return answer is not None and [edge["node"]["text"] for edge in answer.value["edges"]] == [*texts]


async def seen(viewer: Account, seconds: float) -> list[tuple[float, list[str]]]:
    """Ask for pages for so long; return when each was begun, in seconds from now, and what it showed."""
    pages, began_s = [], time.monotonic()
    while (after_s := time.monotonic() - began_s) < seconds:
        answer = await attempt(viewer, "HomeTimeline", first=20)
        if answer is not None:
            pages.append((after_s, [edge["node"]["text"] for edge in answer.value["edges"]]))
        await asyncio.sleep(0.05)
    return pages
