"""Grafana's dashboard: every query returns data, of a real Roost with a little traffic, in a real Prometheus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.dashboard import CLUSTER, answered, queries
from tests.prometheus import needs_prometheus, prometheus
from tests.server_process import ServerProcess, open_socket
from tests.shown_metrics import busy, documented

TIMEOUT_S = 60.0


def test_every_metric_of_the_dashboard_is_documented_and_no_row_is_empty() -> None:
    asked = list(queries())
    names = {
        word.removesuffix("_bucket").removesuffix("_count")
        for _, _, expression in asked
        for word in expression.replace("(", " ").replace("[", " ").replace(")", " ").split()
        if word.startswith("roost_")
    }

    assert names <= documented().keys()
    assert len({row for row, _, _ in asked}) == 5


@needs_prometheus
async def test_every_query_of_the_dashboard_returns_data(tmp_path: Path) -> None:
    async with (
        ServerProcess(tmp_path / "data", push_limit=2) as server,
        httpx.AsyncClient(timeout=TIMEOUT_S) as http,
        prometheus(tmp_path / "prometheus", {"roost": [f"127.0.0.1:{server.port}"]}) as watching,
        traffic(http, server),
    ):
        await answered(watching, [each for each in queries() if each[0] != CLUSTER])


@asynccontextmanager
async def traffic(http: httpx.AsyncClient, server: ServerProcess) -> AsyncIterator[None]:
    """Let something happen all the time."""
    bob, is_over = await busy(http, server), asyncio.Event()

    async def go_on() -> None:
        async with open_socket(server.socket_url, bob.token) as one:
            await one.subscribe("HomeTimelineUpdates")
            while not is_over.is_set():
                await bob.tweet("again")
                await one.next()
                await bob.home()
                await bob.run("query Wrong { nothing }")

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        is_over.set()
        await going
