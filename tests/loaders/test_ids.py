"""Ids grow and never collide, whatever the clock does."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.errors import Unavailable
from loaders.ids import (
    ID_MAX,
    IMPORTED_BIT,
    MILLISECONDS_MAX,
    TIME_SHIFT,
    WORKER_MAX,
    IdGenerator,
    imported_id,
    milliseconds_of,
    next_imported_id,
)
from tests.contracts.adapters import Clock

NOW_MS = 1_800_000_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_MS)


def test_an_id_says_when_it_was_made(clock: Clock) -> None:
    new_id = IdGenerator(clock)
    first = new_id()
    clock.now += 5

    assert (milliseconds_of(first), milliseconds_of(new_id())) == (NOW_MS, NOW_MS + 5)


def test_a_hundred_thousand_ids_under_a_clock_that_stands_still_grow_and_are_unique(clock: Clock) -> None:
    new_id = IdGenerator(clock)

    ids = [new_id() for _ in range(100_000)]

    assert all(one < other for one, other in pairwise(ids))
    # A full millisecond borrows from the next: 2,048 ids each.
    assert milliseconds_of(ids[-1]) - NOW_MS == 99_999 // 2_048


def test_ids_grow_on_when_the_clock_catches_up_with_what_was_borrowed(clock: Clock) -> None:
    new_id = IdGenerator(clock)
    ids = [new_id() for _ in range(5_000)]
    for _ in range(5):
        clock.now += 1
        ids += [new_id() for _ in range(100)]

    assert all(one < other for one, other in pairwise(ids))
    assert milliseconds_of(ids[-1]) == NOW_MS + 5


def test_a_clock_that_steps_back_a_little_is_counted_through(clock: Clock) -> None:
    new_id = IdGenerator(clock, backwards_ms_max=5_000)
    before = new_id()
    clock.now -= 5_000

    assert before < new_id() < new_id()


def test_a_clock_that_steps_back_a_lot_makes_no_ids_until_it_is_back(clock: Clock) -> None:
    new_id = IdGenerator(clock, backwards_ms_max=5_000)
    before = new_id()
    clock.now -= 5_001
    with pytest.raises(Unavailable) as caught:
        new_id()
    assert caught.value.retry_after_s

    clock.now += 5_001

    assert new_id() > before


@given(steps=st.lists(st.integers(-6_000, 3_000), max_size=60))
def test_whatever_the_clock_does_an_id_is_greater_than_all_before_it_or_refused(steps: list[int]) -> None:
    clock = Clock(NOW_MS)
    new_id = IdGenerator(clock)
    last = new_id()
    for step in steps:
        clock.now += step
        try:
            made = new_id()
        except Unavailable:
            assert milliseconds_of(last) - clock.now > 5_000
        else:
            assert made > last
            last = made


def test_workers_at_the_same_millisecond_never_collide(clock: Clock) -> None:
    generators = [IdGenerator(clock, worker) for worker in (0, 1, 2, WORKER_MAX)]

    ids = [new_id() for new_id in generators for _ in range(3_000)]

    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("worker", [-1, WORKER_MAX + 1])
def test_there_is_no_worker_beyond_the_bits_for_it(clock: Clock, worker: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        IdGenerator(clock, worker)


def test_threads_that_share_a_generator_share_no_id(clock: Clock) -> None:
    new_id = IdGenerator(clock)
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda _: [new_id() for _ in range(2_000)], range(8)))

    assert len({each for run in runs for each in run}) == 16_000
    assert all(one < other for run in runs for one, other in pairwise(run))


def test_the_last_millisecond_there_is_still_fits_into_63_bits() -> None:
    assert IdGenerator(Clock(MILLISECONDS_MAX), WORKER_MAX)() <= ID_MAX
    assert imported_id(MILLISECONDS_MAX, 2**64 - 1) <= ID_MAX


@given(created_at_ms=st.integers(0, MILLISECONDS_MAX), row_hash=st.integers(0, 2**128))
def test_an_imported_id_keeps_its_time_and_never_meets_a_made_one(created_at_ms: int, row_hash: int) -> None:
    made = IdGenerator(Clock(max(created_at_ms, 1)), WORKER_MAX)()

    identifier = imported_id(created_at_ms, row_hash)

    assert milliseconds_of(identifier) == created_at_ms
    assert (identifier & IMPORTED_BIT, made & IMPORTED_BIT) == (IMPORTED_BIT, 0)


def test_the_next_candidates_go_round_within_the_millisecond() -> None:
    first = imported_id(NOW_MS, 2**20 - 2)
    candidates = [first]
    for _ in range(3):
        candidates.append(next_imported_id(candidates[-1]))

    assert [each & (2**20 - 1) for each in candidates] == [2**20 - 2, 2**20 - 1, 0, 1]
    assert {each >> TIME_SHIFT for each in candidates} == {NOW_MS}
    assert all(each & IMPORTED_BIT for each in candidates)
