"""Reads the bundled real data: an anonymised follow graph and tweet texts without authors or times."""

import gzip
import json
from dataclasses import dataclass
from importlib import resources

DATA = resources.files("infra.sample") / "data"


@dataclass(frozen=True, slots=True)
class Graph:
    """Follows between people numbered from 0; `followees[n]` and `followers[n]` keep the file's order."""

    edges: list[tuple[int, int]]
    followees: list[list[int]]
    followers: list[list[int]]

    @property
    def size(self) -> int:
        """How many people there are."""
        return len(self.followers)


@dataclass(frozen=True, slots=True)
class SourceText:
    """A real tweet's language code and text, in which handles read `@user` and most links `http`."""

    lang: str
    text: str


def read_graph() -> Graph:
    """The bundled follows; the file numbers people from 1."""
    rows = _unzipped("follows.tsv.gz").splitlines()[1:]
    pairs = (row.split("\t") for row in rows)
    edges = [(int(follower) - 1, int(followee) - 1) for follower, followee in pairs]
    size = 1 + max(max(edge) for edge in edges)
    followees: list[list[int]] = [[] for _ in range(size)]
    followers: list[list[int]] = [[] for _ in range(size)]
    for follower, followee in edges:
        followees[follower].append(followee)
        followers[followee].append(follower)
    return Graph(edges, followees, followers)


def read_texts() -> list[SourceText]:
    """The bundled texts, in the file's order."""
    # Not splitlines: a text may hold a Unicode line separator, which JSON leaves as it is.
    lines = _unzipped("tweets.jsonl.gz").rstrip("\n").split("\n")
    rows = (json.loads(line) for line in lines)
    return [SourceText(row["lang"], row["text"]) for row in rows]


def _unzipped(name: str) -> str:
    return gzip.decompress((DATA / name).read_bytes()).decode()
