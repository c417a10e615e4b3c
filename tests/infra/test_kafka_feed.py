"""What a member of a group holds of a partition: nothing is skipped, memory is counted, and an end comes soon."""

import asyncio
from collections.abc import Sequence

import pytest

from infra.adapters.kafka.feed import PartitionFeed
from realtime.ports import Logged

PARTITION = 3
SHORT_S = 0.01


def event(offset: int) -> Logged:
    return Logged(PARTITION, offset, b"x" * 10, 0)


def events(*offsets: int) -> list[Logged]:
    return [event(offset) for offset in offsets]


class Log:
    """A log of some offsets, which remembers what was read of it."""

    def __init__(self, *offsets: int) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self._held = offsets

    async def read(self, after: int, limit: int, partition: int) -> Sequence[Logged]:
        self.asked.append((after, limit, partition))
        return [event(offset) for offset in self._held if offset > after][:limit]


@pytest.fixture
def log() -> Log:
    return Log(*range(1, 100))


@pytest.fixture
async def feed(log: Log) -> PartitionFeed:
    return PartitionFeed(PARTITION, log.read, asyncio.get_running_loop())


async def offsets(feed: PartitionFeed, after: int, limit: int = 10) -> list[int]:
    return [each.offset for each in await feed.read(after, limit, PARTITION)]


async def test_what_was_put_in_is_read_in_order_up_to_the_limit(feed: PartitionFeed, log: Log) -> None:
    feed.put(events(1, 2, 3))
    feed.put(events(4))

    assert await offsets(feed, 0, 3) == [1, 2, 3]
    assert await offsets(feed, 3) == [4]
    assert log.asked == []


async def test_a_batch_is_there_again_until_the_reader_goes_on_from_beyond_it(feed: PartitionFeed) -> None:
    feed.put(events(1, 2, 3))

    assert await offsets(feed, 0, 2) == await offsets(feed, 0, 2) == [1, 2]
    assert feed.held == (3, 30)
    assert await offsets(feed, 2) == [3]
    assert feed.held == (1, 10)


async def test_a_reader_that_is_behind_is_given_what_lies_between_from_the_log(feed: PartitionFeed, log: Log) -> None:
    feed.put(events(8, 9))

    assert await offsets(feed, 2, 4) == [3, 4, 5, 6]
    assert await offsets(feed, 6, 4) == [7]
    assert await offsets(feed, 7, 4) == [8, 9]
    assert log.asked == [(2, 4, PARTITION), (6, 1, PARTITION)]


async def test_a_reader_that_is_ahead_is_given_only_what_it_has_not_seen(feed: PartitionFeed) -> None:
    feed.put(events(1, 2, 3, 4))

    assert await offsets(feed, 3) == [4]


async def test_what_the_log_has_forgotten_is_passed_over() -> None:
    log = Log(8, 9)
    feed = PartitionFeed(PARTITION, log.read, asyncio.get_running_loop())
    feed.put(events(8, 9))

    assert await offsets(feed, 2) == [8, 9]


async def test_a_hole_within_what_was_put_in_is_filled_too(feed: PartitionFeed) -> None:
    feed.put(events(1, 2, 5, 6))

    assert await offsets(feed, 0) == [1, 2]
    assert await offsets(feed, 2) == [3, 4]
    assert await offsets(feed, 4) == [5, 6]


async def test_what_is_put_in_twice_is_held_once(feed: PartitionFeed) -> None:
    feed.put(events(1, 2))
    feed.put(events(1, 2, 3))

    assert feed.held == (3, 30)
    assert await offsets(feed, 0) == [1, 2, 3]


async def test_waiting_ends_with_what_is_put_in_from_another_thread(feed: PartitionFeed) -> None:
    waiting = asyncio.create_task(feed.wait(0, 60.0, PARTITION))
    await asyncio.sleep(0)

    await asyncio.to_thread(feed.put, events(1))

    assert await waiting


async def test_waiting_ends_in_vain_where_all_is_seen_already(feed: PartitionFeed) -> None:
    feed.put(events(1))

    assert not await feed.wait(1, SHORT_S, PARTITION)
    assert await offsets(feed, 1) == []


async def test_a_closed_feed_gives_nothing_and_does_not_keep_the_loop_to_itself(feed: PartitionFeed) -> None:
    feed.put(events(1))
    feed.close()
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    assert await offsets(feed, 0) == []
    assert not await feed.wait(0, SHORT_S, PARTITION)
    counting.cancel()

    assert turns > 0


async def test_a_feed_is_at_rest_until_a_batch_is_given_and_again_when_more_is_asked_for(feed: PartitionFeed) -> None:
    feed.put(events(1))
    await asyncio.wait_for(feed.at_rest(), SHORT_S)

    await feed.read(0, 10, PARTITION)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(feed.at_rest(), SHORT_S)

    await feed.wait(1, SHORT_S, PARTITION)
    await asyncio.wait_for(feed.at_rest(), SHORT_S)
