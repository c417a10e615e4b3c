"""The promise under kill -9 on the cluster: gateways and workers die at random, and nothing acknowledged is lost."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import chain, cycle, islice
from typing import Any

import httpx
import pytest

from loaders.global_ids import decode_id
from tests.cluster.processes import CAUGHT_UP_S, PATIENCE_S, Cluster, Roamer, Site, running, sign_up_roamer, site, until
from tests.flows.killed_people import Ledger, Reader, Writer, insist, whole_home
from tests.server_process import Account, ServerProcess, socket_updates

__all__ = ["site"]
pytestmark = pytest.mark.cluster

KILLS_DEFAULT = 8
WORKERS = 2
WRITERS, READERS = 5, 2
PUSH_LIMIT = 4
STARS = 1
"""Writers whom everybody follows, so that they are pulled."""
FRIENDS = 2
SEED, KILLS = "TEST_SEED", "TEST_KILLS"
PAUSE_MAX_S = 1.5
"""Between a restart and the next kill, so that the group is found at rest, in a rebalance, and in between."""


async def test_what_was_acknowledged_outlives_gateways_and_workers(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    kills = int(os.environ.get(KILLS, KILLS_DEFAULT))
    sys.stdout.write(f"{SEED}={seed}\n")
    dice, ledger = random.Random(seed), Ledger()
    own = site.other("pushing", push_limit=PUSH_LIMIT)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(running(own, workers=WORKERS))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=PATIENCE_S))
        writers, readers = await people(http, cluster, ledger, dice)
        reading = [asyncio.ensure_future(reader.read()) for reader in readers]
        is_over = asyncio.Event()
        writing = [
            asyncio.ensure_future(Writer(each, [*writers], ledger, seed).write_until(is_over.is_set))
            for each in writers
        ]
        try:
            killed = [await kill_and_start(process, dice) for process in victims(cluster, dice, kills)]
            for worker in cluster.workers[::WORKERS]:
                worker.kill()
            began_s = time.monotonic()
            is_over.set()
            await asyncio.gather(*writing)
            for account in (*writers, *(reader.me for reader in readers)):
                await check_home(account, ledger)
            await until(lambda: have_caught_up(readers))
            back_s = time.monotonic() - began_s
        finally:
            for task in (*writing, *reading):
                task.cancel()
            done = await asyncio.gather(*writing, *reading, return_exceptions=True)
        assert [each for each in done if isinstance(each, AssertionError)] == []
        for reader in readers:
            assert [cursor for cursor, times in reader.heard.items() if times > 1] == [], "nothing came twice"
            assert reader.served > 1, "it came back to another gateway"
        said = await cluster.audit()
    with capsys.disabled():
        resets = sum(len(reader.resets) for reader in readers)
        sys.stdout.write(
            f"\nkilled {', '.join(killed)}; {len(ledger.posted)} posts acknowledged, {len(ledger.unknown)} never"
            f" answered, {resets} resets; all was there {back_s:.1f} s after a"
            f" worker of each group had died for good; {said}; seed {seed}\n"
        )


async def people(
    http: httpx.AsyncClient, cluster: Cluster, ledger: Ledger, dice: random.Random
) -> tuple[Sequence[Roamer], Sequence[Reader]]:
    """Sign everybody up, let them follow each other, and open the readers' pages."""
    names = [f"killed{number}" for number in range(WRITERS + READERS)]
    accounts = [await sign_up_roamer(http, cluster.urls, name) for name in names]
    writers = accounts[:WRITERS]
    for account in accounts:
        friends = {each.handle: each for each in (*writers[:STARS], *dice.sample(writers[STARS:], FRIENDS))}
        for other in friends.values():
            if other is not account:
                await account.follow(other)
                ledger.follows[account.handle, other.handle] = True
    readers = [Reader(account, roaming(cluster, account)) for account in accounts[WRITERS:]]
    for reader in readers:
        await reader.fetch()
    return writers, readers


def roaming(cluster: Cluster, account: Roamer) -> Callable[..., AsyncGenerator[Any, None]]:
    """Return what subscribes at another gateway each time."""
    turns: Iterator[str] = cycle([gateway.socket_url for gateway in cluster.gateways])

    def subscribe(**variables: Any) -> AsyncGenerator[Any, None]:
        return socket_updates(next(turns), account, "HomeTimelineUpdates", **variables)

    return subscribe


def victims(cluster: Cluster, dice: random.Random, kills: int) -> Iterator[ServerProcess]:
    """Return whom to kill: all of them in some order, and then all again."""
    everybody = [*cluster.gateways, *cluster.workers]
    rounds = -(-kills // len(everybody))
    return islice(chain.from_iterable(dice.sample(everybody, len(everybody)) for _ in range(rounds)), kills)


async def kill_and_start(process: ServerProcess, dice: random.Random) -> str:
    """Kill a process at some moment, start it again, and return its name."""
    await asyncio.sleep(dice.uniform(0, PAUSE_MAX_S))
    process.kill()
    await process.start()
    return process.data_dir.name


async def check_home(account: Account, ledger: Ledger) -> None:
    """Wait until a home timeline has what was acknowledged, and hold it against that, page by page."""
    authors = ledger.followed_by(account.handle)
    expected, allowed = ledger.texts_of(authors), ledger.allowed_of(authors)
    ids: list[int] = []
    shown: dict[str, str] = {}

    async def is_whole() -> bool:
        nodes = [edge["node"] for edge in (await whole_home(account))[0]]
        ids[:] = [decode_id(node["id"], "Tweet")[1] for node in nodes]
        shown.clear()
        shown.update({node["text"]: node["id"] for node in nodes})
        return shown.keys() >= expected

    try:
        await until(is_whole, CAUGHT_UP_S)
    except TimeoutError:
        pytest.fail(f"{account.handle} misses {expected - shown.keys()}")
    assert ids == sorted(set(ids), reverse=True), "in order, and nothing twice"
    assert len(shown) == len(ids), "no post became two tweets"
    assert shown.keys() <= allowed, "nothing else is there"
    assert {text: shown[text] for text in expected}.items() <= ledger.posted.items()
    audit = (await insist(account, "Audit", first=800)).value
    assert (audit["missing"], audit["unexpected"], audit["duplicates"]) == ([], [], [])


async def have_caught_up(readers: Sequence[Reader]) -> bool:
    """Tell whether each reader's screen, which its stream alone has kept, is what a page shows."""
    for reader in readers:
        edges, _ = await whole_home(reader.me)
        if reader.held != {edge["cursor"]: edge["node"]["text"] for edge in edges}:
            return False
    return True
