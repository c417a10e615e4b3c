"""Members of a consumer group on a real Kafka: they share partitions, come and go, and skip nothing."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.adapters.kafka.consumer import GroupConsumer
from infra.adapters.kafka.log import KafkaEventLog
from infra.stack.process import Process
from loaders.errors import Unavailable
from loaders.records import TweetId, UserId
from realtime.events import Event, LikeChanged, TweetPosted
from tests.cluster.kafka_member import (
    BATCH_SIZE,
    LAYOUT,
    LIMITS,
    PARTITIONS,
    Handled,
    doubles,
    ends,
    handled,
    open_member,
)
from tests.contracts.kafka_adapters import kafka_log, kafka_topics
from tests.servers import kafka_url

__all__ = ["kafka_url"]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
LOOK_AGAIN_S = 0.05
SLOW_S = 0.02
EVERY_PARTITION = frozenset(range(PARTITIONS))


def event(number: int) -> Event:
    if number % 4 == 3:
        return LikeChanged(UserId(number // 4), TweetId(1), liked=True)
    return TweetPosted(TweetId(number), UserId(number), "x" * 100, 0)


async def append(log: KafkaEventLog, count: int) -> None:
    numbers = range(1, count + 1)
    await asyncio.gather(*(log.append([event(number)]) for number in numbers))


async def log_ends(log: KafkaEventLog) -> dict[int, int]:
    ends = {partition: (await log.bounds(partition))[1] for partition in EVERY_PARTITION}
    return {partition: end for partition, end in ends.items() if end}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in files and in Kafka
            await asyncio.sleep(LOOK_AGAIN_S)


async def all_handled(log: KafkaEventLog, folder: Path) -> list[Handled]:
    """Wait until all that the log holds is handled, and return who handled it."""
    wanted = await log_ends(log)
    await until(lambda: ends(handled(folder)) == wanted)
    return handled(folder)


@pytest.fixture
async def url(kafka_url: str) -> AsyncIterator[str]:
    async with kafka_topics(kafka_url, LAYOUT) as made:
        yield made


@pytest.fixture
async def log(url: str) -> AsyncIterator[KafkaEventLog]:
    async with kafka_log(url, LAYOUT) as opened:
        yield opened


async def test_two_members_share_the_partitions_and_handle_everything_in_order(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    async with open_member(url, log, tmp_path, "a") as a, open_member(url, log, tmp_path, "b") as b:
        await until(lambda: len(a.member.partitions) == len(b.member.partitions) == PARTITIONS // 2)

        await append(log, 500)

        found = await all_handled(log, tmp_path)
        assert a.member.partitions | b.member.partitions == EVERY_PARTITION
        assert doubles(found) == 0
        assert {(each.name, each.partition) for each in found} == {
            (name, each) for name, member in (("a", a), ("b", b)) for each in member.member.partitions
        }
        assert (a.said, b.said) == ([], [])


async def test_what_was_there_before_the_first_member_is_handled_too(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    await append(log, 300)

    async with open_member(url, log, tmp_path, "a"):
        assert doubles(await all_handled(log, tmp_path)) == 0


async def test_members_that_come_and_go_while_events_come_skip_none_and_repeat_none(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    async def pause() -> None:
        await asyncio.sleep(SLOW_S)

    async def keep_appending() -> None:
        while True:
            await append(log, 40)

    appending = asyncio.create_task(keep_appending())
    async with open_member(url, log, tmp_path, "a", pause) as a:
        await until(lambda: a.member.partitions == EVERY_PARTITION)
        async with open_member(url, log, tmp_path, "b", pause) as b:
            await until(lambda: len(b.member.partitions) == PARTITIONS // 2)
            await until(lambda: any(each.name == "b" for each in handled(tmp_path)))
        await until(lambda: a.member.partitions == EVERY_PARTITION)
        appending.cancel()
        await asyncio.gather(appending, return_exceptions=True)

        assert doubles(await all_handled(log, tmp_path)) == 0
        assert (a.said, b.said) == ([], [])


async def test_a_killed_members_partitions_are_taken_over_and_nothing_is_skipped(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.cluster.kafka_member", url, str(tmp_path), "b", str(SLOW_S)]
    victim = Process(command, tmp_path / "victim", {"PYTHONPATH": str(ROOT)})
    try:
        victim.start()
        async with open_member(url, log, tmp_path, "a") as a:
            async with asyncio.timeout(PATIENCE_S):
                while not any(each.name == "b" for each in handled(tmp_path)):
                    assert victim.is_running, victim.last_lines(20)
                    await append(log, 40)
            await append(log, 500)

            victim.kill()

            await until(lambda: a.member.partitions == EVERY_PARTITION)
            doubles(await all_handled(log, tmp_path))
    finally:
        victim.kill()


async def test_a_batch_in_hand_is_finished_before_its_partition_goes_to_another(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        begun.set()
        await go_on.wait()

    await append(log, 20 * BATCH_SIZE * PARTITIONS)
    async with open_member(url, log, tmp_path, "a", pause) as a:
        await begun.wait()
        leaving = asyncio.create_task(a.stop())
        async with open_member(url, log, tmp_path, "b") as b:
            await asyncio.sleep(1.0)
            assert b.member.partitions == frozenset()
            go_on.set()
            await leaving

            found = await all_handled(log, tmp_path)

            assert doubles(found) == 0
            assert {each.name for each in found} == {"a", "b"}


async def test_what_is_held_in_memory_is_bounded_while_nothing_is_handled(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def pause() -> None:
        await go_on.wait()

    limits = replace(LIMITS, held_events=100, batch_events=50)
    async with open_member(url, log, tmp_path, "a", pause, limits) as a:
        await append(log, 4_000)
        await until(lambda: len(a.feeds) == PARTITIONS and all(feed.held[0] >= 100 for feed in a.feeds.values()))
        await asyncio.sleep(0.5)

        assert max(feed.held[0] for feed in a.feeds.values()) <= limits.held_events + limits.batch_events
        go_on.set()
        assert doubles(await all_handled(log, tmp_path)) == 0


async def test_bytes_are_bounded_as_events_are(url: str, log: KafkaEventLog, tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def pause() -> None:
        await go_on.wait()

    limits = replace(LIMITS, held_bytes=4_000, batch_events=10)
    async with open_member(url, log, tmp_path, "a", pause, limits) as a:
        await append(log, 2_000)
        await until(lambda: len(a.feeds) == PARTITIONS and all(feed.held[1] >= 4_000 for feed in a.feeds.values()))
        await asyncio.sleep(0.5)

        assert max(feed.held[1] for feed in a.feeds.values()) <= limits.held_bytes + 10 * 300
        go_on.set()
        assert doubles(await all_handled(log, tmp_path)) == 0


async def test_the_projection_says_where_to_begin_and_not_what_was_committed(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    await append(log, 200)
    for folder in ("first", "behind", "ahead"):
        (tmp_path / folder).mkdir()
    async with open_member(url, log, tmp_path / "first", "a"):
        await all_handled(log, tmp_path / "first")

    # A store that was set back begins again, whatever the group has committed.
    async with open_member(url, log, tmp_path / "behind", "a"):
        await all_handled(log, tmp_path / "behind")

    async def after_five(_partition: int) -> int:
        return 5

    async with open_member(url, log, tmp_path / "ahead", "a", position=after_five):
        await until(lambda: ends(handled(tmp_path / "ahead")) == ends(handled(tmp_path / "first")))
    assert {each.offset for each in handled(tmp_path / "ahead")}.isdisjoint(range(6))


async def test_a_member_begins_once_the_store_tells_from_where(url: str, log: KafkaEventLog, tmp_path: Path) -> None:
    answers = asyncio.Event()

    async def position(_partition: int) -> int:
        if not answers.is_set():
            raise Unavailable("The store cannot answer")
        return 0

    await append(log, 200)
    async with open_member(url, log, tmp_path, "a", position=position) as a:
        await until(lambda: len(a.said) >= PARTITIONS)
        assert handled(tmp_path) == []
        answers.set()

        assert doubles(await all_handled(log, tmp_path)) == 0


async def test_what_a_worker_fails_at_is_read_again_until_it_succeeds(
    url: str, log: KafkaEventLog, tmp_path: Path
) -> None:
    failures = iter([Unavailable("not now")] * 3 + [ValueError("a fault of the program")] * 3)

    async def pause() -> None:
        if (failure := next(failures, None)) is not None:
            raise failure

    await append(log, 10 * BATCH_SIZE)
    async with open_member(url, log, tmp_path, "a", pause):
        assert doubles(await all_handled(log, tmp_path)) == 0
    assert next(failures, None) is None


async def test_a_member_that_hears_nothing_while_the_log_goes_on_ends_so_that_another_takes_its_place(
    url: str, log: KafkaEventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was cut off may look for the partitions' leaders minutes later."""
    await append(log, 100)
    with monkeypatch.context() as deaf:
        deaf.setattr(GroupConsumer, "_take", lambda *_: None)
        async with open_member(url, log, tmp_path, "a", limits=replace(LIMITS, stalled_s=2.0)) as a:
            with pytest.raises(Unavailable, match="hears nothing"):
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.shield(a.task)
            a.task = asyncio.ensure_future(asyncio.sleep(0))
    assert handled(tmp_path) == []

    async with open_member(url, log, tmp_path, "b"):
        assert doubles(await all_handled(log, tmp_path)) == 0


async def test_a_member_to_which_nothing_comes_stays(url: str, log: KafkaEventLog, tmp_path: Path) -> None:
    async with open_member(url, log, tmp_path, "a", limits=replace(LIMITS, stalled_s=0.2)) as a:
        await append(log, 100)
        await all_handled(log, tmp_path)
        done, _ = await asyncio.wait([a.task], timeout=1.0)

        assert not done
        assert a.said == []
