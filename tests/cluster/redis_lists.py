"""What the tests of Redis share: connections that fail fast, lists, and what is done to servers."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from infra.adapters.redis.connection import RedisConnection, RedisLimits
from infra.adapters.redis.timelines import RedisTimelineStore
from loaders.errors import Unavailable
from loaders.records import TweetId, UserId

BASE = 1_790_000_000_000 << 21
"""Ids of the year 2026: all of them have 19 digits."""
QUICK = RedisLimits(timeout_s=1.0)
WAIT_S = 60.0


def ids(*numbers: int) -> list[TweetId]:
    """Return ids of today's size, in the order of these numbers."""
    return [TweetId(BASE + (number << 21)) for number in numbers]


def viewers(count: int) -> list[UserId]:
    """Return ids such as accounts get."""
    return [UserId(BASE - (number << 21)) for number in range(1, count + 1)]


@asynccontextmanager
async def opened(url: str, limits: RedisLimits = QUICK) -> AsyncIterator[tuple[RedisConnection, RedisTimelineStore]]:
    """Open a store of short lists."""
    async with RedisConnection.open(url, limits, random.Random(1)) as connection:
        yield connection, RedisTimelineStore(connection, length=100, push_timeout_s=limits.timeout_s)


async def build(store: RedisTimelineStore, viewer_id: UserId, *numbers: int) -> None:
    """Give a viewer a list."""
    token = await store.begin_build(viewer_id)
    assert await store.finish_build(viewer_id, token, ids(*numbers), TweetId(0), {})


async def held(store: RedisTimelineStore, viewer_id: UserId) -> Sequence[int] | None:
    """Return the numbers of the ids of a list."""
    found = await store.newest(viewer_id, None, 1_000)
    return None if found is None else [(tweet_id - BASE) >> 21 for tweet_id in found.ids]


async def is_held(store: RedisTimelineStore, viewer_id: UserId, numbers: Sequence[int]) -> bool:
    """Tell whether a viewer has exactly this list."""
    return await held(store, viewer_id) == numbers


async def in_time(work: Callable[[], Awaitable[bool]]) -> None:
    """Try until something comes true; while a server is away it may be unavailable."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                if await work():
                    return
            except Unavailable:
                pass
            await asyncio.sleep(0.05)
