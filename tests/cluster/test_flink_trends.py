"""Trends counted by a real Flink: what it tells of every window is what the embedded counter holds."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from confluent_kafka import TopicPartition

from infra.adapters.kafka.deliveries import Record
from infra.adapters.kafka.log import KafkaEventLog
from infra.adapters.kafka.trends import STALE_MINUTES, KafkaTermUses, KafkaTrends, window_of
from infra.clocks import Clocks
from infra.cluster.parts import open_connected
from infra.cluster.work import groups_of, run_members
from infra.cluster.working import Working
from infra.flink.job import job_name, trends_job
from infra.flink.rest import examine
from infra.settings import Settings
from infra.stack.flink import flink_server, newest_checkpoint
from infra.stack.programs import Missing
from infra.stack.server import Server
from loaders.errors import Unavailable
from realtime.partitions import Layout
from realtime.trend_limits import MINUTE_MS
from realtime.trend_uses import TermTeller, TermUse
from realtime.trend_windows import Window, WindowRanker
from realtime.worker import TRENDS as GROUP
from tests.cluster.clusters import ServedWorld, new_cluster, served
from tests.contracts.kafka_adapters import kafka_log, kafka_topics
from tests.realtime.trend_story import BEGIN, LIMITS, MINUTES, counts_of, embedded, story, told_of
from tests.servers import cassandra_url, kafka_url, redis_url

__all__ = ["cassandra_url", "kafka_url", "redis_url"]
pytestmark = pytest.mark.cluster
LAYOUT = Layout(1)
BATCH = 100
PATIENCE_S = 280.0
LOOK_AGAIN_S = 0.1
TRENDS = "{ trends { name tweetCount } }"


@asynccontextmanager
async def topics(url: str) -> AsyncIterator[tuple[str, KafkaEventLog]]:
    async with kafka_topics(url, LAYOUT) as log_url, kafka_log(log_url, LAYOUT) as log:
        yield log_url, log


async def windows_until(log: KafkaEventLog, minute: int, start: int = 0) -> list[Window]:
    """Return the windows that were told from an offset on, once one is among them that ends at this minute."""
    found: list[Window] = []
    async with asyncio.timeout(PATIENCE_S):
        while not any(each.minute >= minute for each in found):
            at = TopicPartition(log.topics.trend_counts, 0, start + len(found))
            messages = await log.ranges.read(at, 500)
            found += [window_of(each.value() or b"") for each in messages]
            await asyncio.sleep(LOOK_AGAIN_S)
    return found


def flink_of(folder: Path, log_url: str) -> Server:
    """Return a Flink that counts a log's trends; skip where it cannot be had."""
    settings = Settings.for_tests(folder, trends_checkpoint_s=1)
    try:
        return flink_server(folder, trends_job(log_url, settings))
    except Missing as missing:
        pytest.skip(str(missing))


async def test_every_window_counts_as_embedded_through_a_kill_and_a_start_from_a_checkpoint(
    tmp_path: Path, kafka_url: str
) -> None:
    logged = story()
    expected, rankings = await embedded(logged)
    half, last = len(logged) // 2, BEGIN + MINUTES
    middle = logged[half].appended_at_ms // MINUTE_MS
    async with topics(kafka_url) as (log_url, log), flink_of(tmp_path, log_url) as flink:
        uses = KafkaTermUses(log.topics, log.deliveries, log.ranges)
        teller = TermTeller(LIMITS, uses.of(0), lambda: last * MINUTE_MS)
        for start in range(0, half, BATCH):
            await teller.handle(logged[start : min(half, start + BATCH)], 0)
        before = await windows_until(log, middle)
        await a_checkpoint_after(tmp_path / "flink" / "checkpoints")
        flink.kill()

        # A member that takes over begins somewhat earlier, and tells again what was told.
        assert await uses.position(0) == half - 1
        teller = TermTeller(LIMITS, uses.of(0), lambda: last * MINUTE_MS)
        await teller.prime(logged[: half - 200])
        for start in range(half - 200, len(logged), BATCH):
            await teller.handle(logged[start : start + BATCH], 0)
        await teller.idle(len(logged))
        await flink.start()
        after = await windows_until(log, last, len(before))

    told = [*before, *after]
    assert [(each.minute, counts_of(each)) for each in told] == [
        (each.minute, told_of(each.minute, expected[each.minute])) for each in told
    ]
    assert {each.minute for each in told} == set(range(BEGIN + 1, last + 1))
    assert after[0].minute > BEGIN + 1, "it did not begin from its checkpoint"
    ranker = WindowRanker(LIMITS)
    ranked = [ranker.ranking for each in told if ranker.take(each)]
    assert ranked == [each for each in rankings if each.until_ms > BEGIN * MINUTE_MS]
    assert sum(bool(each.trends) for each in rankings) > MINUTES // 2
    assert (teller.late, teller.taken_back) > (0, 0)


