"""The ports by which things spread: the log, its projections, the groups' progress, the broadcast."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from realtime.events import Event


@dataclass(frozen=True, slots=True)
class Logged:
    """An event's place in the log. `payload` stays bytes until a handler reads it: it may be poison."""

    partition: int
    offset: int
    payload: bytes
    appended_at_ms: int


@dataclass(frozen=True, slots=True)
class Reference:
    """What the broadcast carries of an event (L2): its place, the place before it, and the ids that it is about.

    `previous` is the partition's last place that had a reference; a hub whose place is behind it has missed one.
    `kind` is the event's type, or "heartbeat".
    """

    partition: int
    previous: int
    offset: int
    kind: str
    ids: tuple[int, ...] = ()


class EventLog(Protocol):
    """Events in a durable order. Offsets grow from 1 within a partition and are never given twice."""

    @property
    def epoch(self) -> int:
        """Name this log: another log, or the same one repartitioned, has another."""

    async def append(self, events: Sequence[Event]) -> Sequence[int]:
        """Append in order and answer the offsets once they are committed and synced; else raise `Unavailable`.

        Appends under way at the same time share one commit.
        """

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """Answer up to `limit` events with offsets above `after`, in order."""

    async def bounds(self, partition: int = 0) -> tuple[int, int]:
        """Answer the first offset still held and the last one given; (end + 1, end) for an empty log."""

    async def wait(self, after: int, timeout_s: float) -> bool:
        """Wait until the log reaches beyond an offset, whoever appended; False after the timeout."""

    async def posted(self, author_ids: Sequence[int], after: int, upto: int, limit: int) -> Sequence[Logged]:
        """Answer the newest `limit` tweets and retweets of these authors in (after, upto], newest first."""

    async def trim(self, before_ms: int, upto: int) -> int:
        """Forget events appended before a time and handled by every group (`upto`); answer how many."""


class Projection(Protocol):
    """What the group `store` keeps: tweets, graph and counts, together with the place that they reflect."""

    async def position(self) -> int:
        """Answer the offset up to which everything is applied."""

    async def apply(self, batch: Sequence[Logged]) -> None:
        """Apply events in order and move the position on, all in one transaction or none.

        Applying an event again changes nothing. Poison goes to the dead letters and stops nothing.
        """


class Progress(Protocol):
    """How far the group `fanout` has come, and when."""

    async def position(self) -> int:
        """Answer the offset committed last, 0 at first."""

    async def commit(self, offset: int, at_ms: int) -> None:
        """Move on to an offset, after the work up to it is done."""

    async def handled_at_ms(self, offset: int) -> int | None:
        """Answer when the group had handled an offset, where that is still known."""

    async def bury(self, group: str, logged: Logged, error: str) -> None:
        """Put a poison event among the dead letters."""


class AuditSource(Protocol):
    """The stores read without any cache and by other code than the timeline's: what proof stands on."""

    async def timeline(self, viewer_id: int, limit: int) -> Sequence[tuple[int, int]]:
        """Answer the newest visible entries as (entry id, root id), before the rule that drops retweets."""

    async def unknown(self, posted: Sequence[tuple[int, int, int | None]]) -> Sequence[int]:
        """Answer which of these (id, author, root or None) the store has neither taken nor had reason to refuse."""


class Broadcast(Protocol):
    """Carries references between processes: fast, ordered per publisher, and allowed to lose them (L2)."""

    async def publish(self, references: Sequence[Reference]) -> None:
        """Send references to every hub."""

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Reference]]]:
        """Receive what is published from now on."""
