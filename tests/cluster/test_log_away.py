"""Kafka hangs: posts are refused soon, everything else goes on, and nothing is lost or doubled afterwards."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.cluster.processes import PATIENCE_S, Site, running, sign_up_roamer, site, until
from tests.flows.killed_people import whole_home
from tests.server_process import Account
from tests.servers import shared

__all__ = ["site"]
pytestmark = pytest.mark.cluster

POSTS = 6
REFUSED_WITHIN_S = 1.0
BUSY_S = 2.0
"""What a machine with other work may add."""


@contextmanager
def frozen_kafka(request: pytest.FixtureRequest) -> Iterator[None]:
    kafka = shared(request).running("kafka")
    kafka.freeze()
    try:
        yield
    finally:
        kafka.thaw()


async def test_while_the_log_hangs_posts_are_refused_soon_and_pages_go_on(
    request: pytest.FixtureRequest, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    impatient = site.other("impatient", log_timeout_ms=900)
    async with running(impatient) as cluster, httpx.AsyncClient(timeout=PATIENCE_S) as http:
        eve, fay = [await sign_up_roamer(http, cluster.urls, name) for name in ("logless_eve", "logless_fay")]
        await fay.follow(eve)
        for number in range(POSTS):
            await insisted(eve, f"before {number}")

        with frozen_kafka(request):
            refused = await asyncio.gather(*(post(eve, f"during {number}") for number in range(POSTS)))
            pages = await asyncio.gather(*(timed_home(fay) for _ in range(POSTS)))
        for number in range(POSTS):
            await insisted(eve, f"after {number}")

        assert {status for status, _, _ in refused} == {503}
        assert all(float(wait) >= 1 for _, wait, _ in refused)
        slowest_s, page_s = max(took_s for _, _, took_s in refused), max(pages)
        with capsys.disabled():
            sys.stdout.write(f"\nrefused within {slowest_s:.2f} s, pages within {page_s:.2f} s\n")
        assert slowest_s < REFUSED_WITHIN_S + BUSY_S
        assert page_s < BUSY_S

        wanted = {f"{when} {number}" for when in ("before", "after") for number in range(POSTS)}

        async def is_all_there() -> bool:
            return wanted <= {edge["node"]["text"] for edge in (await whole_home(fay))[0]}

        await until(is_all_there)
        shown = [edge["node"]["text"] for edge in (await whole_home(fay))[0]]
        assert len(shown) == len(set(shown)), "nothing is there twice"
        assert "nothing missing" in await cluster.audit()


async def post(author: Account, text: str) -> tuple[int, str, float]:
    """Post once; return the status, what Retry-After says, and the seconds that it took."""
    document = "mutation($text: String!) { postTweet(input: {text: $text}) { tweet { id } userErrors { code } } }"
    began_s = time.monotonic()
    answer = await author.http.post(
        f"{author.url}/graphql",
        json={"query": document, "variables": {"text": text}},
        headers={"authorization": f"Bearer {author.token}"},
    )
    return answer.status_code, answer.headers.get("retry-after", "0"), time.monotonic() - began_s


async def timed_home(viewer: Account) -> float:
    began_s = time.monotonic()
    assert await viewer.home(first=20)
    return time.monotonic() - began_s


async def insisted(author: Account, text: str) -> None:
    """Post under a key until it is acknowledged."""

    async def is_posted() -> bool:
        answer = await author.run("PostTweet", input={"text": text, "idempotencyKey": text})
        return not answer.errors

    await until(is_posted)
