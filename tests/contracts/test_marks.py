"""Viewers' marks in memory answer what the database answers, whatever the projection changes meanwhile."""

from pathlib import Path

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


@pytest.mark.parametrize("viewers_max", [100, 2])
@settings(max_examples=80, deadline=None)
@given(history=histories, pieces=pieces, last=st.lists(asked, min_size=5, max_size=20))
def test_marks_are_those_of_the_database_at_any_time(
    viewers_max: int,
    history: list[tuple[object, ...]],
    pieces: list[tuple[int, list[tuple[UserId, list[TweetId]]]]],
    last: list[tuple[UserId, list[TweetId]]],
) -> None:
    check_answers(history, pieces, last, lambda tweets, question: tweets.marks(*question), "marked_max", viewers_max)


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


def test_what_is_kept_of_one_viewer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "TWEETS_MAX", 3)
    kept, reads = Marks(10), []

    def read(ids: object) -> list[ViewerMarks]:
        reads.append(ids)
        return [ViewerMarks()] * len(ids)  # type: ignore[arg-type]

    for ids in ([1, 2], [3, 4], [5], [3, 4, 5], [5]):
        assert len(kept.of(UserId(1), [TweetId(each) for each in ids], read)) == len(ids)

    assert reads == [[1, 2], [3, 4], [5], [3, 4]]
