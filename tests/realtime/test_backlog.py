"""Nothing is taken that the log could forget before it was applied (rule P5)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loaders.errors import Unavailable
from loaders.records import TweetId, UserId
from realtime.appending import Appending
from realtime.backlog import Backlog
from tests.contracts.making import tweet
from tests.stepped import Stepped

RETENTION_MS = 60_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Stepped]:
    stepped = Stepped(tmp_path)
    await stepped.open()
    yield stepped
    await stepped.close()


@pytest.fixture
def backlog(world: Stepped) -> Backlog:
    return Backlog(world.log, world.engine.projection, lambda: int(world.now_s * 1000), RETENTION_MS)


async def test_the_backlog_is_as_old_as_the_oldest_event_that_is_not_applied(world: Stepped, backlog: Backlog) -> None:
    await backlog.measure()
    assert backlog.age_ms == 0

    await world.append(tweet(10, 1))
    world.now_s += 7
    await world.append(tweet(11, 1))
    world.now_s += 1
    await backlog.measure()
    assert backlog.age_ms == 8_000

    await world.drain()
    await backlog.measure()
    assert backlog.age_ms == 0


async def test_posts_are_refused_while_the_store_lags_by_more_than_half_of_the_retention(
    world: Stepped, backlog: Backlog
) -> None:
    """P5: what is refused is not in the log, and once the store has caught up posts are taken again."""
    appending = Appending(world.log, world.positions, 0, backlog)
    await appending.append(tweet(10, 1))
    world.now_s += RETENTION_MS / 2_000
    await backlog.measure()
    await appending.append(tweet(11, 1))

    world.now_s += 1
    await backlog.measure()
    with pytest.raises(Unavailable, match="too far behind"):
        await appending.append(tweet(12, 1))
    assert [*await world.log.end()] == [2]

    await world.drain()
    await backlog.measure()
    await appending.append(tweet(12, 1))
    assert await world.services.home.tweets.entries([TweetId(12)]) == [None]
    await world.drain()
    assert [edge.entry.id for edge in (await world.page(UserId(1))).edges] == [12, 11, 10]
