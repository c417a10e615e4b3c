"""What every `TweetStore` promises to who reads; what events do to it is told in `test_projection`."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.media import MediaId, Medium, packed
from loaders.ports import Slice, SliceOf
from loaders.records import Entry, Tweet, TweetCounts, TweetId, UserId, ViewerMarks
from tests.contracts.adapters import STORES
from tests.contracts.histories import PEOPLE, TAGS, TWEETS, events_of, histories
from tests.contracts.making import delete, entry, like, logged, quote, retweet, tweet, undo
from tests.contracts.model import Model
from tests.contracts.stores import Stores

BIG = 2**62
PICTURE = Medium(MediaId(BIG - 1), "jpg", 900, 600, "A hat 🎩")
FILMS = [Medium(MediaId(number), "mp4", 640, 360, None) for number in range(5, 9)]
bounds = st.none() | st.integers(0, 12) | st.integers(98, 132)


def slices_of(of: SliceOf) -> st.SearchStrategy[Slice]:
    keys: dict[SliceOf, Sequence[int | str]] = {SliceOf.HASHTAG: TAGS}
    of_tweets = of in {SliceOf.REPLIES, SliceOf.RETWEETS}
    key = st.sampled_from(keys.get(of, TWEETS if of_tweets else PEOPLE))
    return st.builds(Slice, st.just(of), key, st.integers(1, 5), bounds, bounds, st.booleans())


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with STORES[request.param](tmp_path) as opened:
        yield opened


def tweet_ids(*ids: int) -> list[TweetId]:
    return [TweetId(tweet_id) for tweet_id in ids]


async def cut(stores: Stores, *slices: Slice) -> list[list[int]]:
    return [[each.id for each in found] for found in await stores.tweets.slices(slices)]


async def test_bodies_come_in_the_order_asked_and_none_for_what_is_unknown_or_gone(stores: Stores) -> None:
    await stores.projection.apply(
        logged([tweet(BIG, 1, "first 👩‍👩‍👧"), quote(2, 1, BIG), tweet(3, 2), delete(3, 2), retweet(9, 2, 2, 1)])
    )

    found = await stores.tweets.get_many(tweet_ids(2, 3, 9, BIG, 77, 2))

    quoting = Tweet(TweetId(2), UserId(1), "look", 1_000, None, TweetId(BIG), "en")
    first = Tweet(TweetId(BIG), UserId(1), "first 👩‍👩‍👧", 1_000 + BIG, None, None, None)
    assert found == [quoting, None, None, first, None, quoting]
    assert list(await stores.tweets.get_many([])) == []


async def test_a_body_has_its_media_which_go_with_it(stores: Stores) -> None:
    posted = [tweet(1, 1, "", media=packed([PICTURE])), tweet(2, 1, media=packed(FILMS)), tweet(3, 1)]
    await stores.projection.apply(logged(posted))

    found = await stores.tweets.get_many(tweet_ids(1, 2, 3))

    assert [each and each.media for each in found] == [packed([PICTURE]), packed(FILMS), None]

    # An event that comes once more brings nothing back.
    await stores.projection.apply(logged([delete(2, 1), *posted], after=3))
    assert await stores.tweets.get_many(tweet_ids(1, 2, 3)) == [found[0], None, found[2]]


async def test_skeletons_say_what_is_gone_and_since_when(stores: Stores) -> None:
    await stores.projection.apply(logged([tweet(1, 1), retweet(8, 2, 1, 1), retweet(9, 3, 1, 1), undo(9, 3, 1)]))
    shared, taken_back = entry(8, 2, (1, 1), offset=2), entry(9, 3, (1, 1), offset=3)
    found = await stores.tweets.entries(tweet_ids(9, 77, 8, 1))
    assert found == [taken_back._replace(gone_at=4), None, shared, entry(1, 1)]

    await stores.projection.apply(logged([delete(1, 1)], after=4))

    # A retweet goes with its original; one that was taken back before keeps its own place.
    found = await stores.tweets.entries(tweet_ids(9, 8, 1))
    assert found == [
        taken_back._replace(gone_at=4),
        shared._replace(gone_at=5),
        entry(1, 1, gone_at=5),
    ]


async def test_a_reply_says_whom_it_answers(stores: Stores) -> None:
    await stores.projection.apply(logged([tweet(1, 1), tweet(2, 3, answers=(1, 1))]))

    (found,) = await stores.tweets.entries(tweet_ids(2))

    assert found == entry(2, 3, reply_author_id=1)


async def test_a_slice_is_cut_from_either_end_between_its_bounds(stores: Stores) -> None:
    await stores.projection.apply(logged(tweet(tweet_id, 1) for tweet_id in (10, 20, 30, 40, 50)))
    below, above = TweetId(50), TweetId(10)

    found = await cut(
        stores,
        Slice(SliceOf.AUTHOR, 1, 2),
        Slice(SliceOf.AUTHOR, 1, 2, ascending=True),
        Slice(SliceOf.AUTHOR, 1, 2, below, above),
        Slice(SliceOf.AUTHOR, 1, 2, below, above, ascending=True),
        Slice(SliceOf.AUTHOR, 1, 9, below, above),
        Slice(SliceOf.AUTHOR, 2, 9),
    )

    assert found == [[50, 40], [10, 20], [40, 30], [20, 30], [40, 30, 20], []]


async def test_each_kind_of_slice_holds_its_own_and_in_one_call_each_keeps_its_place(stores: Stores) -> None:
    await stores.projection.apply(
        logged(
            [
                tweet(1, 1, "about #Café"),
                tweet(2, 2, "I answer about #CAFE", answers=(1, 1)),
                tweet(3, 1, "me too", answers=(1, 1)),
                quote(4, 1, 1),
                retweet(5, 1, 2, 2),
                retweet(6, 3, 2, 2),
                undo(6, 3, 2),
                tweet(7, 1, "gone #cafe", answers=(1, 1)),
                delete(7, 1),
            ]
        )
    )

    found = await cut(
        stores,
        Slice(SliceOf.RETWEETS, 2, 9),
        Slice(SliceOf.AUTHOR, 1, 9),
        Slice(SliceOf.HASHTAG, "cafe", 9),
        Slice(SliceOf.AUTHOR_TWEETS, 1, 9),
        Slice(SliceOf.REPLIES, 1, 9),
        Slice(SliceOf.HASHTAG, "café", 9),
    )

    by_tag = [each for each in found[2] + found[5] if each in {1, 2}]
    assert found[0] == [6, 5]  # those taken back included
    assert found[1] == [5, 4, 3, 1]
    assert found[3] == [4, 3, 1]
    assert found[4] == [3, 2]
    assert by_tag and 7 not in by_tag


async def test_counts_and_marks_come_in_the_order_asked(stores: Stores) -> None:
    acts = [like(1, 1), like(2, 1), retweet(8, 1, 2, 2), tweet(3, 1, answers=(1, 1)), quote(4, 1, 1), like(1, 2, False)]
    await stores.projection.apply(logged([tweet(1, 1), tweet(2, 2), *acts]))

    counts = await stores.tweets.counts(tweet_ids(2, 77, 1))
    marks = await stores.tweets.marks(UserId(1), tweet_ids(2, 77, 1))

    assert counts == [TweetCounts(retweets=1), TweetCounts(), TweetCounts(likes=2, replies=1, quotes=1)]
    assert marks == [ViewerMarks(False, True), ViewerMarks(), ViewerMarks(True, False)]
    assert await stores.tweets.retweet_id(UserId(1), TweetId(2)) == 8
    assert await stores.tweets.retweet_id(UserId(2), TweetId(2)) is None


async def test_hundreds_of_slices_are_one_call(stores: Stores) -> None:
    await stores.projection.apply(logged(tweet(1_000 + author, author) for author in range(1, 451)))

    found = await cut(stores, *(Slice(SliceOf.AUTHOR, author, 4) for author in range(1, 451)))

    assert found == [[1_000 + author] for author in range(1, 451)]


def check_slice(wanted: Slice, found: Sequence[Entry], model: Model) -> None:
    """Hold a slice against the model: all that stands as far as it reaches, and nothing that is wrong."""
    assert len(found) <= wanted.limit
    assert all(each == model.entry(each.id) for each in found)
    assert all((one.id < other.id) is wanted.ascending and one.id != other.id for one, other in pairwise(found))
    expected = model.slice(wanted)
    if len(found) == wanted.limit:
        reached = found[-1].id
        expected = [each for each in expected if (each.id <= reached if wanted.ascending else each.id >= reached)]
    # A retweet whose original is gone may be listed, as long as it says that it is gone.
    assert [each for each in found if wanted.of is SliceOf.RETWEETS or each.gone_at is None] == expected


@pytest.mark.parametrize("opened", STORES)
@settings(max_examples=40, deadline=None)
@given(history=histories, wanted=st.lists(st.sampled_from(SliceOf).flatmap(slices_of), min_size=20, max_size=20))
def test_a_slice_holds_all_that_stands_as_far_as_it_reaches(
    opened: str, history: list[tuple[object, ...]], wanted: list[Slice]
) -> None:
    model = Model()
    for offset, event in enumerate(events_of(history), 1):
        model.apply(event, offset)

    async def run(folder: Path) -> None:
        async with STORES[opened](folder) as stores:
            if events_of(history):
                await stores.projection.apply(logged(events_of(history)))
            for each, found in zip(wanted, await stores.tweets.slices(wanted), strict=True):
                check_slice(each, found, model)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
