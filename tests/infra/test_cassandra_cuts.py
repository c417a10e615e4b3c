"""How slices are read from lists that are cut into buckets of time: whole, in few steps, and never too much at once."""

from bisect import bisect_left
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from infra.adapters.cassandra.cuts import STEP_BUCKETS_MAX, STEP_ROWS_MAX, BucketsWanted, Cut, RowsWanted
from infra.adapters.cassandra.listings import BY_AUTHOR, MONTH_MS
from infra.adapters.cassandra.tweet_rows import Skeleton
from loaders.ids import TIME_SHIFT
from loaders.ports import Slice, SliceOf
from loaders.records import TweetId, UserId

AUTHOR = UserId(7)
months = st.integers(0, 40)
rows_of_an_author = st.dictionaries(
    st.tuples(months, st.integers(0, 30)), st.tuples(st.booleans(), st.booleans()), max_size=200
)
bounds = st.none() | st.tuples(months, st.integers(0, 30))


def entry_id(month: int, number: int) -> TweetId:
    return TweetId((month * MONTH_MS << TIME_SHIFT) + number)


def row(identifier: TweetId, is_gone: bool = False, is_retweet: bool = False) -> Skeleton:
    root_id, root_author_id = (TweetId(1), UserId(8)) if is_retweet else (None, None)
    return Skeleton(identifier, AUTHOR, root_id, root_author_id, None, 1, 2 if is_gone else None)


class Rows:
    """An author's rows, in order, and how they were read."""

    def __init__(self, rows: Sequence[Skeleton]) -> None:
        self.rows = sorted(rows)
        self.ids = [each.id for each in self.rows]
        self.steps: list[RowsWanted] = []
        self.bucket_reads = 0

    def read(self, wanted: Slice) -> list[Skeleton]:
        """Read a slice to its end."""
        cut = Cut(wanted)
        while not cut.is_whole:
            if (buckets := cut.next_buckets()) is not None:
                self.bucket_reads += 1
                cut.take_buckets(self._buckets(buckets))
            if (need := cut.next_rows()) is not None:
                self.steps.append(need)
                cut.take_rows(need, {bucket: self._rows(need, bucket) for bucket in need.buckets})
        return cut.rows

    def _buckets(self, need: BucketsWanted) -> list[int]:
        held = {BY_AUTHOR.bucket_of(each) for each in self.ids}
        return sorted((each for each in held if need.above < each < need.below), reverse=not need.ascending)[
            : need.limit
        ]

    def _rows(self, need: RowsWanted, bucket: int) -> list[Skeleton]:
        between = self.rows[bisect_left(self.ids, need.above + 1) : bisect_left(self.ids, need.below)]
        held = [each for each in between if BY_AUTHOR.bucket_of(each.id) == bucket]
        return sorted(held, reverse=not need.ascending)[: need.limit]


@given(
    rows=rows_of_an_author,
    of=st.sampled_from([SliceOf.AUTHOR, SliceOf.AUTHOR_TWEETS]),
    limit=st.integers(1, 60),
    below=bounds,
    above=bounds,
    ascending=st.booleans(),
)
def test_a_slice_holds_what_stands_between_its_bounds_and_nothing_else(
    rows: dict[tuple[int, int], tuple[bool, bool]],
    of: SliceOf,
    limit: int,
    below: tuple[int, int] | None,
    above: tuple[int, int] | None,
    ascending: bool,
) -> None:
    held = [row(entry_id(*place), *kind) for place, kind in rows.items()]
    wanted = Slice(of, AUTHOR, limit, below and entry_id(*below), above and entry_id(*above), ascending)

    found = Rows(held).read(wanted)

    standing = [
        each
        for each in held
        if each.gone is None
        and (of is SliceOf.AUTHOR or each.root_id is None)
        and (wanted.below is None or each.id < wanted.below)
        and (wanted.above is None or each.id > wanted.above)
    ]
    assert found == sorted(standing, reverse=not ascending)[:limit]


def test_one_tweet_a_month_takes_few_steps_however_far_back_they_go() -> None:
    rows = Rows([row(entry_id(month, 1)) for month in range(120)])

    assert len(rows.read(Slice(SliceOf.AUTHOR, AUTHOR, 100))) == 100

    assert len(rows.steps) <= 14
    assert rows.bucket_reads <= 6
    assert max(len(step.buckets) for step in rows.steps) == STEP_BUCKETS_MAX


def test_what_was_taken_away_is_passed_by_in_steps_that_double_and_stay_bounded() -> None:
    rows = Rows([*(row(entry_id(3, number), is_gone=True) for number in range(30_000)), row(entry_id(0, 1))])

    assert rows.read(Slice(SliceOf.AUTHOR, AUTHOR, 20)) == [row(entry_id(0, 1))]

    assert len(rows.steps) <= 20
    assert max(len(step.buckets) * step.limit for step in rows.steps) <= STEP_ROWS_MAX


def test_buckets_between_which_an_author_was_silent_are_not_read() -> None:
    rows = Rows([row(entry_id(month, 1)) for month in (2, 90)])

    assert len(rows.read(Slice(SliceOf.AUTHOR, AUTHOR, 5))) == 2

    assert [step.buckets for step in rows.steps] == [(90,), (2,)]
