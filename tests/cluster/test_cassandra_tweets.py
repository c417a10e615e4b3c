"""What only several log partitions, crashes, late workers and long times show of tweets on Cassandra."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.cassandra.changes import Applying, Placed
from infra.adapters.cassandra.driver import Driver
from infra.adapters.cassandra.project_tweets import apply_tweets
from infra.adapters.cassandra.session import CassandraSession
from infra.adapters.cassandra.tweets import CassandraTweetStore
from loaders.errors import Unavailable
from loaders.ids import TIME_SHIFT
from loaders.places import author_partition, spot
from loaders.ports import Slice, SliceOf
from loaders.records import Entry, TweetCounts, TweetId, UserId
from realtime.events import Event, TweetPosted
from tests.cluster.cassandra_keyspace import cassandra_url, driver
from tests.cluster.cassandra_sessions import Died, MortalSession, TurnSession
from tests.cluster.tweet_worlds import LAYOUT, WORLD, check, check_authors, in_its_partition, own_world, written
from tests.contracts.cassandra_adapters import PATIENT
from tests.contracts.histories import histories
from tests.contracts.making import delete, like, retweet, tweet, undo
from tests.contracts.model import Model

__all__ = ["cassandra_url", "driver"]

EPOCH = 3
TRIES = 10
MONTHS, TWEETS_A_MONTH = 30, 170
MONTH_MS = 30 * 86_400_000
PAGE_SIZES = {
    SliceOf.AUTHOR: ((97, False), (101, True), (800, False), (10_000, True)),
    SliceOf.AUTHOR_TWEETS: ((97, False), (800, True)),
    SliceOf.HASHTAG: ((7, False), (9, True)),
}
"""How many entries a page has, and whether it is read upwards."""

steps = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12), st.integers(0, 3)), max_size=12)


class Cluster:
    """One session, and the loop that all examples of a test share."""

    def __init__(self, runner: asyncio.Runner, driver: Driver) -> None:
        async def opened() -> MortalSession:
            return MortalSession(driver, PATIENT)

        self.run = runner.run
        self.driver = driver
        self.session = runner.run(opened())
        self.tweets = CassandraTweetStore(self.session, EPOCH, LAYOUT)


@pytest.fixture(scope="module")
def cluster(driver: Driver) -> Iterator[Cluster]:
    with asyncio.Runner() as runner:
        yield Cluster(runner, driver)


async def apply(session: CassandraSession, partition: int, batch: Sequence[Placed], position: int) -> None:
    """Apply consecutive events of one partition, everything up to a position of which was applied before.

    As a worker does, it tries again when the server is too busy.
    """
    for _ in range(TRIES):
        with suppress(Unavailable):
            await apply_tweets(Applying(session, EPOCH, LAYOUT, partition, position, batch[-1][1]), batch)
            return
    pytest.fail("the server is too busy for any test")


async def apply_all(
    session: CassandraSession, log: dict[int, list[Placed]], order: Sequence[tuple[int, int, int]]
) -> None:
    """Apply stretches of partitions as they come, each going back a little, and then what is left."""
    reached = dict.fromkeys(log, 0)
    for partition, size, back in (*order, *((partition, WORLD, 0) for partition in log)):
        start = max(0, reached.get(partition, 0) - back)
        if batch := log.get(partition, [])[start : start + size]:
            await apply(session, partition, batch, reached.get(partition, 0))
            reached[partition] = max(reached[partition], start + len(batch))


@settings(max_examples=25, deadline=None)
@given(history=histories, order=steps)
def test_partitions_applied_in_any_interleaving_end_in_the_same_state(
    cluster: Cluster, history: list[tuple[object, ...]], order: list[tuple[int, int, int]]
) -> None:
    by = own_world()
    log, model = written(history, by)

    cluster.run(apply_all(cluster.session, log, order))

    cluster.run(check(cluster.tweets, model, by))
    cluster.run(check_authors(cluster.session, model, by))


@settings(max_examples=40, deadline=None)
@given(history=histories, lives=st.integers(0, 40), seed=st.integers(0, 99), before=steps, after=steps)
def test_what_a_crash_leaves_undone_the_replay_makes_up_for_and_counts_once(
    cluster: Cluster,
    history: list[tuple[object, ...]],
    lives: int,
    seed: int,
    before: list[tuple[int, int, int]],
    after: list[tuple[int, int, int]],
) -> None:
    """A change applies iff its offset is greater than that of the count (C1)."""
    by = own_world()
    log, model = written(history, by)

    async def run() -> None:
        cluster.session.lives, cluster.session.chance = lives, random.Random(seed)
        reached = dict.fromkeys(log, 0)
        for order in (before, after):
            try:
                for partition, size, _ in (*order, *((partition, WORLD, 0) for partition in log)):
                    if batch := log.get(partition, [])[reached.get(partition, 0) :][:size]:
                        await apply(cluster.session, partition, batch, reached[partition])
                        reached[partition] += len(batch)
            except Died:
                continue
        cluster.session.lives = None
        await check(cluster.tweets, model, by)
        await check_authors(cluster.session, model, by)

    cluster.run(run())


@pytest.mark.parametrize("lives", range(5))
def test_changes_that_make_up_for_each_other_count_once_whichever_of_them_a_crash_leaves_out(
    cluster: Cluster, lives: int
) -> None:
    """The offset says that they were counted, even where they leave the count as it was (C1)."""

    async def run(seed: int) -> None:
        by = own_world()
        one, other, liked = 2 + by, 4 + by, TweetId(2 + by)
        await apply(cluster.session, 0, [(like(one, liked), 1)], 0)
        cluster.session.lives, cluster.session.chance = lives, random.Random(seed)
        batch: list[Placed] = [(like(other, liked), 2), (like(one, liked, False), 3)]
        with suppress(Died):
            await apply(cluster.session, 0, batch, 1)
        cluster.session.lives = None
        await apply(cluster.session, 0, batch[:1], 1)
        await apply(cluster.session, 0, batch[1:], 2)
        assert await cluster.tweets.counts([liked]) == [TweetCounts(likes=1)]

    for seed in range(4):
        cluster.run(run(seed))


@pytest.mark.parametrize("lives", range(0, 16, 3))
def test_what_a_dead_worker_had_on_its_way_changes_nothing_when_it_arrives_late(cluster: Cluster, lives: int) -> None:
    """Its stamps are older than those of the worker that took over (C2)."""
    by = own_world()
    mine, other = UserId(2 + by), 4 + by
    acts = [
        tweet(mine, mine, f"#cafe{by}"),
        tweet(other, mine, answers=(mine, mine), media="a hat"),
        retweet(100 + by, mine, mine, mine),
        like(mine, mine),
    ]
    ends = [undo(100 + by, mine, mine), delete(mine, mine), delete(other, mine), like(mine, mine, False)]
    log: list[Placed] = [(event, offset) for offset, event in enumerate([*acts, *ends], 1)]
    model = Model()
    partition = author_partition(mine, LAYOUT.partitions)
    for event, offset in log:
        model.apply(event, spot(partition, offset, LAYOUT.partitions))

    async def run() -> None:
        dying = MortalSession(cluster.driver, PATIENT)
        dying.lives = lives
        with suppress(Died):
            await apply(dying, partition, log[: len(acts)], 0)
        await apply(cluster.session, partition, log, 0)
        await dying.write_many(dying.on_the_way)
        await check(cluster.tweets, model, by)
        rows = await cluster.session.many("SELECT text, media FROM tweets_by_id WHERE id = ?", [(mine,), (other,)])
        assert rows == [[("", None)], [("", "")]]

    cluster.run(run())


@settings(max_examples=25, deadline=None)
@given(
    history=histories,
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    turns=st.lists(st.booleans(), max_size=60),
)
def test_two_workers_who_hold_the_same_partition_to_be_theirs_do_no_harm(
    cluster: Cluster, history: list[tuple[object, ...]], sizes: tuple[int, int], turns: list[bool]
) -> None:
    by = own_world()
    log, model = written(history, by)

    async def work(session: CassandraSession, size: int) -> None:
        for partition, places in log.items():
            for start in range(0, len(places), size):
                await apply(session, partition, places[start : start + size], start)

    async def run() -> None:
        sessions = [TurnSession(cluster.driver) for _ in sizes]
        workers = [asyncio.ensure_future(work(*each)) for each in zip(sessions, sizes, strict=True)]
        for turn in turns:
            await sessions[turn].take_turn()
        while not all(worker.done() for worker in workers):
            for session in sessions:
                await session.take_turn()
        await asyncio.gather(*workers)
        await check(cluster.tweets, model, by)
        await check_authors(cluster.session, model, by)

    cluster.run(run())


async def pages(tweets: CassandraTweetStore, first: Slice) -> list[Entry]:
    """Read slice after slice until there is nothing more."""
    found: list[Entry] = []
    while True:
        ((*page,),) = await tweets.slices([first])
        found += page
        if len(page) < first.limit:
            return found
        last = page[-1].id
        first = first._replace(above=last) if first.ascending else first._replace(below=last)


def years(author: int, by: int) -> list[Event]:
    """Return what an author wrote in thirty months, with two months of silence; every fifth is a retweet."""
    events: list[Event] = []
    for month in (*range(10), *range(12, MONTHS + 2)):
        for number in range(TWEETS_A_MONTH):
            made_ms = month * MONTH_MS + number * (MONTH_MS // TWEETS_A_MONTH)
            entry_id = (made_ms << TIME_SHIFT) + by
            if number % 5 == 4:
                events.append(retweet(entry_id, author, entry_id - 1, author))
            else:
                events.append(tweet(entry_id, author, f"#years{by}" if number % 50 == 0 else "hello"))
    return events


def test_the_tweets_of_thirty_months_page_without_a_seam(cluster: Cluster) -> None:
    by = own_world()
    author = UserId(by + 1)
    posted = years(author, by)
    ends: list[Event] = [delete(each.id, author) for each in posted[3::17] if isinstance(each, TweetPosted)]
    # Two months whose every tweet is gone lie in the way.
    ends += [delete(each.id, author) for each in posted[850:1190] if isinstance(each, TweetPosted)]
    log: list[Placed] = [(event, offset) for offset, event in enumerate((*posted, *ends), 1)]
    model = Model()
    partition = author_partition(author, LAYOUT.partitions)
    for event, offset in log:
        model.apply(event, spot(partition, offset, LAYOUT.partitions))

    async def run() -> None:
        for start in range(0, len(log), 500):
            await apply(cluster.session, partition, log[start : start + 500], start)
        for of, limits in PAGE_SIZES.items():
            key = f"years{by}" if of is SliceOf.HASHTAG else author
            for limit, ascending in limits:
                found = await pages(cluster.tweets, Slice(of, key, limit, ascending=ascending))
                expected = model.slice(Slice(of, key, limit, ascending=ascending))
                assert [each for each in found if each.gone_at is None] == [in_its_partition(each) for each in expected]

    cluster.run(run())
