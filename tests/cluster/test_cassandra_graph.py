"""What only several log partitions, crashes, late workers and very many followers show of the graph on Cassandra."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.cassandra.driver import Driver
from infra.adapters.cassandra.follower_lists import WHOLE
from infra.adapters.cassandra.follower_moves import MoveLimits
from infra.adapters.cassandra.graph import CassandraGraphStore, CassandraPolicyStore
from infra.adapters.cassandra.projection import CassandraProgress, CassandraProjection
from infra.adapters.cassandra.session import CassandraSession, Statement
from infra.adapters.cassandra.stamps import stamp_of
from loaders.records import Delivery, Switch, TweetId, UserCounts, UserId
from realtime.events import Event, FollowsImported, RelationChanged, Verb, encode
from realtime.partitions import Layout, log_partition
from realtime.ports import Logged
from tests.cluster.cassandra_keyspace import cassandra_url, driver, own_number, session
from tests.contracts.adapters import Clock
from tests.contracts.cassandra_adapters import PATIENT
from tests.contracts.model import Model

__all__ = ["cassandra_url", "driver", "session"]

WORLD = 1 << 20
"""How far apart the accounts of two examples are."""
ONE, TWO = Layout(), Layout(2, 1)
PEOPLE = range(1, 6)
people = st.sampled_from(PEOPLE)
acts = st.lists(
    st.tuples(people, people, st.sampled_from([*Verb, Verb.FOLLOW, Verb.FOLLOW, Verb.BLOCK, None])),
    min_size=1,
    max_size=20,
)
tries = st.lists(st.tuples(st.integers(1, 6), st.none() | st.floats(0, 1)), max_size=12)


class Died(Exception):
    """The process died at this point."""


class MortalSession(CassandraSession):
    """A session that, if it is told, dies in the midst of writing: some of the groups are written then."""

    survivors: float | None = None
    chance = random.Random(0)

    async def write_many(self, groups: Sequence[Sequence[Statement]]) -> None:
        if self.survivors is None:
            await super().write_many(groups)
            return
        await super().write_many([each for each in groups if self.chance.random() < (self.survivors or 0)])
        raise Died


class SlowSession(CassandraSession):
    """A session whose writes wait for their time."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver, PATIENT)
        self.has_read = asyncio.Event()
        self.may_write = asyncio.Event()

    async def write_many(self, groups: Sequence[Sequence[Statement]]) -> None:
        self.has_read.set()
        await self.may_write.wait()
        await super().write_many(groups)


def projection(session: CassandraSession, epoch: int, layout: Layout = ONE, **limits: int) -> CassandraProjection:
    return CassandraProjection(session, epoch, layout, Clock(), MoveLimits(**{"settle_ms": 0, **limits}))


def written(
    history: Iterable[tuple[int, int, Verb | None]], world: int = 0, layout: Layout = ONE
) -> tuple[dict[int, list[Logged]], Model]:
    """Return the log of a history by partition, and what it comes to."""
    log: defaultdict[int, list[Logged]] = defaultdict(list)
    model = Model()
    for number, (one, other, verb) in enumerate(history, 1):
        a, b = UserId(one + world), UserId(other + world)
        event: Event = FollowsImported([(a, b, number), (a, b, 500 + number)])
        if verb is not None:
            event = RelationChanged(verb, a, b, number)
        partition = log_partition(event, layout)
        offset = len(log[partition]) + 1
        log[partition].append(Logged(partition, offset, encode(event), 0))
        model.apply(event, offset)
    return log, model


async def check(graph: CassandraGraphStore, model: Model, users: Collection[UserId]) -> None:
    """Hold everything that the store answers against the model."""
    assert list(await graph.counts(list(users))) == [model.user_counts(each) for each in users]
    for user_id in users:
        found, expected = await graph.relations(user_id), model.relations(user_id)
        assert (found.follows, found.hidden) == (expected.follows, expected.hidden)
        assert list(await graph.standings(user_id, list(users))) == [model.standing(user_id, each) for each in users]
        for followers in (True, False):
            edges = await graph.edges(user_id, followers, 100, None)
            assert [(edge.edge_id, edge.user_id) for edge in edges] == model.edges(user_id, followers)


def test_wherever_a_worker_dies_the_graph_is_what_one_pass_makes_of_the_log(driver: Driver) -> None:
    async def run(history: list[tuple[int, int, Verb | None]], pieces: list[tuple[int, float | None]]) -> None:
        session, epoch = MortalSession(driver, PATIENT), own_number()
        world = WORLD * epoch
        log, model = written(history, world, TWO)
        left = dict.fromkeys(log, 0)
        remaining = iter(pieces)
        while left:
            partition = min(left, key=lambda each: (left[each], each))
            size, survivors = next(remaining, (len(history), None))
            batch = log[partition][left[partition] : left[partition] + size]
            session.survivors = survivors
            try:
                await projection(session, epoch, TWO).apply(batch)
                left[partition] = batch[-1].offset
            except Died:
                pass
            if left[partition] == len(log[partition]):
                del left[partition]
        users = [UserId(number + world) for number in PEOPLE]
        await check(CassandraGraphStore(session, epoch, TWO), model, users)

    with asyncio.Runner() as runner:

        @settings(max_examples=60, deadline=None)
        @given(history=acts, pieces=tries)
        def example(history: list[tuple[int, int, Verb | None]], pieces: list[tuple[int, float | None]]) -> None:
            runner.run(run(history, pieces))

        example()


