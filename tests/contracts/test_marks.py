"""Viewers' marks in memory answer what the database answers, whatever the projection changes meanwhile."""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.adapters.sqlite import marks
from infra.adapters.sqlite.marks import Marks
from infra.adapters.sqlite.projection import SQLiteProjection
from infra.adapters.sqlite.store import SQLiteStore
from infra.adapters.sqlite.tweets import SQLiteTweetStore
from loaders.records import TweetId, UserId, ViewerMarks
from tests.contracts.histories import PEOPLE, TWEETS, histories
from tests.contracts.making import like, logged, tweet
from tests.contracts.sqlite_caches import check_answers

asked = st.tuples(
    st.sampled_from([UserId(number) for number in PEOPLE]),
    st.lists(st.sampled_from([TweetId(number) for number in TWEETS]), max_size=6, unique=True),
)
pieces = st.lists(st.tuples(st.integers(1, 8), st.lists(asked, max_size=8)), max_size=12)


@pytest.mark.parametrize(("viewers_max", "kept_max"), [(100, 500), (2, 500), (100, 1)])
@settings(max_examples=80, deadline=None)
@given(history=histories, pieces=pieces, last=st.lists(asked, min_size=5, max_size=20))
def test_marks_are_those_of_the_database_at_any_time(
    viewers_max: int,
    kept_max: int,
    history: list[tuple[object, ...]],
    pieces: list[tuple[int, list[tuple[UserId, list[TweetId]]]]],
    last: list[tuple[UserId, list[TweetId]]],
) -> None:
    with patch.object(marks, "KEPT_MAX", kept_max):
        check_answers(
            history, pieces, last, lambda tweets, question: tweets.marks(*question), "marked_max", viewers_max
        )


async def test_marks_are_read_once_until_the_viewer_likes_or_retweets(tmp_path: Path) -> None:
    async with SQLiteStore.open(tmp_path / "store.db") as store:
        tweets, projection, statements = SQLiteTweetStore(store), SQLiteProjection(store), []
        events = [tweet(1, 1), tweet(2, 1), like(7, 1), like(8, 1), like(7, 2)]
        await projection.apply(logged(events)[:3])
        store.connection.set_trace_callback(lambda text: statements.append(text) if "UNION ALL" in text else None)

        async def liked(viewer: int) -> list[bool]:
            return [each.has_liked for each in await tweets.marks(UserId(viewer), [TweetId(1), TweetId(2)])]

        assert await liked(7) == await liked(7) == [True, False]
        assert len(statements) == 1
        await projection.apply(logged(events)[3:4])
        assert await liked(7) == [True, False]
        assert len(statements) == 1
        await projection.apply(logged(events)[4:])
        assert await liked(7) == [True, True]
        assert len(statements) == 2


def test_new_tweets_need_no_look_and_old_ones_one_look_further_down() -> None:
    kept, looks = Marks(10), []

    def read_since(oldest: TweetId, _: int) -> list[tuple[TweetId, int, int]]:
        looks.append(oldest)
        return [(TweetId(each), 1, 1) for each in (3, 7) if each >= oldest]

    def liked(*ids: int) -> list[bool]:
        return [each.has_liked for each in kept.of(UserId(1), [TweetId(each) for each in ids], read_since, _refuse)]

    assert liked(9, 7, 6) == [False, True, False]
    assert liked(11, 10, 7) == [False, False, True]
    assert liked(6, 3, 2) == [False, True, False]
    assert liked(2, 3, 12) == [False, True, False]
    assert looks == [6, 2]


def test_of_whoever_likes_very_much_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "KEPT_MAX", 3)
    kept, looks, reads = Marks(10), [], []

    def read_since(oldest: TweetId, limit: int) -> list[tuple[TweetId, int, int]]:
        looks.append(oldest)
        return [(TweetId(each), 1, 1) for each in range(100) if each >= oldest][:limit]

    def read(ids: Sequence[TweetId]) -> list[ViewerMarks]:
        reads.append(list(ids))
        return [ViewerMarks(True, False)] * len(ids)

    for ids in ([98, 97], [96, 98], [5], [99]):
        found = kept.of(UserId(1), [TweetId(each) for each in ids], read_since, read)
        assert [each.has_liked for each in found] == [True] * len(ids)
    assert (looks, reads) == ([97, 96], [[96, 98], [5], [99]])

    kept.touched(UserId(1))
    kept.of(UserId(1), [TweetId(99)], read_since, read)
    assert looks == [97, 96, 99]


def _refuse(_: Sequence[TweetId]) -> Sequence[ViewerMarks]:
    raise AssertionError("they are few")
