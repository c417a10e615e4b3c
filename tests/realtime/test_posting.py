"""Acts on tweets that the log has and the stores have not yet (rule P3)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loaders.errors import Unavailable, UserError
from loaders.records import TweetId, UserId
from realtime.posting import Draft, Posted
from tests.stepped import Stepped

ADA, BOB = UserId(1), UserId(2)
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
