"""Viewers' marks in memory answer what the database answers, whatever the projection changes meanwhile."""

import asyncio
import tempfile
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
from tests.contracts.histories import PEOPLE, TWEETS, events_of, histories
from tests.contracts.making import like, logged, tweet

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
    batch = logged(events_of(history))

    async def run(folder: Path) -> None:
        async with (
            SQLiteStore.open(folder / "store.db", marked_max=viewers_max) as store,
            SQLiteStore.open(folder / "store.db", marked_max=0) as bare,
        ):
            tweets, read = SQLiteTweetStore(store), SQLiteTweetStore(bare)
            applied = 0
            for count, questions in [*pieces, (len(batch), last)]:
                if some := batch[applied : applied + count]:
                    await SQLiteProjection(store).apply(some)
                    applied += len(some)
                for viewer_id, ids in (*questions, *questions):
                    assert await tweets.marks(viewer_id, ids) == await read.marks(viewer_id, ids)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


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
