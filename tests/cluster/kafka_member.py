"""A member of a group that writes down what it handles: for tests within their process, and as a process to be killed.

`python -m tests.cluster.kafka_member URL FOLDER NAME SECONDS_A_BATCH`
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.adapters.kafka.connection import KafkaAddress
from infra.adapters.kafka.consumer import GroupLimits
from infra.adapters.kafka.feed import PartitionFeed
from infra.adapters.kafka.group import KafkaGroupMember
from infra.adapters.kafka.log import KafkaEventLog
from infra.engine import BEGIN_ANEW_S
from loaders.errors import Unavailable
from realtime.partitions import Layout
from realtime.ports import Logged
from realtime.positions import Positions
from realtime.worker import STORE, Worker
from tests.contracts.kafka_adapters import kafka_log

LAYOUT = Layout(6, 2)
PARTITIONS = sum(LAYOUT)
BATCH_SIZE = 20
LIMITS = GroupLimits(session_s=6.0, heartbeat_s=0.5, commit_every_s=0.2)

Pause = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handled:
    """One event that was handled: when, by the machine's own clock, by whom, and its place."""

    at_ns: int
    name: str
    partition: int
    offset: int


class Ledger:
    """What every member of a folder has handled, as a store would know it: written before the member moves on."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._file = os.open(folder / f"{name}.ledger", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(self, batch: Sequence[Logged]) -> None:
        """Write a batch down, whole or not at all."""
        lines = "".join(f"{time.monotonic_ns()} {each.partition} {each.offset}\n" for each in batch)
        os.write(self._file, lines.encode())

    async def position(self, partition: int) -> int:
        """Answer the last offset of a partition that anyone has handled."""
        return max((each.offset for each in handled(self._folder) if each.partition == partition), default=0)

    def close(self) -> None:
        """Close its file."""
        os.close(self._file)


def handled(folder: Path) -> list[Handled]:
    """Return everything that was handled in a folder, in the order of time."""
    found = [
        Handled(int(at_ns), path.stem, int(partition), int(offset))
        for path in folder.glob("*.ledger")
        for at_ns, partition, offset in (line.split() for line in path.read_text().splitlines())
    ]
    return sorted(found, key=lambda each: (each.at_ns, each.partition, each.offset))


def doubles(found: Sequence[Handled]) -> int:
    """Return how many events were handled more than once, after checking that no partition ever skipped one."""
    reached: dict[int, int] = {}
    again = 0
    for each in found:
        before = reached.get(each.partition, 0)
        assert each.offset <= before + 1, f"partition {each.partition} went on from {before} to {each.offset}"
        again += each.offset <= before
        reached[each.partition] = max(before, each.offset)
    return again


def ends(found: Sequence[Handled]) -> Mapping[int, int]:
    """Return the last offset handled of every partition."""
    last: dict[int, int] = {}
    for each in found:
        last[each.partition] = max(last.get(each.partition, 0), each.offset)
    return last


async def no_pause() -> None:
    """Handle as fast as may be."""


@dataclass(slots=True)
class Member:
    """A member that runs in this process. `feeds` are those of the partitions that it was ever given."""

    member: KafkaGroupMember
    task: "asyncio.Task[None]"
    feeds: dict[int, PartitionFeed]
    said: list[str] = field(default_factory=list)

    async def stop(self) -> None:
        """Leave the group in good order; raises what ended it before, if anything did."""
        self.task.cancel()
        (ended,) = await asyncio.gather(self.task, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended


@asynccontextmanager
async def open_member(
    url: str,
    log: KafkaEventLog,
    folder: Path,
    name: str,
    pause: Pause = no_pause,
    limits: GroupLimits = LIMITS,
    position: Callable[[int], Awaitable[int]] | None = None,
    is_begun_anew: bool = False,
) -> AsyncIterator[Member]:
    """Let a member take part in the group `store`; it pauses before it writes a batch down.

    One that ends may be begun anew, as workers do it.
    """
    ledger, positions, feeds, said = Ledger(folder, name), Positions(), dict[int, PartitionFeed](), list[str]()

    def worker(partition: int, feed: PartitionFeed) -> Worker:
        async def handle(batch: Sequence[Logged], _previous: int) -> None:
            await pause()
            ledger.write(batch)

        feeds[partition] = feed
        return Worker(STORE, feed, positions, handle, BATCH_SIZE, partition=partition)

    member = KafkaGroupMember(
        KafkaAddress.parse(url),
        log,
        STORE,
        positions,
        position or ledger.position,
        worker,
        lambda group, fault: said.append(f"{group}: {fault}"),
        limits,
    )

    async def run() -> None:
        while True:
            try:
                return await member.run()
            except Unavailable as ended:
                if not is_begun_anew:
                    raise
                said.append(str(ended))
            await asyncio.sleep(BEGIN_ANEW_S)

    opened = Member(member, asyncio.create_task(run()), feeds, said)
    try:
        yield opened
    finally:
        await opened.stop()
        ledger.close()


async def main(url: str, folder: Path, name: str, seconds_a_batch: float) -> None:
    """Be a member until killed."""

    async def pause() -> None:
        await asyncio.sleep(seconds_a_batch)

    async with kafka_log(url, LAYOUT) as log, open_member(url, log, folder, name, pause) as member:
        await member.task


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
