"""The promise under kill -9: a process dies again and again while people write, and nothing acknowledged is lost."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from loaders.global_ids import decode_id
from tests.flows.killed_people import Ledger, Reader, Writer, insist, profile, whole_home
from tests.flows.killed_server import KILLED_FILE, KILLS, POINTS, SEED
from tests.server_process import LOOK_AGAIN_S, Account, ServerProcess, event_updates, sign_up, socket_updates

KILLS_DEFAULT = 20
WRITERS, READERS = 12, 3
PUSH_LIMIT = 8
STARS = 2
"""Writers whom everybody follows at first, so that they are pulled."""
FRIENDS = 4
CAUGHT_UP_S = 30.0
KILL_S = 10.0
"""No life takes that long; a server that does not come up again must not keep its clients asking for ever."""
OUTPUT_SHOWN = 4_000
SUPERVISOR = (sys.executable, "-m", "tests.flows.killed_server")


async def test_what_was_acknowledged_outlives_every_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    kills = int(os.environ.get(KILLS, KILLS_DEFAULT))
    sys.stdout.write(f"{SEED}={seed}\n")
    dice, ledger, killed_file = random.Random(seed), Ledger(), tmp_path / "killed"
    killed_file.touch()
    more = {SEED: str(seed), KILLS: str(kills), KILLED_FILE: str(killed_file)}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(limits=httpx.Limits(max_connections=100)))
        async with ServerProcess(tmp_path / "data", push_limit=PUSH_LIMIT) as first:
            writers, readers = await people(http, first, ledger, dice)
            await first.stop()
        server = ServerProcess(tmp_path / "data", SUPERVISOR, more, first.port, push_limit=PUSH_LIMIT)
        await stack.enter_async_context(server)
        reading = [asyncio.ensure_future(reader.read()) for reader in readers]
        try:
            await write_while_killed(writers, ledger, seed, killed_file, kills)
            await drained(http, server.url)
            await caught_up(readers, reading)
        except TimeoutError:
            pytest.fail(f"no server came up, or it did not catch up:\n{server.output[-OUTPUT_SHOWN:]}")
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
        accounts = [*writers, *(reader.me for reader in readers)]
        for account in accounts:
            await check_home(account, ledger)
        for account in writers:
            await check_counts(account, readers[0].me, ledger)
        for reader in readers:
            await check_reader(reader, kills)
        assert await server.stop() == 0, server.output
    tell(capsys, killed_file, ledger, readers, seed)


async def people(
    http: httpx.AsyncClient, server: ServerProcess, ledger: Ledger, dice: random.Random
) -> tuple[list[Account], list[Reader]]:
    """Sign everybody up, let them follow each other, and open the readers' pages."""
    accounts = [await sign_up(http, server.url, f"user{number}") for number in range(WRITERS + READERS)]
    writers = accounts[:WRITERS]
    for account in accounts:
        friends = dice.sample(writers[STARS:], FRIENDS)
        for other in {
            friend.handle: friend for friend in (*writers[:STARS], *friends) if friend is not account
        }.values():
            await account.follow(other)
            ledger.follows[account.handle, other.handle] = True
    readers = []
    for number, account in enumerate(accounts[WRITERS:]):
        over_events = partial(event_updates, account, "HomeTimelineUpdates")
        over_socket = partial(socket_updates, server.socket_url, account, "HomeTimelineUpdates")
        readers.append(Reader(account, over_socket if number else over_events))
        await readers[-1].fetch()
    return writers, readers


async def write_while_killed(
    writers: Sequence[Account], ledger: Ledger, seed: int, killed_file: Path, kills: int
) -> None:
    """Let everybody write at once until the last kill, and a little longer."""

    def is_over() -> bool:
        return len(killed_file.read_text().splitlines()) >= kills

    await asyncio.gather(*(Writer(each, list(writers), ledger, seed).write_until(is_over) for each in writers))


