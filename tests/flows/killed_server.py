"""A server that dies: run as a process, it starts a server over and over, and kills each at a chosen point.

Points are functions of the product wrapped here, in this process alone. What dies is a whole process, by SIGKILL.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from infra.adapters.broadcast import BroadcasterBroadcast
from infra.adapters.memory import MemoryTimelineStore
from infra.adapters.sqlite import positions, projection
from infra.adapters.sqlite.accounts import SQLiteIdempotencyKeys
from infra.adapters.sqlite.log import SQLiteEventLog
from infra.adapters.sqlite.projection import FANOUT, SQLiteProgress, SQLiteProjection
from infra.server import run
from infra.settings import Settings
from realtime.references import HEARTBEAT

KEY_HELD = "a key is held, nothing is in the log"
APPENDING = "inside append: written, not committed"
APPENDED = "inside append: committed, not answered"
APPLYING = "inside the store handler: its transaction is half done"
APPLIED = "inside the store handler: committed, not told"
PUSHED = "inside the fanout handler: pushed, not told"
TOLD = "inside the fanout handler: streams have heard, not committed"
COMMITTING = "inside the offset commit: written, not committed"
COMMITTED = "inside the offset commit: committed"
POINTS = (KEY_HELD, APPENDING, APPENDED, APPLYING, APPLIED, PUSHED, TOLD, COMMITTING, COMMITTED)
CALLS_MAX = 30
HEARD_S = 0.02
KILLED_FILE = "TEST_KILLED_FILE"
SEED = "TEST_SEED"
KILLS = "TEST_KILLS"


def plan(seed: int, kills: int) -> list[tuple[str, int]]:
    """Return for each life the point and the call of it that ends it; every round has each point once."""
    dice = random.Random(seed)
    rounds = -(-kills // len(POINTS))
    points = [point for _ in range(rounds) for point in dice.sample(POINTS, len(POINTS))]
    return [(point, dice.randint(1, CALLS_MAX)) for point in points[:kills]]


class Trap:
    """Kills this process at the nth time that it comes to a point, and writes down which point it was."""

    def __init__(self, point: str, calls: int, killed_file: Path) -> None:
        self._point = point
        self._calls_left = calls
        self._killed_file = killed_file

    def step_on(self, point: str) -> bool:
        """Count a call; answer whether the next `spring` kills."""
        if point == self._point:
            self._calls_left -= 1
        return point == self._point and self._calls_left <= 0

    def spring(self, point: str) -> None:
        """Count a call, and kill if it was the one."""
        if self.step_on(point):
            self.kill()

    def kill(self) -> None:
        """Kill this process."""
        with self._killed_file.open("a", encoding="utf-8") as file:
            file.write(f"{self._point}\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def lay(self) -> None:
        """Wrap what has points within."""
        self._after(SQLiteEventLog, "_write", APPENDING)
        self._after(projection, "_apply_event", APPLYING)
        self._after_offset_is_written()
        self._after_awaiting(SQLiteIdempotencyKeys, "reserve", KEY_HELD)
        self._after_awaiting(SQLiteEventLog, "append", APPENDED)
        self._after_awaiting(SQLiteProjection, "apply", APPLIED)
        self._after_awaiting(MemoryTimelineStore, "push_many", PUSHED)
        self._after_awaiting(SQLiteProgress, "commit", COMMITTED)
        self._after_telling()

    def _after(self, owner: Any, name: str, point: str) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        @wraps(original)
        def trapped(*given: Any) -> Any:
            outcome = original(*given)
            self.spring(point)
            return outcome

        setattr(owner, name, trapped)

    def _after_awaiting(self, owner: type, name: str, point: str) -> None:
        original: Callable[..., Awaitable[Any]] = getattr(owner, name)

        @wraps(original)
        async def trapped(*given: Any) -> Any:
            outcome = await original(*given)
            self.spring(point)
            return outcome

        setattr(owner, name, trapped)

    def _after_offset_is_written(self) -> None:
        original = positions.move

        def trapped(connection: Any, group: str, offset: int) -> None:
            original(connection, group, offset)
            if group == FANOUT:
                self.spring(COMMITTING)

        projection.move = trapped  # type: ignore[attr-defined]

    def _after_telling(self) -> None:
        original = BroadcasterBroadcast.publish

        async def trapped(broadcast: BroadcasterBroadcast, references: Sequence[Any]) -> None:
            await original(broadcast, references)
            if references[0].kind != HEARTBEAT and self.step_on(TOLD):
                # Sockets get it in this time: they know more then than the next process will have committed.
                await asyncio.sleep(HEARD_S)
                self.kill()

        setattr(BroadcasterBroadcast, "publish", trapped)  # noqa: B010 - no type allows a plain assignment


def main() -> None:
    """Let servers live and die as planned; the last one lives until it is asked to end."""
    lives: list[tuple[str, int] | None] = [*plan(int(os.environ[SEED]), int(os.environ[KILLS])), None]
    settings, killed_file = Settings.load(os.environ), Path(os.environ[KILLED_FILE])
    for life in lives:
        # A fork has everything imported already: a life begins in a moment, and is a process all the same.
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if life is not None:
                Trap(*life, killed_file).lay()
            run(settings)
            return
        signal.signal(signal.SIGTERM, lambda *_, pid=child: os.kill(pid, signal.SIGTERM))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if life is not None and code != -signal.SIGKILL:
            sys.exit(f"a server that was to be killed ended by itself, with {code}")


if __name__ == "__main__":
    main()
