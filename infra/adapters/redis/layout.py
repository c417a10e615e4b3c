"""How timelines lie in Redis: keys and their hash tags, and what goes into and comes out of the scripts."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from loaders.places import partition_of
from loaders.records import TweetId, UserId

BUILT = b"s"
TOKEN_END = 17


def spread_tags(tags: int) -> Sequence[str]:
    """Return so many hash tags whose slots lie evenly over a cluster, the same ones always.

    Whatever ranges of slots the nodes have, each gets its share of the tags to within one.
    """
    if tags == 1:
        return ("0",)
    found: dict[int, str] = {}
    for number in count():
        part = key_slot(b"%d" % number) * tags // REDIS_CLUSTER_HASH_SLOTS
        found.setdefault(part, str(number))
        if len(found) == tags:
            return [found[part] for part in range(tags)]
    raise AssertionError("numbers have no end")


def tag_of(viewer_id: UserId, tags: int) -> int:
    """Return the number of the hash tag that a viewer's list lies under."""
    return partition_of(viewer_id, tags)


def settled_bytes(settled: Mapping[int, int]) -> bytes:
    """Return offsets by partition as the scripts keep them: how many bytes each takes, then all, 0 where there is none.

    With 64 partitions that is a third of a byte for each of 800 entries, until an offset passes 2^32.
    """
    width = (max(settled.values(), default=0).bit_length() + 7) // 8
    if not width:
        return b""
    partitions = range(max(settled) + 1)
    return bytes((width,)) + b"".join(settled.get(partition, 0).to_bytes(width, "big") for partition in partitions)


def settled_of(kept: bytes) -> Mapping[int, int]:
    """Return what `settled_bytes` was given, without the partitions that have 0."""
    if not kept:
        return {}
    width = kept[0]
    offsets = (int.from_bytes(kept[at : at + width], "big") for at in range(1, len(kept), width))
    return {partition: offset for partition, offset in enumerate(offsets) if offset}


def state_of(kept: bytes) -> tuple[bool, Mapping[int, int]]:
    """Return what a list's state says: whether it is built, and what is settled (see lists.lua)."""
    is_built = kept.startswith(BUILT)
    return is_built, settled_of(kept[1 if is_built else TOKEN_END :])


def descending(ids: Iterable[TweetId]) -> str:
    """Return ids as `merge` in the scripts takes them."""
    return " ".join(map(str, sorted(ids, reverse=True)))
