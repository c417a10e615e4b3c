"""Stamps: an event's place in one number, which is also the timestamp of what it writes (C2). Pure."""

Stamp = int
"""epoch * 2^40 + offset: within a log partition, and over the epochs, what comes later has a greater one."""

OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1


def stamp_of(epoch: int, offset: int) -> Stamp:
    """Return the stamp of a place."""
    return (epoch << OFFSET_BITS) | offset


def offset_of(stamp: Stamp) -> int:
    """Return the offset within the stamp's own epoch."""
    return stamp & OFFSET_MASK


def offset_in(epoch: int, stamp: Stamp) -> int:
    """Return the offset as seen in an epoch: what an earlier one brought stands before the log's first place, at 0."""
    return offset_of(stamp) if stamp >> OFFSET_BITS == epoch else 0
