"""Places in the event log: one offset per partition, and which partition a key belongs to."""

from collections.abc import Mapping
from operator import lt

from loaders.records import UserId

MIXER = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: multiplying by it spreads ids that have many bits in common (Knuth, TAOCP 6.4)."""

Place = tuple[int, ...]
"""For every partition, the offset up to which (and with which) everything counts as seen."""

Spot = int
"""One event's place in the whole log: see `spot`."""


def partition_of(key: int, partitions: int) -> int:
    """Return the partition of a key: every bit of it counts.

    Ids have nearly always the same low bits, so that a remainder would put nearly all keys into one partition.
    """
    return ((key * MIXER & 0xFFFF_FFFF_FFFF_FFFF) * partitions) >> 64


def author_partition(author_id: UserId, partitions: int) -> int:
    """Return the partition of an author's tweets, retweets and deletions (rule P4)."""
    return partition_of(author_id, partitions)


def pair_partition(one: UserId, other: UserId, partitions: int) -> int:
    """Return the partition of what two accounts do to each other, whoever acts (rule P4)."""
    return partition_of(one ^ other, partitions)


def spot(partition: int, offset: int, partitions: int) -> Spot:
    """Return one number for a partition and an offset; with one partition it is the offset."""
    return offset * partitions + partition


def is_passed(at: Spot, place: Place) -> bool:
    """Tell whether an event's spot lies at or before a place."""
    offset, partition = divmod(at, len(place))
    return offset <= place[partition]


def advanced(place: Place, partition: int, offset: int) -> Place:
    """Return the place with one partition moved on to an offset; a place never moves back."""
    if offset <= place[partition]:
        return place
    return (*place[:partition], offset, *place[partition + 1 :])


def joined(one: Place, other: Place) -> Place:
    """Return the place that has seen what either has."""
    if len(one) == 1:
        return max(one, other)
    return one if one == other else tuple(map(max, one, other))


def is_behind(place: Place, other: Place) -> bool:
    """Tell whether another place has seen something that this one has not."""
    if len(place) == 1:
        return place < other
    return place != other and any(map(lt, place, other))


def settles(settled: Mapping[int, int], offsets: Mapping[int, int]) -> bool:
    """Tell whether offsets by partition have all been settled; a partition that is not named has none."""
    return all(offset <= settled.get(partition, 0) for partition, offset in offsets.items())
