"""What every `AuditSource` promises: the visible entries and what was lost, read by other code than the timeline's."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from loaders.records import UserId
from loaders.rules import visible
from realtime.events import Event, Verb
from tests.contracts.adapters import STORES
from tests.contracts.histories import PEOPLE, events_of, histories
from tests.contracts.making import delete, logged, relate, retweet, tweet, undo
from tests.contracts.model import Model
from tests.contracts.stores import Stores

ME = 1


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with STORES[request.param](tmp_path) as opened:
        yield opened


async def seen(stores: Stores, *events: Event, limit: int = 100) -> list[tuple[int, int]]:
    await stores.projection.apply(logged(events))
    return list(await stores.audit.timeline(ME, limit))


async def test_the_viewer_and_those_followed_are_seen_and_nobody_else(stores: Stores) -> None:
    events = [tweet(1, 1), tweet(2, 2), tweet(3, 3), relate(Verb.FOLLOW, 1, 2), relate(Verb.FOLLOW, 3, 1)]

    assert await seen(stores, *events) == [(2, 2), (1, 1)]


async def test_the_newest_come_first_and_no_more_than_the_limit(stores: Stores) -> None:
    assert await seen(stores, *(tweet(number, 1) for number in (5, 1, 4, 2, 3)), limit=3) == [(5, 5), (4, 4), (3, 3)]


async def test_a_retweet_is_seen_as_its_original_every_time_it_stands(stores: Stores) -> None:
    events = [tweet(1, 9), retweet(5, 1, 1, 9), retweet(6, 2, 1, 9), relate(Verb.FOLLOW, 1, 2)]

    assert await seen(stores, *events) == [(6, 1), (5, 1)]


@pytest.mark.parametrize("verb", [Verb.MUTE, Verb.BLOCK])
async def test_who_is_hidden_is_seen_neither_as_author_nor_as_author_of_an_original(stores: Stores, verb: Verb) -> None:
    events = [relate(Verb.FOLLOW, 1, 2), relate(Verb.FOLLOW, 1, 3), tweet(1, 2), retweet(5, 3, 1, 2)]

    assert await seen(stores, *events, relate(verb, 1, 2)) == []


async def test_who_blocks_the_viewer_is_not_seen(stores: Stores) -> None:
    events = [relate(Verb.FOLLOW, 1, 3), tweet(1, 2), retweet(5, 3, 1, 2), relate(Verb.BLOCK, 2, 1)]

    assert await seen(stores, *events) == []


async def test_what_is_deleted_or_taken_back_is_not_seen(stores: Stores) -> None:
    posted = [tweet(1, 1), tweet(2, 9), tweet(3, 9), retweet(5, 1, 2, 9), retweet(6, 1, 3, 9)]

    assert await seen(stores, *posted, delete(1, 1), undo(5, 1, 2), delete(3, 9)) == []


async def test_a_reply_is_seen_where_it_answers_someone_of_the_timeline(stores: Stores) -> None:
    events = [
        relate(Verb.FOLLOW, 1, 2),
        relate(Verb.FOLLOW, 1, 3),
        tweet(10, 9),
        tweet(11, 2, answers=(10, 9)),
        tweet(12, 2, answers=(10, 3)),
        tweet(13, 2, answers=(10, 2)),
        tweet(14, 2, answers=(10, 1)),
    ]

    assert await seen(stores, *events) == [(14, 14), (13, 13), (12, 12)]


async def test_what_the_store_lacks_is_unknown_unless_it_was_refused(stores: Stores) -> None:
    await stores.projection.apply(
        logged([tweet(1, 1), tweet(2, 2), delete(2, 2), retweet(5, 3, 1, 1), retweet(6, 3, 1, 1)])
    )

    found = await stores.audit.unknown([(1, 1, None), (2, 2, None), (5, 3, 1), (6, 3, 1), (7, 3, 2), (8, 1, None)])

    assert sorted(found) == [7, 8]


def expected(events: Sequence[Event], viewer: UserId) -> list[tuple[int, int]]:
    model = Model()
    for offset, event in enumerate(events, 1):
        model.apply(event, offset)
    relations = model.relations(viewer)
    entries = [model.entry(entry_id) for entry_id in sorted({*model.posts, *model.retweets}, reverse=True)]
    return [
        (entry.id, entry.root_id)
        for entry in entries
        if entry is not None and visible(entry, relations) and (entry.root_id in model.posts)
    ]


@pytest.mark.parametrize("opened", STORES)
@settings(max_examples=40, deadline=None)
@given(history=histories)
def test_it_sees_what_the_rules_of_the_timeline_let_be_seen(opened: str, history: list[tuple[object, ...]]) -> None:
    events = events_of(history)

    async def run(folder: Path) -> None:
        async with STORES[opened](folder) as stores:
            await stores.projection.apply(logged(events))
            for viewer in PEOPLE:
                assert list(await stores.audit.timeline(viewer, 100)) == expected(events, UserId(viewer))

    if events:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run(Path(folder)))
