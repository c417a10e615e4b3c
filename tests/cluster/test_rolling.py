"""Everything is replaced, process by process, while clients go on: no request fails, and nothing is lost."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.answers import Answer
from tests.cluster.processes import GROUPS, PATIENCE_S, Cluster, Site, ending, site, until
from tests.flows.killed_people import whole_home
from tests.server_process import Account, ServerProcess, sign_up

__all__ = ["site"]
pytestmark = pytest.mark.cluster

WRITERS = 4
GATEWAYS = 2


class Client:
    """Somebody who posts and reads in turn; whatever goes wrong is written down.

    `posted` are the acknowledged texts by tweet id. On a connection that is kept alive a request may meet the server's
    good-bye: it is sent once more, as every browser does, and counted in `sent_again`.
    """

    def __init__(self, account: Account, keeps_alive: bool) -> None:
        self.posted: dict[str, str] = {}
        self.requests = 0
        self.sent_again = 0
        self.faults: list[str] = []
        self._account = account
        self._keeps_alive = keeps_alive

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Go on until it is over."""
        number = 0
        while not is_over():
            number += 1
            text = f"{self._account.handle} {number}"
            given = {"text": text, "idempotencyKey": text}
            posted = await self._ask("PostTweet", input=given)
            if posted is not None:
                self.posted[text] = posted.value["tweet"]["id"]
            await self._ask("HomeTimeline", first=20)

    async def _ask(self, document: str, **variables: object) -> Answer | None:
        self.requests += 1
        try:
            answer = await self._sent(document, **variables)
        except httpx.TransportError as error:
            self.faults.append(f"{document}: {error!r}")
            return None
        if answer.codes or answer.value.get("userErrors"):
            self.faults.append(f"{document}: {answer}")
            return None
        return answer

    async def _sent(self, document: str, **variables: object) -> Answer:
        if not self._keeps_alive:
            async with httpx.AsyncClient(timeout=PATIENCE_S) as fresh:
                me = self._account
                return await Account(me.handle, me.id, me.token, fresh, me.url).run(document, **variables)
        try:
            return await self._account.run(document, **variables)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            self.sent_again += 1
            return await self._account.run(document, **variables)


async def test_no_request_fails_while_everything_is_replaced(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    serving = site.gateway("serving", "--workers", str(GATEWAYS))
    workers = [site.worker(f"{group}{number}", group) for group in GROUPS for number in range(2)]
    cluster = Cluster(site, [serving], workers)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ending(cluster))
        await cluster.start(serving, *workers)
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        accounts = [await sign_up(http, serving.url, f"roller{number}") for number in range(WRITERS)]
        for account in accounts:
            await account.follow(*(other for other in accounts if other is not account))
        clients = [Client(account, keeps_alive=number % 2 == 0) for number, account in enumerate(accounts)]
        is_over = asyncio.Event()
        talking = [asyncio.ensure_future(client.run(is_over.is_set)) for client in clients]
        await replace_gateways(serving)
        await replace_workers(cluster)
        is_over.set()
        await asyncio.gather(*talking)

        tell(capsys, clients)
        assert [fault for client in clients for fault in client.faults] == []
        posted = {text: tweet_id for client in clients for text, tweet_id in client.posted.items()}
        assert len(posted) > WRITERS

        async def is_all_there() -> bool:
            return len((await whole_home(accounts[0]))[0]) >= len(posted)

        await until(is_all_there)
        for account in accounts:
            shown = Counter(edge["node"]["text"] for edge in (await whole_home(account))[0])
            assert shown == Counter(posted.keys()), "all are there, each once"
        await cluster.audit()
        assert await serving.stop() == 0


async def replace_gateways(serving: ServerProcess) -> None:
    """Have all gateways replaced, and wait until only others are left."""
    old = children(serving.pid)
    assert len(old) == GATEWAYS
    os.kill(serving.pid, signal.SIGHUP)

    async def are_replaced() -> bool:
        now = children(serving.pid)
        return len(now) == GATEWAYS and not now & old

    await until(are_replaced, PATIENCE_S)


async def replace_workers(cluster: Cluster) -> None:
    """Replace the workers one by one, each after its successor has begun."""
    for place, old in enumerate(list(cluster.workers)):
        group = GROUPS[place // 2]
        successor = cluster.site.worker(f"{group}{place % 2 + 2}", group)
        await cluster.start(successor)
        assert await old.stop() == 0, old.output
        cluster.workers[place] = successor


def children(pid: int) -> set[int]:
    """Return the processes that a process has started."""
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def tell(capsys: pytest.CaptureFixture[str], clients: list[Client]) -> None:
    """Say how many requests there were, and how many were sent again."""
    requests, again = sum(client.requests for client in clients), sum(client.sent_again for client in clients)
    with capsys.disabled():
        sys.stdout.write(f"\n{requests} requests while all was replaced, {again} sent again on a closed connection\n")
