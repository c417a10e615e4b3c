"""Authors' heads in memory answer what the database answers, whatever the projection changes meanwhile."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.sqlite.heads import Heads
from infra.adapters.sqlite.projection import SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.ports import Slice, SliceOf
from loaders.recent import Recent
from loaders.records import Entry, TweetId, UserId
from tests.contracts.histories import PEOPLE, TWEETS, histories
from tests.contracts.making import delete, logged, retweet, tweet, undo
from tests.contracts.sqlite_caches import check_answers

people = st.sampled_from([UserId(number) for number in PEOPLE])
bounds = st.none() | st.sampled_from([TweetId(number) for number in (0, *TWEETS, 100, 105, 115, 130)])
cuts = st.builds(
    Slice,
    st.sampled_from([SliceOf.AUTHOR, SliceOf.AUTHOR, SliceOf.AUTHOR, SliceOf.AUTHOR_TWEETS]),
    people,
    st.integers(1, 12),
    bounds,
    bounds,
    st.sampled_from([False, False, False, True]),
)
heads_of_all = st.builds(lambda author, limit: Slice(SliceOf.AUTHOR, author, limit), people, st.integers(1, 12))
pieces = st.lists(st.tuples(st.integers(1, 8), st.lists(heads_of_all | cuts, max_size=8)), max_size=12)


@pytest.mark.parametrize("heads_max", [10_000, 6])
@settings(max_examples=80, deadline=None)
@given(history=histories, pieces=pieces, last=st.lists(cuts, min_size=5, max_size=20))
def test_slices_are_those_of_the_database_at_any_time(
    heads_max: int,
    history: list[tuple[object, ...]],
    pieces: list[tuple[int, list[Slice]]],
    last: list[Slice],
) -> None:
    pieces_asked = [(count, [asked]) for count, asked in pieces]
    check_answers(history, pieces_asked, [last], lambda tweets, asked: tweets.slices(asked), "heads_max", heads_max)


class Opened:
    """A store whose statements are counted."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.tweets = SQLiteTweetStore(store)
        self.projection = SQLiteProjection(store)
        self.statements = 0
        store.connection.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self.statements += statement.startswith("SELECT t.id")

    async def head(self, author: int, limit: int = 10, below: int | None = None) -> list[int]:
        """Return the ids of an author's newest entries."""
        cut = Slice(SliceOf.AUTHOR, UserId(author), limit, None if below is None else TweetId(below))
        (found,) = await self.tweets.slices([cut])
        return [entry.id for entry in found]


async def test_a_head_is_read_once_and_serves_shorter_slices_and_whole_ones(tmp_path: Path) -> None:
    async with SQLiteStore.open(tmp_path / "store.db") as store:
        opened = Opened(store)
        await opened.projection.apply(logged([tweet(number, 1) for number in range(1, 9)]))

        assert await opened.head(1, 5) == await opened.head(1, 5) == [8, 7, 6, 5, 4]
        assert await opened.head(1, 3) == [8, 7, 6]
        assert await opened.head(1, 2, below=7) == [6, 5]
        assert opened.statements == 1
        assert await opened.head(1, 20) == await opened.head(1, 30) == [8, 7, 6, 5, 4, 3, 2, 1]
        assert await opened.head(1, 20, below=3) == [2, 1]
        assert opened.statements == 2


async def test_only_the_heads_that_an_event_changes_are_read_again(tmp_path: Path) -> None:
    async with SQLiteStore.open(tmp_path / "store.db") as store:
        opened = Opened(store)
        shared = retweet(20, 2, 1, 1)
        await opened.projection.apply(logged([tweet(1, 1), shared, tweet(3, 3)]))
        for author in (1, 2, 3):
            await opened.head(author)
        opened.statements = 0

        await opened.projection.apply(logged([tweet(1, 1), shared, tweet(3, 3), tweet(4, 3)])[3:])
        assert [await opened.head(author) for author in (1, 2, 3)] == [[1], [20], [4, 3]]
        assert opened.statements == 1

        await opened.projection.apply(logged([tweet(1, 1), shared, tweet(3, 3), tweet(4, 3), delete(1, 1)])[4:])
        (found,) = await opened.tweets.slices([Slice(SliceOf.AUTHOR, UserId(2), 10)])
        assert [(entry.id, entry.gone_at is not None) for entry in found] == [(20, True)]
        assert await opened.head(1) == []
        assert await opened.head(3) == [4, 3]
        assert opened.statements == 3


async def test_a_retweet_that_is_undone_leaves_the_head(tmp_path: Path) -> None:
    async with SQLiteStore.open(tmp_path / "store.db") as store:
        opened, events = Opened(store), [tweet(1, 1), retweet(20, 2, 1, 1), undo(20, 2, 1)]
        await opened.projection.apply(logged(events)[:2])
        assert await opened.head(2) == [20]

        await opened.projection.apply(logged(events)[2:])

        assert await opened.head(2) == []


def entry(number: int, author: int) -> Entry:
    return Entry(TweetId(number), UserId(author), TweetId(number), UserId(author), None, number)


def test_the_entries_in_all_heads_are_bounded_and_the_one_unused_longest_goes() -> None:
    heads = Heads(entries_max=12)
    cut = [Slice(SliceOf.AUTHOR, UserId(author), 3) for author in range(5)]
    for author in range(3):
        heads.put(cut[author], [entry(10 * author + number, author) for number in (3, 2, 1)])
    assert [heads.cut(each) is not None for each in cut] == [True, True, True, False, False]

    heads.cut(cut[0])
    heads.put(cut[3], [entry(number, 3) for number in (33, 32, 31)])

    assert [heads.cut(each) is not None for each in cut] == [True, False, True, True, False]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.lists(st.tuples(st.sampled_from(["put", "drop", "get"]), st.integers(0, 20))))
def test_recent_values_are_right_bounded_and_the_last_half_is_there(size: int, acts: Sequence[tuple[str, int]]) -> None:
    recent, model = Recent[int, int](size), dict[int, int]()
    used: list[int] = []
    for number, (act, key) in enumerate(acts):
        if act == "put":
            recent.put(key, number)
            model[key] = number
        elif act == "drop":
            recent.drop(key)
            model.pop(key, None)
        (found,) = recent.get_many([key])
        assert found is None or found == model[key]
        assert len(recent) <= size
        if found is not None:
            used = [each for each in used if each != key] + [key]
    kept = [key for key in used[-max(1, size // 2) :] if key in model]
    assert recent.get_many(kept) == [model[key] for key in kept]
