"""Redis hangs, and is gone: posts, pages and streams go on, and nothing is missing in the lists that stayed (F5)."""

import sys
import time
from pathlib import Path

import httpx
import pytest

from infra.stack.redis import redis_server
from tests.cluster.load import LATER_S, Load, load_on, whole_within_s
from tests.cluster.processes import PATIENCE_S, Site, running, site
from tests.server_process import open_socket
from tests.servers import redis_here

__all__ = ["site"]
pytestmark = pytest.mark.cluster

POSTS_BETWEEN = 12


async def test_nothing_waits_for_a_cache_that_hangs_or_is_gone_and_nothing_is_missing_afterwards(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with redis_here(redis_server)(tmp_path / "redis") as server:
        own = site.other("without-a-cache", timelines_url=server.url, broadcast_url=server.url)
        async with running(own) as cluster, httpx.AsyncClient(timeout=PATIENCE_S) as http:
            load = await load_on(http, cluster, "away")
            async with load.going_on():
                await load.posts(POSTS_BETWEEN)
                before = len(load.took_s)
                server.freeze()
                await load.posts(POSTS_BETWEEN)
                server.thaw()
                await load.posts(POSTS_BETWEEN)
                server.kill()
                await load.posts(POSTS_BETWEEN)
                heard_s = await heard_within_s(load, cluster.gateways[0].socket_url)
                for url in cluster.urls:
                    ready = await http.get(f"{url}/health/ready")
                    assert (ready.status_code, "degraded" in ready.json()["parts"]["timelines"]) == (200, True)
                await server.restart()
                await load.posts(POSTS_BETWEEN)
            slowest_before_s, slowest_s = max(load.took_s[:before]), max(load.took_s[before:])
            back_s = await whole_within_s(load, cluster)
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{len(load.posted)} posts, the slowest {slowest_before_s:.2f} s before and {slowest_s:.2f} s"
                    f" while Redis hung, was gone and came back; {load.reads} reads; heard without it within"
                    f" {heard_s:.1f} s; all clean within {back_s:.1f} s\n"
                )
            assert slowest_s < slowest_before_s + LATER_S


async def heard_within_s(load: Load, socket_url: str) -> float:
    """Return how long it takes until a socket hears of something that was posted after it was opened, in seconds."""
    viewer = load.viewers[0]
    async with open_socket(socket_url, viewer.token) as socket:
        await socket.subscribe("HomeTimelineUpdates")
        known, began_s = len(load.posted), time.monotonic()
        while True:
            update = await socket.next(PATIENCE_S)
            if update["__typename"] == "TimelineTweetAdded" and update["tweet"]["text"] not in load.posted[:known]:
                return time.monotonic() - began_s
