"""What a page may cost in calls to the stores, whatever the number of follows and entries."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from loaders.bundle import LoaderStores
from loaders.ports import Slice
from loaders.pull import ROUNDS_MAX
from loaders.rebuild import Rebuilds
from loaders.records import TweetId, UserId
from realtime.events import FollowsImported, TweetPosted
from tests.world import World, open_world

WARM_PAGE_CALLS_MAX = 10


@dataclass
class Ledger:
    """Every call to a store, in order."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    def names(self) -> Counter[str]:
        """Count the calls by name."""
        return Counter(name for name, _ in self.calls)

    def slices(self) -> list[Sequence[Slice]]:
        """Return what each call for slices asked for."""
        return [arguments[0] for name, arguments in self.calls if name == "tweets.slices"]


class Counted:
    """A store whose calls are written down."""

    def __init__(self, name: str, store: object, ledger: Ledger) -> None:
        self._name = name
        self._store = store
        self._ledger = ledger

    def __getattr__(self, method: str) -> Callable[..., Any]:
        inner = getattr(self._store, method)

        def call(*arguments: Any) -> Any:
            self._ledger.calls.append((f"{self._name}.{method}", arguments))
            return inner(*arguments)

        return call


def counted(world: World) -> Ledger:
    """Put a ledger between the world's resolvers and its stores; it starts empty with each use of this."""
    ledger, home, behind = Ledger(), world.engine.services.home, world.engine.services.loader_stores
    stores: dict[str, Any] = {
        name: Counted(name, getattr(home, name), ledger) for name in ("tweets", "graph", "policy", "timelines")
    }
    rebuilds = Rebuilds(**stores, timeline_length=world.engine.settings.timeline_length)
    users = cast(Any, Counted("users", behind.users, ledger))
    world.services = replace(
        world.engine.services,
        users=users,
        loader_stores=LoaderStores(users, stores["tweets"], stores["graph"]),
        home=replace(home, rebuilds=rebuilds, **stores),
    )
    return ledger


async def warm(world: World, viewer: str) -> Ledger:
    """Read a page twice, and return what the second reading cost."""
    await world.page(viewer, first=20)
    ledger = counted(world)
    assert len((await world.page(viewer, first=20))["edges"]) == 20
    return ledger


async def followees(world: World, viewer: str, count: int) -> list[UserId]:
    """Let a viewer follow so many accounts."""
    viewer_id, found = await world.account(viewer), await world.accounts([f"author{n}" for n in range(count)])
    await world.append(FollowsImported([(viewer_id, author, world.services.new_id()) for author in found]))
    return found


async def tweets(world: World, authors: Sequence[UserId]) -> None:
    """Let these authors tweet, one after the other."""
    events = [TweetPosted(TweetId(world.services.new_id()), author, "a", 0) for author in authors]
    await world.append(*events)


async def test_a_warm_page_reads_nobodys_tweets(world: World) -> None:
    await tweets(world, await followees(world, "bob", 50))

    ledger = await warm(world, "bob")

    assert ledger.slices() == []
    assert sum(ledger.names().values()) <= WARM_PAGE_CALLS_MAX


async def test_a_warm_page_reads_the_tweets_of_pulled_authors_alone(world: World) -> None:
    authors = await followees(world, "bob", 50)
    await world.celebrity("star")
    await world.celebrity("muted_star")
    await world.celebrity("strange_star")
    for star in ("star", "muted_star"):
        await world.follow("bob", star)
    for star in ("star", "muted_star", "strange_star"):
        await world.tweet(star, "pulled")
    await world.mute("bob", "muted_star")
    await tweets(world, authors)

    ledger = await warm(world, "bob")

    (asked,) = ledger.slices()
    assert [each.key for each in asked] == [await world.account("star")]


async def test_two_home_timelines_in_one_request_cost_one_call_for_slices(world: World) -> None:
    await world.celebrity("star")
    await world.follow("bob", "star")
    await world.many_tweets("star", 30)
    await world.page("bob")
    ledger = counted(world)

    page = "homeTimeline(first: 20) { edges { node { id text author { handle } } } }"
    answer = await world.run(f"{{ a: {page} b: {page} }}", "bob")

    assert answer.data["a"] == answer.data["b"]
    assert len(answer.data["a"]["edges"]) == 20
    assert len(ledger.slices()) == 1


