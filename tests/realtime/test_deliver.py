"""What the group `fanout` does with each event: push what is pushed, tell every hub, then commit."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite.graph import SQLitePolicyStore
from infra.adapters.sqlite.projection import SQLiteProgress
from loaders.errors import Unavailable
from loaders.ids import TIME_SHIFT
from loaders.ports import Reach
from loaders.records import Delivery, Switch, TweetId, UserId
from realtime.deliver import Deliver
from realtime.events import FollowsImported, ImportFinished, RepairRequested, Verb
from realtime.fanout import PushPolicy
from realtime.ports import Logged, Reference
from tests.contracts.adapters import Clock
from tests.contracts.making import delete, logged, relate, retweet, tweet, undo
from tests.realtime.delivering import LENGTH, LIMIT, activate, follows, happen, held, switches, world
from tests.stepped import HeldBroadcast, Stepped

__all__ = ["world"]


async def test_an_entry_reaches_the_lists_of_its_author_and_of_active_followers(world: Stepped) -> None:
    await happen(world, *follows(1, 2, 3))
    await activate(world, 1, 2, 9)

    await happen(world, tweet(10, 1), retweet(11, 1, 5, 9))

    assert [await held(world, viewer) for viewer in (1, 2, 3, 9)] == [[11, 10], [11, 10], None, []]
    assert world.engine.deliver.entries_pushed == 4


async def test_an_author_at_the_limit_is_pulled_by_their_own_page_as_well(world: Stepped) -> None:
    await happen(world, tweet(10, 1), *follows(1, 2, 3, 4))
    await activate(world, 1, 2)

    await happen(world, tweet(20, 1))

    assert await switches(world, 1) == [Switch(TweetId(20), Delivery.PULLED)]
    assert [await held(world, viewer) for viewer in (1, 2)] == [[10], [10]]
    for viewer in (1, 2):
        assert [edge.entry.id for edge in (await world.page(viewer)).edges] == [20, 10]


async def test_an_author_well_under_the_limit_is_pushed_again(world: Stepped) -> None:
    await happen(world, *follows(1, 2, 3, 4))
    await happen(world, tweet(20, 1), relate(Verb.UNFOLLOW, 4, 1))
    await activate(world, 2)
    await happen(world, tweet(30, 1), relate(Verb.UNFOLLOW, 3, 1), tweet(40, 1))

    expected = [Switch(TweetId(20), Delivery.PULLED), Switch(TweetId(30), Delivery.PUSHED)]
    assert await switches(world, 1) == expected
    assert await held(world, 2) == [40, 30]


async def test_an_author_who_posts_too_fast_is_pulled_for_an_hour(tmp_path: Path) -> None:
    stepped = Stepped(tmp_path, push_limit=3, push_entries_per_minute=4)
    await stepped.open()
    minute = 60_000 << TIME_SHIFT
    await happen(stepped, *follows(1, 2, 3), tweet(minute, 1), tweet(minute + 1, 1), tweet(minute + 2, 1))
    assert await switches(stepped, 1) == [Switch(TweetId(minute + 2), Delivery.PULLED)]

    await happen(stepped, tweet(60 * minute, 1), tweet(61 * minute, 1))

    assert (await switches(stepped, 1))[1:] == [Switch(TweetId(61 * minute), Delivery.PUSHED)]
    await stepped.close()


async def test_a_late_entry_is_delivered_by_the_mode_of_its_own_id(world: Stepped) -> None:
    await happen(world, tweet(30, 1), *follows(1, 2, 3, 4))
    await activate(world, 2)

    await happen(world, tweet(20, 1), tweet(40, 1))

    # The limit was crossed when 20 came, but 30 had been pushed by then.
    assert await switches(world, 1) == [Switch(TweetId(31), Delivery.PULLED)]
    assert await held(world, 2) == [30, 20]


async def test_an_author_may_cross_the_limits_both_ways_between_late_entries(world: Stepped) -> None:
    await happen(world, tweet(30, 1), *follows(1, 2, 3, 4))
    await happen(world, tweet(10, 1))

    await happen(world, *(relate(Verb.UNFOLLOW, follower, 1) for follower in (2, 3, 4)), tweet(20, 1), tweet(40, 1))

    assert world.engine.positions.reached("fanout") == 10
    assert (await switches(world, 1))[-1].delivery is Delivery.PUSHED


async def test_only_the_first_place_of_an_id_is_pushed(world: Stepped) -> None:
    await happen(world, *follows(1, 3), *follows(2, 4), tweet(10, 1))
    await activate(world, 3, 4)
    await happen(world, tweet(10, 2), tweet(10, 1))

    assert [await held(world, viewer) for viewer in (3, 4)] == [[10], []]
    assert world.engine.deliver.entries_pushed == 0


async def test_what_is_gone_before_it_was_handled_is_not_pushed(world: Stepped) -> None:
    await happen(world, tweet(5, 9), *follows(1, 2))
    await activate(world, 2)

    await world.append(tweet(10, 1), delete(10, 1), retweet(11, 1, 5, 9), undo(11, 1, 5), retweet(12, 1, 5, 9))
    await world.drain()

    assert await held(world, 2) == [12]


async def test_a_follow_brings_what_was_written_before_into_the_list_and_settles_the_edge(world: Stepped) -> None:
    await happen(world, tweet(10, 1), tweet(20, 1), tweet(15, 2))
    await activate(world, 2)

    await happen(world, *follows(1, 2, 3))

    assert await held(world, 2) == [20, 15, 10]
    found = await world.engine.timelines.newest(UserId(2), None, 1)
    assert found is not None
    assert found.settled == {0: 4}
    assert await held(world, 3) is None


async def test_a_follow_of_who_wrote_more_than_a_list_holds_raises_the_floor(world: Stepped) -> None:
    await happen(world, tweet(1, 2), *(tweet(number, 1) for number in range(10, 10 + LENGTH + 5)))
    await activate(world, 2)

    await happen(world, *follows(1, 2))

    assert await held(world, 2) == list(range(10 + LENGTH + 4, 14, -1))
    assert await world.engine.timelines.reach(UserId(2)) == Reach(TweetId(14), {0: 47}, is_built=True)
    assert len(await world.pages(2, 100)) == LENGTH + 6


async def test_a_follow_brings_nothing_in_that_is_pulled(world: Stepped) -> None:
    await happen(world, tweet(10, 1), *follows(1, 2, 3, 4))
    await happen(world, tweet(20, 1))
    await activate(world, 5)

    await happen(world, *follows(1, 5))

    assert await held(world, 5) == [10]
    assert [edge.entry.id for edge in (await world.page(5)).edges] == [20, 10]


async def test_a_repair_drops_the_lists_that_it_names_and_an_import_drops_all(world: Stepped) -> None:
    await activate(world, 1, 2, 3)
    await happen(world, RepairRequested([UserId(1), UserId(3)], 1))
    assert [await held(world, viewer) for viewer in (1, 2, 3)] == [None, [], None]

    await happen(world, FollowsImported([(UserId(8), UserId(9), 1)]))
    assert await held(world, 2) is None


async def test_at_the_end_of_an_import_the_popular_are_pulled_from_their_first_id_on(world: Stepped) -> None:
    many = [(UserId(follower), UserId(1), follower) for follower in (2, 3, 4)]
    await happen(world, tweet(10, 1), tweet(11, 2), FollowsImported([*many, (UserId(1), UserId(2), 9)]))
    assert await switches(world, 1) == []

    await happen(world, ImportFinished(), ImportFinished())

    assert await switches(world, 1) == [Switch(TweetId(0), Delivery.PULLED)]
    assert await switches(world, 2) == []


async def test_poison_is_buried_and_still_referred_to_so_that_no_place_is_missing(world: Stepped) -> None:
    engine = world.engine
    await happen(world, *follows(1, 2))
    await activate(world, 2)
    world.broadcast.held.clear()
    await engine.projection.apply(logged([tweet(10, 1)], after=1))

    await engine.deliver.handle([*logged([tweet(10, 1), b"\xffpoison"], after=1)], 1)

    assert await held(world, 2) == [10]
    (references,) = world.broadcast.held
    assert [(each.previous, each.offset, each.kind) for each in references] == [(1, 2, "posted"), (2, 3, "poison")]
    assert await engine.progress.position() == 3
    letters = engine.store.connection.execute("SELECT consumer_group, log_offset FROM dead_letters").fetchall()
    assert letters == [("fanout", 3)]


class Order:
    """Stores that write down in which order they are called; the broadcast fails when told to."""

    def __init__(self, world: Stepped) -> None:
        calls = self.calls = list[str]()
        self.is_deaf = False
        order, engine = self, world.engine

        class Policy(SQLitePolicyStore):
            async def record_switches(self, switches: Mapping[UserId, Sequence[Switch]], at: int) -> None:
                calls.append("switch")
                await super().record_switches(switches, at)

        class Timelines(MemoryTimelineStore):
            async def push_many(self, pushes: Sequence[tuple[TweetId, Sequence[UserId]]]) -> int:
                calls.append("push")
                return await super().push_many(pushes)

        class Broadcast(HeldBroadcast):
            async def publish(self, references: Sequence[Reference]) -> None:
                calls.append("publish")
                if order.is_deaf:
                    raise Unavailable("the broadcast is away")
                await super().publish(references)

        class Progress(SQLiteProgress):
            async def commit(self, offset: int, at_ms: int, partition: int = 0) -> None:
                calls.append("commit")
                await super().commit(offset, at_ms, partition)

        home = engine.services.home
        self.progress, self.timelines = Progress(engine.store), Timelines(Clock(), LENGTH)
        self.deliver = Deliver(
            home.tweets,
            home.graph,
            Policy(engine.store),
            self.timelines,
            Broadcast(),
            self.progress,
            PushPolicy(LIMIT),
            Clock(7),
        )


@pytest.fixture
async def batch(world: Stepped) -> Sequence[Logged]:
    """Events that the group `store` has applied: an author crosses the limit with the second tweet."""
    await world.append(*follows(1, 2), tweet(10, 2), *follows(1, 3, 4), tweet(20, 1))
    await world.step("store")
    return await world.engine.log.read(0, 100)


async def test_a_switch_is_stored_before_its_first_use_and_the_commit_comes_last(
    world: Stepped, batch: Sequence[Logged]
) -> None:
    """Pushes are settled before anybody is told of them (L1), and switches stored before them (F6)."""
    order = Order(world)

    await order.deliver.handle(batch, 0)

    assert order.calls == ["switch", "push", "publish", "commit"]
    assert await order.progress.handled_at_ms(5) == 7


async def test_what_could_not_be_told_is_not_committed_and_doing_it_again_changes_nothing(
    world: Stepped, batch: Sequence[Logged]
) -> None:
    order = Order(world)
    await order.timelines.finish_build(UserId(2), await order.timelines.begin_build(UserId(2)), [], TweetId(0), {})
    order.is_deaf = True
    with pytest.raises(Unavailable):
        await order.deliver.handle(batch, 0)
    assert await order.progress.position() == 0

    order.is_deaf = False
    for _ in range(2):
        await order.deliver.handle(batch, 0)

    assert await order.progress.position() == 5
    assert order.calls.count("switch") == 1
    assert order.deliver.entries_pushed == 1
    assert list((await order.timelines.newest(UserId(2), None, 9) or pytest.fail("no list")).ids) == [10]