async def test_a_cluster_tells_what_trends_and_no_longer_what_was_deleted(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = await new_cluster(request, tmp_path, trends_url="flink://127.0.0.1:1", trends_checkpoint_s=1)
    assert [each.ok for each in await examine(settings.trends_url, job_name(settings.log_url))] == [False]
    async with (
        flink_of(tmp_path, settings.log_url) as flink,
        working_on(settings) as working,
        served(settings, working.connected) as world,
    ):
        assert (await world.run(TRENDS)).codes == ["UNAVAILABLE"]
        for author in ("ada", "bob", "cy"):
            await world.tweet(author, "hello #Roost")
        await world.tweet("ada", "#slip")
        slip = await world.tweet("bob", "#slip")
        await minute_ends(working, 1)
        await trend(world, {"#roost": 3, "#slip": 2})
        assert all(each.ok for each in await examine(flink.url, job_name(settings.log_url)))
        assert [each.ok for each in await examine(flink.url, job_name("kafka://host/other"))] == [True, False]
        stream = await world.listen("TrendsUpdated")
        assert [each["name"] for each in await stream.next()] == ["#roost", "#slip"]

        await world.delete("bob", slip)
        await minute_ends(working, 2)

        assert [(each["name"], each["tweetCount"]) for each in await stream.next()] == [("#roost", 3)]


@asynccontextmanager
async def working_on(settings: Settings) -> AsyncIterator[Working]:
    """Run a member of each group."""
    async with open_connected(settings, Clocks(), gives_ids=True) as connected:
        working = Working(connected, Clocks())
        run_members(working, groups_of(settings), settings)
        try:
            yield working
        finally:
            await working.tasks.stop()


async def minute_ends(working: Working, ahead: int) -> None:
    """Wait until all that the log holds was told to Flink, and then tell it of a minute to come."""
    log, member = working.connected.log, working.members[GROUP]
    partitions = range(log.layout.partitions)
    uses = KafkaTermUses(log.topics, log.deliveries, log.ranges)
    now_ms = (time.time_ns() // 1_000_000 // MINUTE_MS + ahead) * MINUTE_MS
    async with asyncio.timeout(PATIENCE_S):
        while True:
            ends = await log.ends()
            if all(member.done(each) >= ends[each] for each in partitions):
                break
            await asyncio.sleep(LOOK_AGAIN_S)
    for each in partitions:
        await uses.of(each)([TermUse("", 0, 0, now_ms, False, now_ms, member.done(each))])


async def trend(world: ServedWorld, expected: Mapping[str, int]) -> None:
    """Wait until these trend."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            trends = ((await world.run(TRENDS)).data or {}).get("trends") or ()
            if {each["name"]: each["tweetCount"] for each in trends} == expected:
                return
            await asyncio.sleep(LOOK_AGAIN_S)


async def test_where_flink_is_away_the_last_trends_stay_for_an_hour(kafka_url: str) -> None:
    now = BEGIN
    async with topics(kafka_url) as (_, log):
        at = TopicPartition(log.topics.trend_counts, 0, 0)
        trends = KafkaTrends(
            log.topics, log.ranges, WindowRanker(LIMITS), frozenset, hours=26, now_ms=lambda: now * MINUTE_MS
        )
        for ask in (trends.look, trends.store.newest):
            with pytest.raises(Unavailable):
                await ask()
        terms = [{"term": "", "tweets": 1, "authors": 1}, {"term": "#a", "tweets": 6, "authors": 5}]
        window = orjson.dumps({"minute_until": BEGIN, "terms": terms})
        await log.deliveries.deliver([Record(at, each) for each in (window, b"{}", b"poison", window)])
        assert await trends.step() is False

        now = BEGIN + STALE_MINUTES
        assert (await trends.look()).trends == (await trends.store.newest()).trends
        assert [(each.name, each.tweet_count) for each in (await trends.store.newest()).trends] == [("#a", 6)]

        now = BEGIN + STALE_MINUTES + 1
        with pytest.raises(Unavailable, match="no window of trends for 4 minutes"):
            await trends.look()
        assert (await trends.store.newest()).trends

        now = BEGIN + 60
        with pytest.raises(Unavailable):
            await trends.store.newest()


async def a_checkpoint_after(folder: Path) -> None:
    """Wait for a checkpoint that was begun after this was called."""
    seen = newest_checkpoint(folder)
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            while (newest := newest_checkpoint(folder)) in (None, seen):  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(LOOK_AGAIN_S)
            seen = newest