async def test_two_home_timelines_of_other_sizes_share_the_call_too(world: World) -> None:
    await world.celebrity("star")
    await world.follow("bob", "star")
    await world.many_tweets("star", 30)
    await world.page("bob")
    ledger = counted(world)

    answer = await world.run(
        "{ a: homeTimeline(first: 20) { edges { cursor } } b: homeTimeline(first: 5) { edges { cursor } } }", "bob"
    )

    assert [len(answer.data[name]["edges"]) for name in "ab"] == [20, 5]
    assert len(ledger.slices()) == 1


async def test_a_warm_pages_calls_do_not_grow_with_the_follows(tmp_path: Path) -> None:
    costs = []
    for follows in (1, 10, 100, 1_000):
        async with open_world(tmp_path / str(follows)) as world:
            authors = await followees(world, "bob", follows)
            await tweets(world, [authors[number % follows] for number in range(100)])
            costs.append((await warm(world, "bob")).names())

    assert costs[1:] == costs[:-1]
    assert sum(costs[0].values()) <= WARM_PAGE_CALLS_MAX


async def test_a_warm_pages_calls_do_not_grow_with_pulled_authors(tmp_path: Path) -> None:
    costs = []
    for stars in (1, 10, 40):
        async with open_world(tmp_path / str(stars), push_limit=1) as world:
            authors = await followees(world, "bob", stars)
            await tweets(world, [authors[number % stars] for number in range(400)])
            ledger = await warm(world, "bob")
            assert [len(asked) for asked in ledger.slices()] == [stars]
            costs.append(ledger.names())

    assert costs[1:] == costs[:-1]


async def test_a_warm_pages_calls_do_not_grow_with_the_entries(world: World) -> None:
    authors, costs, posted = await followees(world, "bob", 10), [], 0
    for entries in (100, 1_000, 10_000):
        await tweets(world, [authors[number % 10] for number in range(entries - posted)])
        posted = entries
        costs.append((await warm(world, "bob")).names())

    assert costs[1:] == costs[:-1]


async def test_a_page_below_the_cached_list_costs_few_calls_whatever_the_follows(tmp_path: Path) -> None:
    for follows in (1, 30, 300):
        async with open_world(tmp_path / str(follows), timeline_length=40) as world:
            authors = await followees(world, "bob", follows)
            await tweets(world, [authors[number % follows] for number in range(400)])
            cursor = (await world.page("bob", first=100))["pageInfo"]["endCursor"]
            ledger = counted(world)

            assert len((await world.page("bob", first=20, after=cursor))["edges"]) == 20
            assert 1 <= len(ledger.slices()) <= 2


def evenly(authors: Sequence[UserId]) -> list[UserId]:
    return [*authors] * 2


def one_alone(authors: Sequence[UserId]) -> list[UserId]:
    return [authors[0]] * 1_000


def a_heavy_tail(authors: Sequence[UserId]) -> list[UserId]:
    return [author for rank, author in enumerate(authors, 1) for _ in range(1 + 500 // rank)]


def one_on_top_of_many(authors: Sequence[UserId]) -> list[UserId]:
    return [*authors, *[authors[0]] * 500]


@pytest.mark.parametrize("shape", [evenly, one_alone, a_heavy_tail, one_on_top_of_many])
async def test_a_rebuilds_calls_are_bounded_whoever_posts_how_much(
    world: World, shape: Callable[[Sequence[UserId]], list[UserId]]
) -> None:
    authors = await followees(world, "bob", 500)
    await tweets(world, shape(authors))
    expected = min(800, len(shape(authors)))
    ledger = counted(world)

    await world.page("bob", first=20)

    assert len(await world.pushed_ids("bob")) == expected
    assert ledger.names()["timelines.begin_build"] == 1
    assert 1 <= len(ledger.slices()) <= 1 + ROUNDS_MAX
