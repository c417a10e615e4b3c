"""Times in buckets that double."""

import pytest

from realtime.latencies import BUCKETS, Latencies


@pytest.mark.parametrize(
    ("took_ms", "bucket"),
    [
        (-5, 0),
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 3),
        (1_023, 10),
        (1_024, 11),
        (65_535, 16),
        (65_536, 17),
        (10**9, 17),
    ],
)
def test_a_time_counts_in_the_first_bucket_whose_bound_is_above_it(took_ms: int, bucket: int) -> None:
    latencies = Latencies()

    latencies.add(took_ms, 3)

    assert [place for place, count in enumerate(latencies.counts) if count] == [bucket]
    assert latencies.counts[bucket] == 3
    assert latencies.sum_ms == 3 * max(0, took_ms)
    assert len(latencies.counts) == BUCKETS + 1
