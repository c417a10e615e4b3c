"""The consumer groups of a data folder: what each does, and the worker that runs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.engine import Parts, report
from infra.group_lines import told
from infra.settings import Settings
from realtime.positions import Positions
from realtime.worker import STORE, Handle, Worker

if TYPE_CHECKING:
    from infra.traces.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: what it does with events that `upstream` has applied, and each second while none come.

    Its place must be in `Positions` before its worker runs. For `gather_s` see `Worker`.
    """

    name: str
    handle: Handle
    batch_size: int
    idle: Callable[[int], Awaitable[None]] | None = None
    upstream: str | None = STORE
    gather_s: float = 0.0


def worker_of(
    group: Group, settings: Settings, parts: Parts, positions: Positions, tracing: "Tracing | None" = None
) -> Worker:
    """Return the worker that runs a group; what it cannot handle is put among the dead letters."""
    worker = Worker(
        group.name,
        parts.log,
        positions,
        told(group.name, group.handle, settings, tracing),
        group.batch_size,
        upstream=group.upstream,
        idle=group.idle,
        bury=parts.progress.bury,
        report=report,
    )
    worker.gather_s = group.gather_s
    return worker
