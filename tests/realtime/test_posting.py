"""Acts that the log has and the stores have not yet (P3, V3), or that never came as far as the log (P1)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from loaders.errors import Unavailable, UserError
from loaders.records import TweetId, User, UserId
from realtime.events import Verb
from realtime.ports import EventLog
from realtime.posting import Draft, Posted
from tests.contracts.making import relate, retweet, tweet
from tests.realtime.flaky import Flaky
from tests.stepped import Stepped

ADA, BOB, CY = UserId(1), UserId(2), UserId(3)
USER = User(ADA, "user", "Name", "", 1, 0)
NOBODYS = TweetId(1 << 60)


@pytest.fixture
async def stepped(tmp_path: Path) -> AsyncIterator[Stepped]:
    """An engine whose groups handle nothing by themselves, and for which nobody waits."""
    stepped = Stepped(tmp_path, write_wait_ms=0)
    await stepped.open()
    yield stepped
    await stepped.close()


async def test_a_tweet_that_the_store_lags_behind_is_not_there_yet_and_never_not_found(stepped: Stepped) -> None:
    posting = stepped.services.posting
    posted = await posting.post(ADA, Draft("Hello, world"))
    assert isinstance(posted, Posted)
    tweet_id = posted.tweet.id

    for act in (
        posting.like(BOB, tweet_id, liked=True),
        posting.like(BOB, tweet_id, liked=False),
        posting.retweet(BOB, tweet_id),
        posting.post(BOB, Draft("Hello, Ada", in_reply_to_id=tweet_id)),
        posting.delete(ADA, tweet_id),
    ):
        with pytest.raises(Unavailable):
            await act

    await stepped.drain()
    assert await posting.like(BOB, tweet_id, liked=True) is None


async def test_a_tweet_that_never_was_is_not_found_once_the_store_has_caught_up(stepped: Stepped) -> None:
    posting = stepped.services.posting
    await posting.post(ADA, Draft("Hello, world"))
    await stepped.drain()

    refused = await posting.like(BOB, NOBODYS, liked=True)

    assert isinstance(refused, UserError)
    assert refused.code == "NOT_FOUND"


async def test_what_hides_something_is_not_done_until_it_is_hidden(stepped: Stepped) -> None:
    """It is in the log all the same, and holds once the stores have come so far (V3)."""
    posting, relating = stepped.services.posting, stepped.services.relating
    users = [replace(USER, id=each, handle=f"user{each}") for each in (ADA, BOB, CY)]
    for user in users:
        assert await stepped.services.users.create(user, None)
    await stepped.append(relate(Verb.FOLLOW, BOB, ADA, 1), tweet(10, BOB), tweet(11, ADA), retweet(12, BOB, 11, ADA))
    await stepped.drain()

    for act in (
        relating.relate(BOB, Verb.UNFOLLOW, ADA),
        relating.relate(BOB, Verb.MUTE, ADA),
        relating.relate(BOB, Verb.BLOCK, CY),
        posting.delete(BOB, TweetId(10)),
        posting.undo_retweet(BOB, TweetId(11)),
    ):
        with pytest.raises(Unavailable):
            await act
    assert await relating.relate(CY, Verb.FOLLOW, ADA) is None

    await stepped.drain()
    assert await stepped.pages(BOB, 10) == []
    relations = await stepped.services.home.graph.relations(BOB)
    assert ([*relations.follows], [*relations.mutes], [*relations.blocks]) == ([], [ADA], [CY])


async def test_who_comes_again_with_a_key_whose_tweet_never_reached_the_log_appends_the_same_bytes(
    stepped: Stepped,
) -> None:
    """Whoever holds the key answers on an append of its own (P1): both have the same tweet, which is there once."""
    posting, draft = stepped.services.posting, Draft("Hello, world", idempotency_key="k")
    log = cast(EventLog, Flaky(stepped.log, "append", 1))
    cut_off = replace(posting, appending=replace(posting.appending, log=log))
    with pytest.raises(Unavailable):
        await cut_off.post(ADA, draft)

    retried = []
    for _ in range(2):
        stepped.now_s += 1
        retried.append(await posting.post(ADA, draft))

    first, again = [logged.payload for logged in await stepped.logged()]
    assert first == again
    await stepped.drain()
    (shown,) = (await stepped.page(ADA)).edges
    assert [each.tweet.id for each in retried if isinstance(each, Posted)] == [shown.entry.id] * 2


async def test_the_last_act_wins_though_the_stores_have_not_heard_of_the_one_before(stepped: Stepped) -> None:
    """What a store that lags says is no reason to leave an act out (P3): the one on its way would undo the answer."""
    posting, relating = stepped.services.posting, stepped.services.relating
    for each in (ADA, BOB):
        assert await stepped.services.users.create(replace(USER, id=each, handle=f"user{each}"), None)
    await stepped.append(tweet(10, ADA), tweet(11, ADA), retweet(12, BOB, 11, ADA))
    await stepped.drain()
    graph, tweets = stepped.services.home.graph, stepped.services.posting.tweets

    assert await relating.relate(BOB, Verb.FOLLOW, ADA) is None
    with pytest.raises(Unavailable):
        await relating.relate(BOB, Verb.UNFOLLOW, ADA)
    assert await posting.like(BOB, TweetId(10), liked=True) is None
    assert await posting.like(BOB, TweetId(10), liked=False) is None
    assert await posting.retweet(BOB, TweetId(10)) is None
    with pytest.raises(Unavailable):
        await posting.undo_retweet(BOB, TweetId(10))
    with pytest.raises(Unavailable):
        await posting.undo_retweet(BOB, TweetId(11))
    assert await posting.retweet(BOB, TweetId(11)) is None

    await stepped.drain()
    assert [*(await graph.relations(BOB)).follows] == []
    (marks,) = await tweets.marks(BOB, [TweetId(10)])
    assert not marks.has_liked
    assert await tweets.retweet_id(BOB, TweetId(11)) not in {None, TweetId(12)}


async def test_an_act_that_holds_and_that_nothing_on_its_way_can_end_is_not_written_again(stepped: Stepped) -> None:
    posting, relating = stepped.services.posting, stepped.services.relating
    for each in (ADA, BOB):
        assert await stepped.services.users.create(replace(USER, id=each, handle=f"user{each}"), None)
    await stepped.append(tweet(10, ADA))
    await stepped.drain()
    for _ in range(2):
        assert await relating.relate(BOB, Verb.FOLLOW, ADA) is None
        assert await posting.like(BOB, TweetId(10), liked=True) is None
        assert await posting.retweet(BOB, TweetId(10)) is None
        await stepped.drain()

    assert len(await stepped.logged()) == 4
