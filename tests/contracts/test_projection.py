"""What every `Projection` promises: each event changes what it should, once, however often it comes (C1, P2)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.ports import Slice, SliceOf
from loaders.records import TweetCounts, TweetId, UserCounts, UserId
from realtime.events import Event, ImportedTweet, ImportFinished, RepairRequested, TweetsImported, Verb
from realtime.ports import Logged
from tests.contracts.adapters import STORES
from tests.contracts.histories import PEOPLE, TAGS, TWEETS, events_of, histories, replays
from tests.contracts.making import delete, like, logged, relate, retweet, tweet, undo
from tests.contracts.model import Model
from tests.contracts.stores import Stores

Open = Callable[[], AbstractAsyncContextManager[Stores]]
USERS = [UserId(number) for number in (*PEOPLE, 9)]
IDS = [TweetId(number) for number in (*TWEETS, *range(100, 131), 999)]
PAIRS = [(viewer, author) for viewer in USERS for author in USERS]


@pytest.fixture(params=STORES)
def open_stores(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def stores(open_stores: Open) -> AsyncIterator[Stores]:
    async with open_stores() as opened:
        yield opened


def model_of(events: Sequence[Event]) -> Model:
    model = Model()
    for offset, event in enumerate(events, 1):
        model.apply(event, offset)
    return model


async def check_tweets(stores: Stores, model: Model) -> None:
    assert list(await stores.tweets.entries(IDS)) == [model.entry(entry_id) for entry_id in IDS]
    assert list(await stores.tweets.get_many(IDS)) == [model.tweet(tweet_id) for tweet_id in IDS]
    assert list(await stores.tweets.counts(IDS)) == [model.counts(tweet_id) for tweet_id in IDS]
    for viewer in USERS:
        assert list(await stores.tweets.marks(viewer, IDS)) == [model.marks(viewer, each) for each in IDS]
    for viewer, root_id in ((viewer, TweetId(root_id)) for viewer in USERS for root_id in TWEETS):
        assert await stores.tweets.retweet_id(viewer, root_id) == model.retweet_id(viewer, root_id)
    keys: dict[SliceOf, Sequence[int | str]] = {SliceOf.HASHTAG: TAGS}
    keys |= {SliceOf.AUTHOR: USERS, SliceOf.AUTHOR_TWEETS: USERS, SliceOf.REPLIES: IDS, SliceOf.RETWEETS: IDS}
    slices = [Slice(of, key, 1_000) for of in SliceOf for key in keys[of]]
    for cut, found in zip(slices, await stores.tweets.slices(slices), strict=True):
        # A retweet whose original is gone may be listed as long as it says that it is gone.
        assert [each for each in found if cut.of is SliceOf.RETWEETS or not each.gone_at] == model.slice(cut), cut


async def check_graph(stores: Stores, model: Model) -> None:
    assert list(await stores.graph.counts(USERS)) == [model.user_counts(user_id) for user_id in USERS]
    for user_id in USERS:
        assert await stores.graph.relations(user_id) == model.relations(user_id)
        assert list(await stores.graph.standings(user_id, USERS)) == [model.standing(user_id, each) for each in USERS]
        found = await stores.graph.followers(user_id, 100)
        assert sorted(found) == sorted(other for _, other in model.edges(user_id, followers=True))
        for followers in (True, False):
            edges = await stores.graph.edges(user_id, followers, 100, None)
            assert [(edge.edge_id, edge.user_id) for edge in edges] == model.edges(user_id, followers)


async def apply_in_pieces(stores: Stores, batch: Sequence[Logged], pieces: Sequence[tuple[int, int]]) -> None:
    """Apply overlapping stretches, each of which begins where something was applied already or comes next."""
    position = 0
    for start, end in pieces:
        first = start % (position + 1)
        last = first + 1 + end % (len(batch) - first) if first < len(batch) else first
        if batch[first:last]:
            await stores.projection.apply(batch[first:last])
            position = max(position, last)
        assert await stores.projection.position() == position
        await stores.graph.relations(USERS[0])  # so that something is in the caches
        await stores.tweets.entries(IDS)
    if batch[position:]:
        await stores.projection.apply(batch[position:])


@pytest.mark.parametrize("opened", STORES)
@settings(max_examples=60, deadline=None)
@given(history=histories, pieces=replays)
def test_whatever_is_replayed_the_stores_hold_what_one_pass_makes_of_the_log(
    opened: str, history: list[tuple[object, ...]], pieces: list[tuple[int, int]]
) -> None:
    events = events_of(history)

    async def run(folder: Path) -> None:
        async with STORES[opened](folder) as stores:
            await apply_in_pieces(stores, logged(events), pieces)
            for _ in range(2):
                await check_tweets(stores, model_of(events))
                await check_graph(stores, model_of(events))
                assert await stores.projection.position() == len(events)
                if events:
                    await stores.projection.apply(logged(events))
            assert stores.dead_letters() == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_what_is_applied_is_there_after_reopening_together_with_its_place(open_stores: Open) -> None:
    events = [tweet(1, 1), like(2, 1), relate(Verb.FOLLOW, 1, 2, 5), retweet(9, 2, 1, 1)]
    async with open_stores() as stores:
        assert await stores.projection.position() == 0
        await stores.projection.apply(logged(events))

    async with open_stores() as stores:
        assert await stores.projection.position() == 4
        await check_tweets(stores, model_of(events))
        await check_graph(stores, model_of(events))


async def test_an_act_replayed_after_its_end_does_not_come_back(stores: Stores) -> None:
    acts: list[Event] = [tweet(1, 1), like(2, 1), retweet(9, 2, 1, 1), relate(Verb.FOLLOW, 2, 1, 5)]
    ends: list[Event] = [like(2, 1, False), undo(9, 2, 1), relate(Verb.BLOCK, 1, 2), relate(Verb.UNBLOCK, 1, 2)]
    await stores.projection.apply(logged([*acts, *ends]))

    await stores.projection.apply(logged(acts))

    assert await stores.tweets.counts([TweetId(1)]) == [TweetCounts()]
    assert await stores.graph.counts([UserId(1), UserId(2)]) == [UserCounts(tweets=1), UserCounts()]


async def test_a_follow_refused_by_a_block_stays_refused_when_the_log_is_replayed_after_it(stores: Stores) -> None:
    batch = logged([relate(Verb.BLOCK, 1, 2), relate(Verb.FOLLOW, 2, 1, 5), relate(Verb.UNBLOCK, 1, 2)])
    await stores.projection.apply(batch)

    await stores.projection.apply(batch)

    assert await stores.graph.followers(UserId(1), 10) == []
    assert await stores.graph.counts([UserId(1)]) == [UserCounts()]


async def test_a_deletion_that_stands_before_its_tweet_in_the_log_hides_nothing_when_it_is_replayed(
    stores: Stores,
) -> None:
    batch = logged([delete(1, 1), tweet(1, 1)])
    await stores.projection.apply(batch)
    before = await stores.tweets.entries([TweetId(1)])

    await stores.projection.apply(batch)

    assert await stores.tweets.entries([TweetId(1)]) == before


@pytest.mark.parametrize("is_undone", [False, True])
async def test_the_first_place_of_a_retweet_s_id_wins_even_after_its_end(stores: Stores, is_undone: bool) -> None:
    shared = retweet(9, 2, 1, 1)
    events = [tweet(1, 1), shared, *([undo(9, 2, 1)] if is_undone else []), shared]

    await stores.projection.apply(logged(events))

    await check_tweets(stores, model_of(events))


async def test_a_repair_or_the_end_of_an_import_changes_no_store_but_its_place(stores: Stores) -> None:
    events: list[Event] = [tweet(1, 1), ImportFinished(), RepairRequested([UserId(1)], 1)]

    await stores.projection.apply(logged(events))

    assert await stores.projection.position() == 3
    await check_tweets(stores, model_of(events))


POISON = {
    "no JSON": b"\xff\x00",
    "nothing": b"",
    "no object": b"[1]",
    "no type": b"{}",
    "an unknown type": b'{"type":"TweetDreamt"}',
    "a missing field": b'{"type":"TweetDeleted","id":1}',
    "a field too many": b'{"type":"ImportFinished","when":1}',
    "text for an id": b'{"type":"LikeChanged","user_id":"x","tweet_id":1,"liked":true}',
    "an id beyond 64 bits": b'{"type":"LikeChanged","user_id":1,"tweet_id":%d,"liked":true}' % 2**70,
    "a like that is no truth": b'{"type":"LikeChanged","user_id":1,"tweet_id":1,"liked":"x"}',
    "an unknown verb": b'{"type":"RelationChanged","verb":"poke","actor_id":1,"target_id":2,"edge_id":3}',
    "an import of nothing": b'{"type":"FollowsImported","follows":5}',
    "an import that breaks midway": b'{"type":"FollowsImported","follows":[[4,5,6],[1]]}',
    "an import that breaks in the store": b'{"type":"FollowsImported","follows":[[4,5,6],[1,%d,7]]}' % 2**63,
    "a number for a text": b'{"type":"TweetPosted","id":3,"author_id":1,"text":5,"created_at_ms":1}',
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
async def test_poison_goes_to_the_dead_letters_and_stops_nothing(stores: Stores, poison: bytes) -> None:
    before, after = [tweet(1, 1), like(2, 1)], [relate(Verb.FOLLOW, 2, 1, 5), like(3, 1)]

    await stores.projection.apply(logged([*before, poison, *after]))
    await stores.projection.apply(logged([*before, poison, *after]))

    assert stores.dead_letters() == [("store", 3, poison)]
    assert await stores.projection.position() == 5
    model = model_of(before)
    for offset, event in enumerate(after, 4):
        model.apply(event, offset)
    await check_tweets(stores, model)
    await check_graph(stores, model)


async def test_what_another_store_had_taken_away_comes_in_bulk_and_never_comes_back(stores: Stores) -> None:
    came: list[Any] = [tweet(1, 1), tweet(2, 1), retweet(100, 1, 1, 1), retweet(101, 1, 2, 1)]
    went: list[Any] = [delete(2, 1), undo(100, 1, 1)]
    again: list[Any] = [retweet(102, 1, 1, 1), tweet(2, 1)]
    events: list[Event] = [TweetsImported([ImportedTweet("", row) for row in rows]) for rows in (came, went, again)]

    await stores.projection.apply(logged(events))
    await stores.projection.apply(logged(events))

    await check_tweets(stores, model_of(events))
    assert await stores.tweets.get_many([TweetId(2)]) == [None]
    assert await stores.tweets.retweet_id(UserId(1), TweetId(1)) == 102


@pytest.mark.parametrize("opened", STORES)
@settings(max_examples=40, deadline=None)
@given(poison=st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_any_bytes_can_stand_in_the_log(opened: str, poison: bytes) -> None:
    async def run(folder: Path) -> None:
        async with STORES[opened](folder) as stores:
            await stores.projection.apply(logged([tweet(1, 1), poison, like(2, 1)]))
            assert [offset for _, offset, _ in stores.dead_letters()] == [2]
            assert await stores.tweets.counts([TweetId(1)]) == [TweetCounts(likes=1)]

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
