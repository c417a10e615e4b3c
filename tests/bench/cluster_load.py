"""Loads on a cluster's gateways: each request once, so many at a time; and posts that sockets wait for."""

import asyncio
import time
from collections.abc import Iterator, Sequence

from tests.bench.http_load import Client, Lap
from tests.bench.live import Publish
from tests.bench.requests import is_posted
from tests.bench.socket_load import Crowd

ERRORS = b'"errors":'


async def ask_each(port: int, requests: Sequence[bytes], at_once: int) -> Lap:
    """Send each request once, so many at a time. RuntimeError for an answer with errors."""
    lap, waiting = Lap(0.0, 0.0), iter(requests)
    clients = [await Client.open(port) for _ in range(at_once)]

    async def keep_asking(client: Client) -> None:
        for request in waiting:
            sent_s = time.perf_counter()
            body = await client.ask(request)
            if ERRORS in body:
                raise RuntimeError(f"an answer has errors: {body[:500]!r}")
            lap.latencies_s.append(time.perf_counter() - sent_s)

    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(keep_asking, clients))
    lap.seconds, lap.client_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    for client in clients:
        client.close()
    return lap


def poster(client: Client, posts: Iterator[bytes]) -> Publish:
    """Return what sends the next post, and does not return before it is answered."""

    async def publish() -> None:
        if not is_posted(body := await client.ask(next(posts))):
            raise RuntimeError(f"a post failed: {body[:500]!r}")

    return publish


def asker(client: Client, requests: Iterator[bytes]) -> Publish:
    """Return what sends the next request, whatever is answered."""

    async def publish() -> None:
        await client.ask(next(requests))

    return publish


async def publish_each(crowd: Crowd, send: Publish, count: int, pause_s: float) -> Sequence[float]:
    """Publish so many one after the other, each once all sockets have the last; return how late each socket had it."""
    crowd.begin()
    for _ in range(count):
        await crowd.publish(send)
        await asyncio.sleep(pause_s)
    return crowd.latencies_s