async def test_a_worker_that_wakes_after_another_has_done_its_work_changes_nothing(driver: Driver) -> None:
    slow, quick, epoch = SlowSession(driver), CassandraSession(driver, PATIENT), own_number()
    ada, bob, eve = (UserId(number + WORLD * epoch) for number in (1, 2, 3))
    acts = [(ada, bob, Verb.FOLLOW), (eve, bob, Verb.FOLLOW), (eve, ada, Verb.FOLLOW), (ada, bob, Verb.UNFOLLOW)]
    acts += [(eve, ada, Verb.BLOCK), (bob, eve, Verb.FOLLOW), (ada, bob, Verb.FOLLOW)]
    log, model = written(acts)
    late = asyncio.create_task(projection(slow, epoch).apply(log[0][:3]))
    await slow.has_read.wait()

    await projection(quick, epoch).apply(log[0][:5])
    await projection(quick, epoch).apply(log[0][5:])
    slow.may_write.set()
    await late

    await check(CassandraGraphStore(quick, epoch, ONE), model, [ada, bob, eve])
    assert await projection(quick, epoch).position() == len(acts)


async def test_a_new_epoch_goes_on_from_what_the_old_one_left_and_knows_its_own_offsets_alone(
    session: CassandraSession,
) -> None:
    old, new = own_number(), own_number()
    ada, bob, eve, dan = (UserId(number + WORLD * old) for number in range(1, 5))
    before, _ = written([(ada, bob, Verb.FOLLOW), (ada, eve, Verb.FOLLOW), (ada, dan, Verb.BLOCK)])
    after, _ = written([(ada, eve, Verb.UNFOLLOW), (ada, dan, Verb.UNBLOCK), (ada, dan, Verb.FOLLOW)])
    await projection(session, old).apply(before[0])

    await projection(session, new).apply(after[0])

    graph = CassandraGraphStore(session, new, ONE)
    relations = await graph.relations(ada)
    assert (relations.follows, relations.newest_edges) == ({bob: 0, dan: 3}, {0: 3})
    assert await graph.counts([ada, bob, eve, dan]) == [
        UserCounts(0, 2),
        UserCounts(1, 0),
        UserCounts(0, 0),
        UserCounts(1, 0),
    ]
    assert await projection(session, old).position() == await projection(session, new).position() == 3


async def test_an_event_that_is_applied_again_mends_a_row_that_was_lost(session: CassandraSession) -> None:
    epoch = own_number()
    ada, bob = UserId(1 + WORLD * epoch), UserId(2 + WORLD * epoch)
    log, model = written([(ada, bob, Verb.FOLLOW), (bob, ada, Verb.FOLLOW)])
    await projection(session, epoch).apply(log[0])
    lost = stamp_of(epoch, 1)
    for table, column in (("relations", "viewer_id"), ("followees", "follower_id")):
        await session.write(f"DELETE FROM {table} USING TIMESTAMP ? WHERE {column} = ?", lost - 1, ada)
    text = "DELETE FROM followers USING TIMESTAMP ? WHERE followee_id = ? AND bucket = ?"
    await session.write(text, lost - 1, bob, WHOLE)

    await projection(session, epoch).apply(log[0])

    await check(CassandraGraphStore(session, epoch, ONE), model, [ada, bob])


async def test_switches_recorded_by_one_process_are_seen_by_another_once_it_refreshes(
    session: CassandraSession,
) -> None:
    ours, theirs = [await CassandraPolicyStore.open(session, 1) for _ in range(2)]
    author = UserId(WORLD * own_number())
    seen = await theirs.switches()
    history = (Switch(TweetId(5), Delivery.PULLED), Switch(TweetId(9), Delivery.PUSHED))

    await ours.record_switches({author: history}, at=7)
    assert author not in seen
    await theirs.refresh([UserId(author + 1)])
    assert author not in seen
    await theirs.refresh([author])

    assert seen[author] == history


async def test_a_process_that_wakes_late_records_no_switch_over_a_newer_one_and_learns_of_it(
    session: CassandraSession,
) -> None:
    ours, late = [await CassandraPolicyStore.open(session, 1) for _ in range(2)]
    author = UserId(WORLD * own_number())
    history = (Switch(TweetId(5), Delivery.PULLED),)
    await ours.record_switches({author: history}, at=7)

    await late.record_switches({author: (Switch(TweetId(4), Delivery.PULLED), Switch(TweetId(5), Delivery.PUSHED))}, 6)

    await ours.refresh()
    assert (await ours.switches())[author] == (await late.switches())[author] == history


async def test_what_was_handled_is_forgotten_after_a_day(session: CassandraSession) -> None:
    epoch = own_number()
    progress = CassandraProgress(session, epoch)
    await progress.commit(70_000, 5_000, 3)

    assert await progress.handled_at_ms(1, 3) == 5_000
    assert await progress.handled_at_ms(1, 2) is None
    text = "SELECT TTL(at_ms) FROM handled WHERE epoch = ? AND log_partition = 3 AND stretch = 1"
    ((left_s,),) = await session.rows(text, epoch)
    assert 86_000 < left_s <= 86_400


async def test_a_batch_with_more_rows_than_go_together_is_applied_in_pieces(session: CassandraSession) -> None:
    epoch = own_number()
    world = WORLD * epoch
    follows = [(UserId(world + 2 + n), UserId(world + 1), n + 1) for n in range(2_600)]
    imports = [FollowsImported(follows[start::2]) for start in range(2)]

    await projection(session, epoch).apply(
        [Logged(0, offset, encode(event), 0) for offset, event in enumerate([*imports, *imports], 1)]
    )

    graph = CassandraGraphStore(session, epoch, ONE)
    assert await graph.counts([UserId(world + 1)]) == [UserCounts(2_600, 0)]
    assert await projection(session, epoch).position() == 4
