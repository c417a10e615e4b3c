"""What every store of `IdempotencyKeys` promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from loaders.ports import IdempotencyKeys
from loaders.records import Reservation, TweetId, UserId
from tests.contracts.adapters import KEYS, Clock

LIFETIME_MS = 60_000
ADA, BOB = UserId(1), UserId(2)
Open = Callable[[], AbstractAsyncContextManager[IdempotencyKeys]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KEYS)
def open_keys(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Open:
    return lambda: KEYS[request.param](tmp_path, clock, LIFETIME_MS)


@pytest.fixture
async def keys(open_keys: Open) -> AsyncIterator[IdempotencyKeys]:
    async with open_keys() as opened:
        yield opened


def held(tweet_id: int, input_hash: bytes, is_new: bool) -> Reservation:
    return Reservation(TweetId(tweet_id), input_hash, is_new)


async def test_whoever_comes_first_holds_the_key_and_the_next_hears_what_came_with_it(keys: IdempotencyKeys) -> None:
    assert await keys.reserve(ADA, "k", TweetId(10), b"\x00one") == held(10, b"\x00one", True)
    assert await keys.reserve(ADA, "k", TweetId(11), b"\x00one") == held(10, b"\x00one", False)
    assert await keys.reserve(ADA, "k", TweetId(12), b"two") == held(10, b"\x00one", False)


async def test_of_ten_at_once_one_wins_and_all_hear_of_the_same_tweet(keys: IdempotencyKeys) -> None:
    answers = await asyncio.gather(*(keys.reserve(ADA, "k", TweetId(100 + n), b"%d" % n) for n in range(10)))

    (winner,) = [answer for answer in answers if answer.is_new]
    assert {(answer.tweet_id, answer.input_hash) for answer in answers} == {(winner.tweet_id, winner.input_hash)}
    assert winner.input_hash == b"%d" % (winner.tweet_id - 100)


async def test_a_key_belongs_to_one_viewer_and_is_taken_as_it_is_written(keys: IdempotencyKeys) -> None:
    answers = await asyncio.gather(
        keys.reserve(ADA, "k", TweetId(10), b"a"),
        keys.reserve(BOB, "k", TweetId(11), b"a"),
        keys.reserve(ADA, "K", TweetId(12), b"a"),
        keys.reserve(ADA, "k ", TweetId(13), b"a"),
        keys.reserve(ADA, "'; --\u0131", TweetId(14), b"a"),
    )

    assert [answer.is_new for answer in answers] == [True] * 5


async def test_a_key_is_held_after_reopening(open_keys: Open) -> None:
    async with open_keys() as keys:
        await keys.reserve(ADA, "k", TweetId(10), b"one")

    async with open_keys() as keys:
        assert await keys.reserve(ADA, "k", TweetId(11), b"two") == held(10, b"one", False)


async def test_two_processes_cannot_both_win(open_keys: Open) -> None:
    async with open_keys() as ours, open_keys() as theirs:
        answers = await asyncio.gather(
            ours.reserve(ADA, "k", TweetId(10), b"one"), theirs.reserve(ADA, "k", TweetId(11), b"one")
        )

        assert sorted(answer.is_new for answer in answers) == [False, True]
        assert answers[0].tweet_id == answers[1].tweet_id


async def test_a_key_lives_for_its_lifetime_and_is_free_after_it(keys: IdempotencyKeys, clock: Clock) -> None:
    await keys.reserve(ADA, "k", TweetId(10), b"one")

    clock.now += LIFETIME_MS
    assert await keys.reserve(ADA, "k", TweetId(11), b"two") == held(10, b"one", False)

    clock.now += 1
    assert await keys.reserve(ADA, "k", TweetId(12), b"two") == held(12, b"two", True)


async def test_asking_again_does_not_lengthen_the_life_of_a_key(keys: IdempotencyKeys, clock: Clock) -> None:
    await keys.reserve(ADA, "k", TweetId(10), b"one")
    clock.now += LIFETIME_MS - 1
    await keys.reserve(ADA, "k", TweetId(11), b"one")

    clock.now += 2

    assert (await keys.reserve(ADA, "k", TweetId(12), b"one")).is_new


async def test_a_key_of_any_letters_is_a_key_and_holds_up_nobody_else(keys: IdempotencyKeys) -> None:
    odd = ["a", "a ", "A", "👩‍👩‍👧", "\u2028\n\t\\\"'", "\x7f" * 100]

    async with asyncio.timeout(2):
        answers = await asyncio.gather(
            *(keys.reserve(ADA, key, TweetId(number), b"one") for number, key in enumerate(odd, 10))
        )

    assert [answer.is_new for answer in answers] == [True] * len(odd)
