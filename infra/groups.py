"""The consumer groups of a data folder: what each does, and the worker that runs it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from infra.engine import report
from realtime.ports import EventLog, Progress
from realtime.positions import Positions
from realtime.worker import STORE, Handle, Worker


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


def worker_of(group: Group, log: EventLog, positions: Positions, progress: Progress) -> Worker:
    """Return the worker that runs a group; what it cannot handle is put among the dead letters."""
    worker = Worker(
        group.name,
        log,
        positions,
        group.handle,
        group.batch_size,
        upstream=group.upstream,
        idle=group.idle,
        bury=progress.bury,
        report=report,
    )
    worker.gather_s = group.gather_s
    return worker
