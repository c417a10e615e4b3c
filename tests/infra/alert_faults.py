"""The faults that fire alerts, caused on real servers: each as a context, which mends it at its end."""

import asyncio
import os
import re
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from websockets.exceptions import ConnectionClosed

from tests.flows.test_admission import request, sent_at_once
from tests.prometheus import RULES, Prometheus, prometheus
from tests.server_process import PASSWORD, Account, ServerProcess, answered, open_socket, sign_up

TIMEOUT_S = 60.0
WINDOW = "[6s]"
LATE, SOONER = "> 30", "> 1"
"""The threshold that is a time to wait for in the rules as they are shipped, and what stands for it here."""
AT_ONCE = 60
FROZEN_S = 0.7
EVERY_S = 0.1
RENAME = "UpdateProfile"

Fault = Callable[["Stand"], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Stand:
    """What faults befall: a server with small limits, one that is expendable, and who watches both."""

    server: ServerProcess
    other: ServerProcess
    prometheus: Prometheus
    http: httpx.AsyncClient
    ada: Account
    bob: Account

    def file(self, name: str) -> sqlite3.Connection:
        """Open one of the server's databases."""
        return sqlite3.connect(self.server.data_dir / f"{name}.db", isolation_level=None, timeout=TIMEOUT_S)


def quick() -> dict[str, Any]:
    """Return the rules as they are shipped, their times shortened."""
    text = re.sub(r"\[\d+[mh]\]", WINDOW, RULES.read_text(encoding="utf-8"))
    text = re.sub(r"for: \d+[mh]", "for: 0s", text)
    content: dict[str, Any] = yaml.safe_load(text.replace(LATE, SOONER))
    return content


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    """The servers, a few people, and Prometheus, for all alerts."""
    folder = tmp_path_factory.mktemp("alerts")
    small: dict[str, Any] = {"admission_wait_max_ms": 5, "admission_burst": 1, "sockets_max": 2}
    small |= {"argon2_waiting_max": 4, "argon2_time_cost": 20, "argon2_memory_kib": 19_456}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ServerProcess(folder / "data", **small))
        other = await stack.enter_async_context(ServerProcess(folder / "other"))
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=TIMEOUT_S))
        ada, bob = [await sign_up(http, server.url, handle) for handle in ("ada", "bob")]
        await bob.follow(ada)
        targets = {"roost": [f"127.0.0.1:{each.port}" for each in (server, other)]}
        watching = await stack.enter_async_context(prometheus(folder / "prometheus", targets, quick()))
        yield Stand(server, other, watching, http, ada, bob)


def again(act: Callable[[Stand], Awaitable[object]]) -> Fault:
    """Return the fault of doing something again and again."""

    @asynccontextmanager
    async def fault(stand: Stand) -> AsyncIterator[None]:
        is_over = asyncio.Event()

        async def go_on() -> None:
            while not is_over.is_set():
                await act(stand)
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await is_over.wait()

        going = asyncio.create_task(go_on())
        try:
            yield
        finally:
            is_over.set()
            await going

    return fault


@contextmanager
def without(stand: Stand, file: str, table: str) -> Iterator[None]:
    """Take a table away from a database, and bring it back."""
    with closing(stand.file(file)) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO away_{table}")
        try:
            yield
        finally:
            database.execute(f"ALTER TABLE away_{table} RENAME TO {table}")


async def post(stand: Stand) -> None:
    await stand.ada.run("PostTweet", input={"text": "one more"})


async def ask_too_much(stand: Stand) -> None:
    await sent_at_once(stand.server.port, [request(stand.ada, "too much")] * AT_ONCE)


async def log_in_all_at_once(stand: Stand) -> None:
    given = {"input": {"handle": "bob", "password": PASSWORD}}
    await asyncio.gather(*(answered(stand.http, stand.server.url, "LogIn", given) for _ in range(8)))


