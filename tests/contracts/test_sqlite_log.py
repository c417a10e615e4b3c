"""What the log of a data folder promises beyond its port: it shares commits, and forgets when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.adapters.sqlite.log import SQLiteEventLog
from loaders.records import TweetId, UserId
from realtime.events import Event, LikeChanged
from tests.contracts.adapters import Clock, sqlite_commits


def like(number: int) -> Event:
    return LikeChanged(UserId(number), TweetId(1), liked=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def log(tmp_path: Path, clock: Clock) -> AsyncIterator[SQLiteEventLog]:
    async with SQLiteEventLog.open(tmp_path / "log.db", clock) as opened:
        yield opened


async def test_appends_under_way_at_the_same_time_share_commits(tmp_path: Path, log: SQLiteEventLog) -> None:
    before = sqlite_commits(tmp_path)

    await asyncio.gather(*(log.append([like(number)]) for number in range(200)))

    assert 1 <= sqlite_commits(tmp_path) - before <= 10


async def test_trimming_forgets_what_is_older_and_handled_by_every_group(log: SQLiteEventLog, clock: Clock) -> None:
    for number in range(1, 7):
        clock.now = 1_000 * number
        await log.append([like(number)])

    assert await log.trim(before_ms=4_000, upto=6) == 3
    assert await log.bounds() == (4, 6)
    assert await log.trim(before_ms=9_000, upto=5) == 2
    assert [logged.offset for logged in await log.read(0, 10)] == [6]


async def test_offsets_go_on_growing_after_everything_was_trimmed(tmp_path: Path, clock: Clock) -> None:
    async with SQLiteEventLog.open(tmp_path / "log.db", clock) as log:
        await log.append([like(number) for number in range(5)])
        assert await log.trim(before_ms=2**60, upto=5) == 5
        assert await log.bounds() == (6, 5)

    async with SQLiteEventLog.open(tmp_path / "log.db", clock) as log:
        assert await log.bounds() == (6, 5)
        assert list(await log.append([like(6)])) == [6]
        assert await log.bounds() == (6, 6)
