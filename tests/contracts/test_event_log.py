"""What every `EventLog` promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from loaders.records import TweetId, UserId
from realtime.events import Event, LikeChanged, RelationChanged, Retweeted, TweetPosted, Verb, decode
from realtime.ports import EventLog
from tests.contracts.adapters import LOG_COMMITS, LOGS, Clock

Open = Callable[[], AbstractAsyncContextManager[EventLog]]


def like(number: int) -> Event:
    return LikeChanged(UserId(number), TweetId(1), liked=True)


def tweet(tweet_id: int, author_id: int) -> Event:
    return TweetPosted(TweetId(tweet_id), UserId(author_id), "hello", 0)


def retweet(tweet_id: int, author_id: int) -> Event:
    return Retweeted(TweetId(tweet_id), UserId(author_id), TweetId(1), UserId(9), 0)


@pytest.fixture(params=LOGS)
def adapter(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_log(adapter: str, tmp_path: Path, clock: Clock) -> Open:
    return lambda: LOGS[adapter](tmp_path, clock)


@pytest.fixture
async def log(open_log: Open) -> AsyncIterator[EventLog]:
    async with open_log() as opened:
        yield opened


async def read_all(log: EventLog) -> list[Event]:
    return [decode(logged.payload) for logged in await log.read(0, 1_000)]


async def test_offsets_begin_at_one_and_grow_by_one_in_the_order_of_appending(log: EventLog) -> None:
    assert list(await log.append([like(1), like(2)])) == [1, 2]
    assert list(await log.append([like(3)])) == [3]

    assert [logged.offset for logged in await log.read(0, 10)] == [1, 2, 3]
    assert await read_all(log) == [like(1), like(2), like(3)]


async def test_an_event_comes_back_as_it_was_with_the_time_of_its_append(log: EventLog, clock: Clock) -> None:
    event = TweetPosted(
        TweetId(2**62), UserId(7), 'a "quote" \\ \0 👩‍👩‍👧 \u2028 שלום', 5, TweetId(1), UserId(2), TweetId(3), "he"
    )
    clock.now = 1_234_567

    await log.append([event])

    (logged,) = await log.read(0, 1)
    assert (decode(logged.payload), logged.appended_at_ms, logged.partition) == (event, 1_234_567, 0)


async def test_reading_answers_what_comes_after_an_offset_and_no_more_than_the_limit(log: EventLog) -> None:
    await log.append([like(number) for number in range(1, 8)])

    assert [logged.offset for logged in await log.read(2, 3)] == [3, 4, 5]
    assert [logged.offset for logged in await log.read(5, 100)] == [6, 7]
    assert list(await log.read(7, 100)) == []
    assert list(await log.read(99, 100)) == []


async def test_what_was_appended_is_there_after_reopening_and_offsets_go_on(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([like(1), like(2)])

    async with open_log() as log:
        assert await read_all(log) == [like(1), like(2)]
        assert await log.bounds() == (1, 2)
        assert list(await log.append([like(3)])) == [3]


async def test_many_appends_at_once_each_get_their_own_offsets_and_keep_together(log: EventLog) -> None:
    appends = [[like(100 * number + place) for place in range(1 + number % 3)] for number in range(60)]

    answers = await asyncio.gather(*(log.append(events) for events in appends))

    logged = {each.offset: decode(each.payload) for each in await log.read(0, 1_000)}
    assert sorted(offset for offsets in answers for offset in offsets) == list(range(1, len(logged) + 1))
    for events, offsets in zip(appends, answers, strict=True):
        assert [logged[offset] for offset in offsets] == events
        assert list(offsets) == list(range(offsets[0], offsets[0] + len(events)))


async def test_appends_under_way_at_the_same_time_share_commits(adapter: str, tmp_path: Path, log: EventLog) -> None:
    if adapter not in LOG_COMMITS:
        pytest.skip(f"the commits of {adapter} cannot be counted")
    before = LOG_COMMITS[adapter](tmp_path)

    await asyncio.gather(*(log.append([like(number)]) for number in range(200)))

    assert 1 <= LOG_COMMITS[adapter](tmp_path) - before <= 10


async def test_an_append_whose_caller_went_away_leaves_the_others_whole(log: EventLog) -> None:
    tasks = [asyncio.ensure_future(log.append([like(number)])) for number in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    events = await read_all(log)
    assert isinstance(answers[3], asyncio.CancelledError)
    for number, answer in enumerate(answers):
        if not isinstance(answer, BaseException):
            assert events[answer[0] - 1] == like(number)


async def test_nothing_at_all_can_be_appended(log: EventLog) -> None:
    await log.append([like(1)])

    assert list(await log.append([])) == []

    assert await log.bounds() == (1, 1)


async def test_waiting_ends_at_once_where_the_log_is_already_further(log: EventLog) -> None:
    await log.append([like(1), like(2)])

    assert await log.wait(1, 60.0)


async def test_waiting_ends_in_vain_where_nothing_comes(log: EventLog) -> None:
    await log.append([like(1)])

    assert not await log.wait(1, 0.01)


async def test_waiting_ends_with_an_append(log: EventLog) -> None:
    waiting = asyncio.ensure_future(log.wait(0, 60.0))
    await asyncio.sleep(0)

    await log.append([like(1)])

    assert await waiting


async def test_waiting_ends_with_an_append_of_another_process(open_log: Open) -> None:
    async with open_log() as ours, open_log() as theirs:
        waiting = asyncio.ensure_future(ours.wait(0, 60.0))
        await asyncio.sleep(0)

        await theirs.append([like(1)])

        assert await waiting
        assert await read_all(ours) == [like(1)]
        assert await ours.bounds() == (1, 1)


async def test_two_processes_append_in_turn_to_one_order(open_log: Open) -> None:
    async with open_log() as ours, open_log() as theirs:
        offsets = [(await log.append([like(number)]))[0] for number, log in enumerate([ours, theirs, ours, theirs])]

        assert offsets == [1, 2, 3, 4]
        assert await read_all(ours) == await read_all(theirs) == [like(number) for number in range(4)]


async def test_an_empty_log_has_its_first_offset_before_it(log: EventLog) -> None:
    assert await log.bounds() == (1, 0)


async def test_trimming_forgets_what_is_older_and_handled_by_every_group(log: EventLog, clock: Clock) -> None:
    for number in range(1, 7):
        clock.now = 1_000 * number
        await log.append([like(number)])

    assert await log.trim(before_ms=4_000, upto=6) == 3
    assert await log.bounds() == (4, 6)
    assert await log.trim(before_ms=9_000, upto=5) == 2
    assert [logged.offset for logged in await log.read(0, 10)] == [6]


async def test_offsets_go_on_growing_after_everything_was_trimmed(open_log: Open) -> None:
    async with open_log() as log:
        await log.append([like(number) for number in range(5)])
        assert await log.trim(before_ms=2**60, upto=5) == 5
        assert await log.bounds() == (6, 5)

    async with open_log() as log:
        assert await log.bounds() == (6, 5)
        assert list(await log.append([like(6)])) == [6]
        assert await log.bounds() == (6, 6)


async def test_an_epoch_names_one_log_and_no_other(adapter: str, open_log: Open, tmp_path: Path, clock: Clock) -> None:
    async with open_log() as log, open_log() as same:
        epoch = log.epoch
        assert same.epoch == epoch

    async with open_log() as log, LOGS[adapter](tmp_path / "other", clock) as other:
        assert log.epoch == epoch
        assert other.epoch != epoch


async def test_posted_answers_the_newest_tweets_and_retweets_of_authors_in_a_range(log: EventLog) -> None:
    await log.append(
        [
            tweet(1, 9),  # offset 1: before the range
            tweet(2, 9),
            like(9),
            tweet(3, 8),  # another's
            retweet(4, 7),
            RelationChanged(Verb.FOLLOW, UserId(9), UserId(0), 1),
            tweet(5, 9),
            tweet(6, 7),  # offset 8: after the range
        ]
    )

    async def posted(limit: int) -> list[int]:
        return [logged.offset for logged in await log.posted([9, 7], 1, 7, limit)]

    assert await posted(10) == [7, 5, 2]
    assert await posted(2) == [7, 5]
    assert list(await log.posted([], 0, 8, 10)) == []