async def freeze_for_a_moment(stand: Stand) -> None:
    os.kill(stand.server.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(FROZEN_S)
    finally:
        os.kill(stand.server.pid, signal.SIGCONT)


async def change_names_while_the_file_is_locked(stand: Stand) -> None:
    with closing(stand.file("accounts")) as accounts:
        accounts.execute("BEGIN IMMEDIATE")
        changing = asyncio.ensure_future(stand.bob.run(RENAME, input={"displayName": "Bob"}))
        await asyncio.sleep(2 * FROZEN_S)
        accounts.execute("ROLLBACK")
    await changing


async def open_one_socket_too_many(stand: Stand) -> None:
    with suppress(ConnectionClosed):
        async with open_socket(stand.server.socket_url, stand.bob.token):
            pass


@asynccontextmanager
async def killed(stand: Stand) -> AsyncIterator[None]:
    stand.other.kill()
    yield
    await stand.other.start()


@asynccontextmanager
async def log_away(stand: Stand) -> AsyncIterator[None]:
    with without(stand, "log", "events"):
        async with again(post)(stand):
            yield


@asynccontextmanager
async def store_stuck(stand: Stand) -> AsyncIterator[None]:
    with without(stand, "store", "tweets"):
        await post(stand)
        yield


@asynccontextmanager
async def store_late(stand: Stand) -> AsyncIterator[None]:
    async with open_socket(stand.server.socket_url, stand.bob.token) as listening:
        await listening.subscribe("HomeTimelineUpdates")
        with without(stand, "store", "tweets"):
            await post(stand)
            await asyncio.sleep(2 * FROZEN_S)
        yield


@asynccontextmanager
async def hash_spoilt(stand: Stand) -> AsyncIterator[None]:
    spoilt = await sign_up(stand.http, stand.server.url, "cy")
    with closing(stand.file("accounts")) as accounts:
        accounts.execute("UPDATE users SET password_hash = 'none' WHERE handle = ?", (spoilt.handle,))
    given = {"input": {"handle": spoilt.handle, "password": PASSWORD}}

    async def log_in(_: Stand) -> None:
        await answered(stand.http, stand.server.url, "LogIn", given)

    async with again(log_in)(stand):
        yield


@asynccontextmanager
async def poisoned(stand: Stand) -> AsyncIterator[None]:
    with closing(stand.file("log")) as log:
        log.execute("INSERT INTO events (key, is_entry, payload, appended_at_ms) VALUES (1, 0, 'poison', 1)")
    yield


@asynccontextmanager
async def sockets_taken(stand: Stand) -> AsyncIterator[None]:
    async with (
        open_socket(stand.server.socket_url, stand.bob.token),
        open_socket(stand.server.socket_url, stand.bob.token),
        again(open_one_socket_too_many)(stand),
    ):
        yield


@asynccontextmanager
async def tweet_lost(stand: Stand) -> AsyncIterator[None]:
    await stand.ada.tweet("to be lost")
    with closing(stand.file("store")) as store:
        store.execute("DELETE FROM tweets WHERE id = (SELECT max(id) FROM tweets)")
    assert await stand.bob.ask("Audit")
    yield


FAULTS: Mapping[str, Fault] = {
    "RoostDown": killed,
    "RoostNotReady": log_away,
    "RoostInternalErrors": hash_spoilt,
    "RoostUnavailable": log_away,
    "RoostOperationsRefused": again(ask_too_much),
    "RoostSlow": again(change_names_while_the_file_is_locked),
    "RoostLoopLag": again(freeze_for_a_moment),
    "RoostGroupBehind": store_stuck,
    "RoostDeadLetters": poisoned,
    "RoostPoolFull": again(log_in_all_at_once),
    "RoostTimelinesLate": store_late,
    "RoostSocketsLate": store_late,
    "RoostSocketsRefused": sockets_taken,
    "RoostAuditFindings": tweet_lost,
}
