"""Places in the event log: one offset per partition, and which partition a key belongs to."""

from loaders.records import UserId

Place = tuple[int, ...]
"""For every partition, the offset up to which (and with which) everything counts as seen."""


def author_partition(author_id: UserId, partitions: int) -> int:
    """Return the partition of an author's tweets, retweets and deletions (rule P4)."""
    return author_id % partitions


def pair_partition(one: UserId, other: UserId, partitions: int) -> int:
    """Return the partition of what two accounts do to each other, whoever acts (rule P4)."""
    return (one ^ other) % partitions


def advanced(place: Place, partition: int, offset: int) -> Place:
    """Return the place with one partition moved on to an offset; a place never moves back."""
    if offset <= place[partition]:
        return place
    return (*place[:partition], offset, *place[partition + 1 :])
