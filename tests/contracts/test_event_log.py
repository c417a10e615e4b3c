"""What every `EventLog` promises."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from loaders.records import TweetId, UserId
from realtime.events import Event, LikeChanged, RelationChanged, Retweeted, TweetPosted, Verb, decode
from realtime.partitions import log_partition
from realtime.ports import EventLog
from tests.contracts.adapters import LOGS, Clock
from tests.contracts.kafka_adapters import url_of
from tests.contracts.logs import OpenLog
from tests.servers import kafka_url

__all__ = ["kafka_url"]

AUTHOR = 9
PATIENCE_S = 60.0
CLOCKED = {"sqlite"}
"""The adapters whose log has the clock that they are given; others have their servers'."""


def tweet(tweet_id: int, author_id: int = AUTHOR) -> Event:
    return TweetPosted(TweetId(tweet_id), UserId(author_id), "hello", 0)


def retweet(tweet_id: int, author_id: int) -> Event:
    return Retweeted(TweetId(tweet_id), UserId(author_id), TweetId(1), UserId(AUTHOR), 0)


def like(user_id: int) -> Event:
    return LikeChanged(UserId(user_id), TweetId(1), liked=True)


@pytest.fixture(params=LOGS)
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def url(adapter: str, request: pytest.FixtureRequest) -> str:
    return url_of(adapter, request)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def open_log(adapter: str, url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[OpenLog]:
    async with LOGS[adapter](url, tmp_path, clock) as opened:
        yield opened


@pytest.fixture
async def log(open_log: OpenLog) -> AsyncIterator[EventLog]:
    async with open_log() as opened:
        yield opened


def home(log: EventLog) -> int:
    """Return the partition of the author's tweets."""
    return log_partition(tweet(1), log.layout)


def every_partition(log: EventLog) -> range:
    return range(log.layout.partitions + log.layout.like_partitions)


async def read_all(log: EventLog) -> list[Event]:
    return [decode(logged.payload) for logged in await log.read(0, 1_000, home(log))]


async def test_offsets_begin_at_one_and_grow_by_one_in_the_order_of_appending(log: EventLog) -> None:
    assert list(await log.append([tweet(1), tweet(2)])) == [1, 2]
    assert list(await log.append([tweet(3)])) == [3]

    assert [logged.offset for logged in await log.read(0, 10, home(log))] == [1, 2, 3]
    assert await read_all(log) == [tweet(1), tweet(2), tweet(3)]


async def test_an_event_comes_back_as_it_was_with_the_time_of_its_append(
    adapter: str, log: EventLog, clock: Clock
) -> None:
    event = TweetPosted(
        TweetId(2**62), UserId(AUTHOR), 'a "quote" \\ \0 👩‍👩‍👧 \u2028 שלום', 5, TweetId(1), UserId(2), TweetId(3), "he"
    )
    clock.now = 1_234_567
    before_ms = clock.now if adapter in CLOCKED else time.time_ns() // 1_000_000

    await log.append([event])

    (logged,) = await log.read(0, 1, home(log))
    after_ms = clock.now if adapter in CLOCKED else time.time_ns() // 1_000_000
    assert (decode(logged.payload), logged.partition) == (event, home(log))
    assert before_ms <= logged.appended_at_ms <= after_ms


async def test_an_event_is_read_from_its_own_partition_and_from_no_other(log: EventLog) -> None:
    events = [tweet(1, 1), tweet(2, 2), like(1), like(2), RelationChanged(Verb.FOLLOW, UserId(5), UserId(6), 1)]

    offsets = await log.append(events)

    found = {
        (partition, logged.offset): decode(logged.payload)
        for partition in every_partition(log)
        for logged in await log.read(0, 10, partition)
    }
    assert found == {
        (log_partition(event, log.layout), offset): event for event, offset in zip(events, offsets, strict=True)
    }


async def test_the_end_of_the_log_has_every_partition_that_a_place_counts(log: EventLog) -> None:
    await log.append([tweet(1), tweet(2), like(1)])

    place = await log.end()

    assert len(place) == log.layout.partitions
    assert list(place) == [(await log.bounds(partition))[1] for partition in range(log.layout.partitions)]
    assert place[home(log)] >= 2


async def test_reading_answers_what_comes_after_an_offset_and_no_more_than_the_limit(log: EventLog) -> None:
    await log.append([tweet(number) for number in range(1, 8)])

    async def read(after: int, limit: int) -> Sequence[int]:
        return [logged.offset for logged in await log.read(after, limit, home(log))]

    assert await read(2, 3) == [3, 4, 5]
    assert await read(5, 100) == [6, 7]
    assert await read(7, 100) == []
    assert await read(99, 100) == []


async def test_many_read_different_ranges_at_the_same_time(log: EventLog) -> None:
    await log.append([tweet(number) for number in range(1, 101)])

    answers = await asyncio.gather(*(log.read(after, 10, home(log)) for after in range(90)))

    for after, answer in enumerate(answers):
        assert [logged.offset for logged in answer] == list(range(after + 1, after + 11))


async def test_what_was_appended_is_there_after_reopening_and_offsets_go_on(open_log: OpenLog) -> None:
    async with open_log() as log:
        await log.append([tweet(1), tweet(2)])

    async with open_log() as log:
        assert await read_all(log) == [tweet(1), tweet(2)]
        assert await log.bounds(home(log)) == (1, 2)
        assert list(await log.append([tweet(3)])) == [3]


async def test_many_appends_at_once_each_get_their_own_offsets_and_keep_together(log: EventLog) -> None:
    appends = [[tweet(100 * number + place) for place in range(1 + number % 3)] for number in range(60)]

    answers = await asyncio.gather(*(log.append(events) for events in appends))

    logged = {each.offset: decode(each.payload) for each in await log.read(0, 1_000, home(log))}
    assert sorted(offset for offsets in answers for offset in offsets) == list(range(1, len(logged) + 1))
    for events, offsets in zip(appends, answers, strict=True):
        assert [logged[offset] for offset in offsets] == events
        assert list(offsets) == list(range(offsets[0], offsets[0] + len(events)))


async def test_an_append_whose_caller_went_away_leaves_the_others_whole(log: EventLog) -> None:
    tasks = [asyncio.ensure_future(log.append([tweet(number)])) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    events = await read_all(log)
    assert isinstance(answers[3], asyncio.CancelledError)
    for number, answer in enumerate(answers):
        if not isinstance(answer, BaseException):
            assert events[answer[0] - 1] == tweet(number)


async def test_nothing_at_all_can_be_appended(log: EventLog) -> None:
    await log.append([tweet(1)])

    assert list(await log.append([])) == []

    assert await log.bounds(home(log)) == (1, 1)


async def test_waiting_ends_at_once_where_the_log_is_already_further(log: EventLog) -> None:
    await log.append([tweet(1), tweet(2)])

    assert await log.wait(1, PATIENCE_S, home(log))


async def test_waiting_ends_in_vain_where_nothing_comes(log: EventLog) -> None:
    await log.append([tweet(1)])

    assert not await log.wait(1, 0.01, home(log))


async def test_waiting_ends_with_an_append(log: EventLog) -> None:
    waiting = asyncio.ensure_future(log.wait(0, PATIENCE_S, home(log)))
    await asyncio.sleep(0)

    await log.append([tweet(1)])

    assert await waiting


async def test_waiting_for_one_partition_does_not_end_with_an_append_to_another(log: EventLog) -> None:
    others = [partition for partition in every_partition(log) if partition != home(log)]
    await log.append([tweet(1)])

    assert not any(await asyncio.gather(*(log.wait(0, 0.2, partition) for partition in others)))


async def test_waiting_ends_with_an_append_of_another_process(open_log: OpenLog) -> None:
    async with open_log() as ours, open_log() as theirs:
        waiting = asyncio.ensure_future(ours.wait(0, PATIENCE_S, home(ours)))
        await asyncio.sleep(0)

        await theirs.append([tweet(1)])

        assert await waiting
        assert await read_all(ours) == [tweet(1)]
        assert await ours.bounds(home(ours)) == (1, 1)


async def test_two_processes_append_in_turn_to_one_order(open_log: OpenLog) -> None:
    async with open_log() as ours, open_log() as theirs:
        offsets = [(await log.append([tweet(number)]))[0] for number, log in enumerate([ours, theirs, ours, theirs])]

        assert offsets == [1, 2, 3, 4]
        assert await read_all(ours) == await read_all(theirs) == [tweet(number) for number in range(4)]


async def test_an_empty_log_has_its_first_offset_before_it(log: EventLog) -> None:
    assert [await log.bounds(partition) for partition in every_partition(log)] == [(1, 0)] * len(every_partition(log))
    assert await log.end() == (0,) * log.layout.partitions


async def test_an_epoch_names_one_log_and_no_other(
    adapter: str, url: str, open_log: OpenLog, tmp_path: Path, clock: Clock
) -> None:
    async with open_log() as log, open_log() as same:
        epoch = log.epoch
        assert same.epoch == epoch

    async with open_log() as log, LOGS[adapter](url, tmp_path / "other", clock) as open_other, open_other() as other:
        assert log.epoch == epoch
        assert other.epoch != epoch


async def test_posted_answers_the_newest_tweets_and_retweets_of_authors_up_to_a_place(log: EventLog) -> None:
    follow = RelationChanged(Verb.FOLLOW, UserId(9), UserId(0), 1)
    for event in (tweet(1, 9), tweet(2, 9), like(9), tweet(3, 8), retweet(4, 7), follow, tweet(5, 9)):
        await log.append([event])
    place = await log.end()
    await log.append([tweet(6, 7), tweet(7, 9)])

    async def posted(authors: Sequence[int], limit: int) -> list[int]:
        found = [decode(logged.payload) for logged in await log.posted(authors, place, limit)]
        return [event.id for event in found if isinstance(event, TweetPosted | Retweeted)]

    # Where two were appended within one millisecond to different partitions, no log knows which came first.
    assert sorted(await posted([9, 7], 10)) == [1, 2, 4, 5]
    assert await posted([9], 10) == [5, 2, 1]
    assert await posted([9], 2) == [5, 2]
    assert await posted([8, 7], 10) in ([4, 3], [3, 4])
    assert await posted([], 10) == []