async def drained(http: httpx.AsyncClient, url: str) -> None:
    """Wait until every group, and the hub, has caught up with the log."""
    async with asyncio.timeout(CAUGHT_UP_S):
        while True:
            health = (await http.get(f"{url}/health/ready")).json()
            if health["status"] == "ready" and not any(part.get("lag_events") for part in health["parts"].values()):
                return
            await asyncio.sleep(LOOK_AGAIN_S)


async def caught_up(readers: Sequence[Reader], reading: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until each reader holds what a page shows; who never does is told of by `check_reader`."""
    expected = [{edge["cursor"] for edge in (await whole_home(reader.me))[0]} for reader in readers]
    deadline = asyncio.get_running_loop().time() + CAUGHT_UP_S
    while any(reader.held.keys() != cursors for reader, cursors in zip(readers, expected, strict=True)):
        for task in reading:
            if task.done():
                task.result()
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(LOOK_AGAIN_S)


async def check_home(account: Account, ledger: Ledger) -> None:
    """Hold a home timeline, page by page, against what was acknowledged."""
    nodes = [edge["node"] for edge in (await whole_home(account))[0]]
    ids = [decode_id(node["id"], "Tweet")[1] for node in nodes]
    assert ids == sorted(set(ids), reverse=True), "in order, and nothing twice"
    shown = {node["text"]: node["id"] for node in nodes}
    assert len(shown) == len(nodes), "no post became two tweets"
    authors = ledger.followed_by(account.handle)
    assert ledger.texts_of(authors) - shown.keys() == set(), "nothing is missing"
    assert shown.keys() - ledger.allowed_of(authors) == set(), "nothing else is there"
    assert {text: shown[text] for text in ledger.texts_of(authors)}.items() <= ledger.posted.items()
    audit = (await insist(account, "Audit", first=800)).value
    assert (audit["missing"], audit["unexpected"], audit["duplicates"]) == ([], [], [])
    assert audit["checked"] == min(800, len(nodes))


async def check_counts(account: Account, viewer: Account, ledger: Ledger) -> None:
    """Hold an account's counts, and its tweets', against the last that was acknowledged of each like and follow."""
    user, tweets = await profile(viewer, account.handle)
    stands = [pair for pair, is_standing in ledger.follows.items() if is_standing]
    assert user["followersCount"] == sum(other == account.handle for _, other in stands)
    assert user["followingCount"] == sum(who == account.handle for who, _ in stands)
    assert user["tweetsCount"] == len(tweets)
    likes = Counter(tweet_id for (_, tweet_id), is_liked in ledger.likes.items() if is_liked)
    assert {tweet["id"]: tweet["likeCount"] for tweet in tweets} == {
        tweet["id"]: likes[tweet["id"]] for tweet in tweets
    }


async def check_reader(reader: Reader, kills: int) -> None:
    """Hold a screen that only its stream has kept against the timeline."""
    edges, _ = await whole_home(reader.me)
    assert reader.held == {edge["cursor"]: edge["node"]["text"] for edge in edges}
    assert [cursor for cursor, times in reader.heard.items() if times > 1] == [], "nothing came twice"
    assert reader.served > kills / 2, "it was there for the kills"


def tell(
    capsys: pytest.CaptureFixture[str], killed_file: Path, ledger: Ledger, readers: Sequence[Reader], seed: int
) -> None:
    """Say how often each point was hit; each was, at least twice."""
    hits = Counter(killed_file.read_text().splitlines())
    lines = [f"{hits[point]:4} kills {point}" for point in POINTS]
    lines.append(f"{len(ledger.posted):4} posts acknowledged, {len(ledger.unknown)} never answered, seed {seed}")
    lines.append(f"{min(reader.served for reader in readers):4} servers at least have told each reader something")
    lines.append(f"{sum(len(reader.resets) for reader in readers):4} resets")
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))
    assert all(hits[point] >= hits.total() // len(POINTS) for point in POINTS)
