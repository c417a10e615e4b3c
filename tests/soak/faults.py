"""Faults that come and go: which, when and for how long, all from a seed."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.server_process import LOOK_AGAIN_S
from tests.soak.told import Outcome, Told

BACK_S = 30.0
DONE_BETWEEN = 25
"""So much is done and acknowledged after each fault before the next one."""
Fault = Callable[[float], Awaitable[None]]
"""Has something fail for so many seconds, and returns once it is mended, whether or not all has recovered."""


@dataclass(frozen=True)
class Planned:
    """A fault, after how many seconds of quiet it begins, and how long it lasts."""

    name: str
    after_s: float
    lasts_s: float


def plan(
    names: Sequence[str], count: int, quiet_s: tuple[float, float], lasts_s: tuple[float, float], seed: int
) -> Sequence[Planned]:
    """Draw so many faults, each of them once before one comes again; spans are from the shortest to the longest."""
    dice = random.Random(seed)
    rounds = -(-count // len(names))
    drawn = [name for _ in range(rounds) for name in dice.sample(list(names), len(names))][:count]
    return [Planned(name, dice.uniform(*quiet_s), dice.uniform(*lasts_s)) for name in drawn]


async def happen(planned: Sequence[Planned], faults: Mapping[str, Fault], told: Told) -> None:
    """Let everything planned happen, one after the other; after each, people must get on again within 30 seconds."""
    for each in planned:
        await asyncio.sleep(each.after_s)
        told.begin(each.name)
        await faults[each.name](each.lasts_s)
        told.end()
        await _people_get_on(each, told)


async def _people_get_on(after: Planned, told: Told) -> None:
    wanted = told.total(Outcome.OK) + DONE_BETWEEN
    try:
        async with asyncio.timeout(BACK_S):
            while told.total(Outcome.OK) < wanted:  # noqa: ASYNC110 - who counts is told of each by nobody
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        raise AssertionError(f"{BACK_S:g} s after {after.name} hardly anything is done") from None
