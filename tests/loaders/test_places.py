"""Where keys go: evenly over the partitions, whatever ids look like."""

from collections import Counter

from loaders.ids import IdGenerator
from loaders.places import author_partition, pair_partition
from loaders.records import UserId

PARTITIONS = 64
ACCOUNTS = 2_000


def test_accounts_that_sign_up_one_after_the_other_are_spread_over_all_partitions() -> None:
    now_ms = iter(range(1_700_000_000_000, 1_800_000_000_000, 977))
    new_id = IdGenerator(lambda: next(now_ms), worker=3)
    ids = [UserId(new_id()) for _ in range(ACCOUNTS)]

    for spread in (
        Counter(author_partition(each, PARTITIONS) for each in ids),
        Counter(pair_partition(each, ids[0], PARTITIONS) for each in ids[1:]),
    ):
        assert spread.keys() == set(range(PARTITIONS))
        assert max(spread.values()) < 3 * ACCOUNTS / PARTITIONS


def test_a_pair_has_one_partition_whoever_acts() -> None:
    """So that a follow and a block that meet are in one order (P4)."""
    assert pair_partition(UserId(5), UserId(9), PARTITIONS) == pair_partition(UserId(9), UserId(5), PARTITIONS)
