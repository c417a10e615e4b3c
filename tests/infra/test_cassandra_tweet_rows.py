"""What rows of tweets say of their places in the log, in the epoch in force."""

import pytest

from infra.adapters.cassandra.stamps import Stamp, stamp_of
from infra.adapters.cassandra.tweet_rows import Skeleton, entry
from loaders.places import author_partition, is_passed, spot
from loaders.records import TweetId, UserId
from realtime.partitions import Layout

EPOCH, LAYOUT = 4, Layout(64, 64)
AUTHOR, SHARER = UserId(10), UserId(11)


def retweet(gone: Stamp | None = None, epoch: int = EPOCH) -> Skeleton:
    return Skeleton(TweetId(9), SHARER, TweetId(5), AUTHOR, None, stamp_of(epoch, 70), gone)


@pytest.mark.parametrize(
    ("own_end", "root_s_end", "gone_with", "offset"),
    [(None, 80, AUTHOR, 80), (90, None, SHARER, 90), (90, 80, SHARER, 90)],
)
def test_the_place_of_an_end_is_in_the_partition_of_whoever_made_it(
    own_end: int | None, root_s_end: int | None, gone_with: UserId, offset: int
) -> None:
    assert author_partition(AUTHOR, LAYOUT.partitions) != author_partition(SHARER, LAYOUT.partitions)
    own, root_s = (None if each is None else stamp_of(EPOCH, each) for each in (own_end, root_s_end))

    found = entry(retweet(own), root_s, EPOCH, LAYOUT)

    assert found.gone_at == spot(author_partition(gone_with, LAYOUT.partitions), offset, LAYOUT.partitions)
    assert found.offset == 70


def test_what_an_earlier_epoch_brought_is_passed_in_every_place() -> None:
    found = entry(retweet(stamp_of(EPOCH - 1, 90), EPOCH - 1), None, EPOCH, LAYOUT)

    assert found.offset == 0
    assert found.gone_at is not None
    assert is_passed(found.gone_at, (0,) * LAYOUT.partitions)
