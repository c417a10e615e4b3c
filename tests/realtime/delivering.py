"""A stepped world whose group `fanout` is looked at: lists, switches, and who follows whom."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loaders.records import Switch, UserId
from realtime.events import Event, Verb
from tests.contracts.making import relate
from tests.stepped import Stepped

LIMIT, LENGTH = 3, 40


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Stepped]:
    stepped = Stepped(tmp_path, push_limit=LIMIT, timeline_length=LENGTH)
    await stepped.open()
    yield stepped
    await stepped.close()


async def happen(world: Stepped, *events: Event) -> None:
    """Append, and let both groups handle each event before the next one."""
    for event in events:
        await world.append(event)
        await world.step("store")
        await world.step("fanout")


async def held(world: Stepped, viewer: int) -> list[int] | None:
    found = await world.engine.timelines.newest(UserId(viewer), None, 1_000)
    return None if found is None else list(found.ids)


async def activate(world: Stepped, *viewers: int) -> None:
    """Let viewers read a page, which gives them lists."""
    for viewer in viewers:
        await world.page(viewer)


async def switches(world: Stepped, author: int) -> list[Switch]:
    return list((await world.engine.services.home.policy.switches()).get(UserId(author), ()))


def follows(author: int, *followers: int) -> list[Event]:
    return [relate(Verb.FOLLOW, follower, author, 100 * author + follower) for follower in followers]
