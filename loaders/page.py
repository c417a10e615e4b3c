"""Pages: what a client asks for, and what it gets. Lists run newest first; cursors are ids, never offsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from loaders.cursors import ENTRY, decode_cursor, encode_cursor
from loaders.errors import BadUserInput

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """So many items with ids below `below` and above `above`: the newest of them, or the oldest if `backward`."""

    size: int
    below: int | None = None
    above: int | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many items a page holds if nothing is said, and at most."""

    default: int = 20
    maximum: int = 100


class PageEdge(NamedTuple, Generic[Item]):
    """An item and the cursor of its place."""

    node: Item
    cursor: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a connection, newest first."""

    edges: Sequence[PageEdge[Item]]
    page_info: PageInfo


def page_request(
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    limits: PageLimits,
    kind: bytes = ENTRY,
) -> PageRequest:
    """Check Relay's four arguments; `BadUserInput` if they contradict each other or leave their bounds."""
    if first is not None and last is not None:
        raise BadUserInput("Give first or last, not both")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 1 <= size <= limits.maximum:
            raise BadUserInput(f"{name} must be between 1 and {limits.maximum}, not {size}")
    return PageRequest(
        size=first or last or limits.default,
        below=None if after is None else decode_cursor(after, kind),
        above=None if before is None else decode_cursor(before, kind),
        backward=last is not None,
    )


def page_of(found: Sequence[tuple[int, Item]], request: PageRequest, kind: bytes = ENTRY) -> Page[Item]:
    """Make a page of (id, item) found in the request's direction, of which one too many says that there is more."""
    more = len(found) > request.size
    kept = list(found[: request.size])
    if request.backward:
        kept.reverse()
    edges = [PageEdge(item, encode_cursor(identifier, kind)) for identifier, item in kept]
    return Page(edges, page_info(edges, request, more))


def page_info(edges: Sequence[PageEdge[Item]], request: PageRequest, more: bool) -> PageInfo:
    """Say what lies beyond a page; beyond the cursor that a client came from, it knows of at least that item."""
    ahead, behind = more, (request.above if request.backward else request.below) is not None
    return PageInfo(
        has_next_page=behind if request.backward else ahead,
        has_previous_page=ahead if request.backward else behind,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
