"""How large the cluster's benchmarks are: each size by its name, in full, and for a quick look."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Size(NamedTuple):
    """One size, and what it counts."""

    full: int
    quick: int
    about: str


SIZES: Mapping[str, Size] = {
    "workers": Size(1, 1, "workers of each group"),
    "rounds": Size(5, 2, "rounds of each measurement"),
    "fanout-posts": Size(2_000, 150, "posts a round of cluster-fanout"),
    "higgs-follows": Size(569_749, 4_000, "follows taken from follows_higgs"),
    "quick-follows": Size(4_000, 4_000, "follows of the sample that --quick takes, which has no time for all of it"),
    "tweets": Size(50_000, 1_000, "made-up tweets on follows_higgs, and on parts of the sample"),
    "posts-seconds": Size(30, 4, "seconds of posting of cluster-posts"),
    "followers": Size(1_000_000, 5_000, "followers of the celebrity"),
    "celebrity-posts": Size(100, 15, "posts a round and author of cluster-celebrity"),
    "sockets": Size(200, 20, "sockets that hear an author"),
    "sockets-posts": Size(100, 15, "posts a round of cluster-sockets"),
    "page-viewers": Size(400, 48, "viewers whose pages are read"),
    "page-laps": Size(3, 2, "warm reads of each page a round"),
    "import-rows": Size(1_000_000, 3_000, "rows of cluster-import"),
    "cpu-seconds": Size(20, 4, "seconds of each load of cluster-cpu"),
}


def parsed(texts: Sequence[str]) -> Mapping[str, int]:
    """Return sizes given as name=number. Raises ValueError for an unknown name or a number below 1."""
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in SIZES:
            raise ValueError(f"there is no size {name}; there are {', '.join(SIZES)}")
        if not number.isdecimal() or int(number) < 1:
            raise ValueError(f"{text}: a size is a whole number from 1 on")
        found[name] = int(number)
    return found
