"""The ports by which things spread: the log, its projections, the groups' progress, the broadcast."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from loaders.places import Place
from realtime.events import Event
from realtime.partitions import Layout


class Origin(NamedTuple):
    """What an event goes back to: the request's correlation id, and a W3C traceparent if it is traced."""

    correlation_id: str
    trace: str = ""


class Logged(NamedTuple):
    """An event's place in the log. `payload` stays bytes until a handler reads it: it may be poison.

    `origin` is for telling of it alone, and may be forgotten before the event is.
    """

    partition: int
    offset: int
    payload: bytes
    appended_at_ms: int
    origin: Origin | None = None


class Reference(NamedTuple):
    """What the broadcast carries of an event (L2): its place, the place before it, and the ids that it is about.

    `previous` is the partition's last place that had a reference; a hub whose place is behind it has missed one.
    `kind` is the event's type, or "heartbeat". `trace` is a W3C traceparent where the event is traced.
    """

    partition: int
    previous: int
    offset: int
    kind: str
    ids: tuple[int, ...] = ()
    trace: str = ""


class EventLog(Protocol):
    """Events in a durable order. Offsets grow from 1 within a partition and are never given twice."""

    @property
    def epoch(self) -> int:
        """Name this log: another log, or the same one repartitioned, has another."""

    @property
    def layout(self) -> Layout:
        """Tell how the log is divided; it never changes within an epoch."""

    async def append(self, events: Sequence[Event]) -> Sequence[int]:
        """Append, and answer the offsets once all are committed and synced; else raise `Unavailable`.

        Each goes to its partition (`log_partition`), in order within it. Appends under way at the same time share
        one commit.
        """

    async def read(self, after: int, limit: int, partition: int = 0) -> Sequence[Logged]:
        """Answer up to `limit` events with offsets above `after`, in order."""

    async def bounds(self, partition: int = 0) -> tuple[int, int]:
        """Answer the first offset still held and the last one given; (end + 1, end) for an empty log."""

    async def end(self) -> Place:
        """Answer the last offset given in every partition that counts for places."""

    async def wait(self, after: int, timeout_s: float, partition: int = 0) -> bool:
        """Wait until a partition reaches beyond an offset, whoever appended; False after the timeout."""

    async def posted(self, author_ids: Sequence[int], upto: Place, limit: int) -> Sequence[Logged]:
        """Answer the newest `limit` tweets and retweets of these authors that the log holds up to a place."""


class Projection(Protocol):
    """What the group `store` keeps: tweets, graph and counts, together with the place that they reflect."""

    async def position(self, partition: int = 0) -> int:
        """Answer the offset up to which everything in a partition is applied, 0 at first."""

    async def place(self, partitions: int) -> Place:
        """Answer the same of the first so many partitions, in one call."""

    async def apply(self, batch: Sequence[Logged]) -> None:
        """Apply consecutive events of one partition in order, and move its position on after the last of them.

        Applying an event again changes nothing. Poison goes to the dead letters and stops nothing.
        """


class Progress(Protocol):
    """How far the group `fanout` has come, and when."""

    async def position(self, partition: int = 0) -> int:
        """Answer the offset of a partition committed last, 0 at first."""

    async def place(self, partitions: int) -> Place:
        """Answer the same of the first so many partitions, in one call."""

    async def commit(self, offset: int, at_ms: int, partition: int = 0) -> None:
        """Move on to an offset of a partition, after the work up to it is done; never back."""

    async def handled_at_ms(self, offset: int, partition: int = 0) -> int | None:
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
