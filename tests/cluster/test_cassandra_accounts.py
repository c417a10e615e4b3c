"""Accounts and keys on Cassandra: contended, cut off between two writes, and with answers that get lost."""

import asyncio
from dataclasses import replace

import pytest

from infra.adapters.cassandra.accounts import CassandraIdempotencyKeys, CassandraUserStore
from infra.adapters.cassandra.driver import Driver
from infra.adapters.cassandra.epochs import epoch_of
from infra.adapters.cassandra.session import CassandraSession, Outcome
from loaders.errors import Unavailable
from loaders.records import Reservation, TweetId, User, UserId
from tests.cluster.cassandra_keyspace import cassandra_url, driver, own_number, session
from tests.contracts.adapters import Clock
from tests.contracts.cassandra_adapters import PATIENT

__all__ = ["cassandra_url", "driver", "session"]

LIFETIME_MS = 60_000
RACERS = 50


class LosingAnswers(CassandraSession):
    """A session that loses the answers of lightweight transactions that begin so, `before` they are sent or after."""

    def __init__(self, driver: Driver, beginning: str, before: bool = False) -> None:
        super().__init__(driver, PATIENT)
        self.beginning = beginning
        self.before = before

    async def conditional(self, text: str, *values: object, is_global: bool = False) -> Outcome:
        if not text.startswith(self.beginning):
            return await super().conditional(text, *values, is_global=is_global)
        if not self.before:
            await super().conditional(text, *values, is_global=is_global)
        raise Unavailable("The answer was lost")


def user(number: int | None = None) -> User:
    number = number or own_number()
    return User(UserId(number), f"User{number}", f"Name {number}", "", 1, 1_700_000_000_000)


async def test_of_fifty_who_want_one_handle_at_once_one_gets_it(session: CassandraSession) -> None:
    users, handle = CassandraUserStore(session), user().handle
    wanted = [replace(user(), handle=handle) for _ in range(RACERS)]

    taken = await asyncio.gather(*(users.create(each, None) for each in wanted))

    (winner,) = [each for each, is_taken in zip(wanted, taken, strict=True) if is_taken]
    assert await users.by_handles([handle]) == {handle.lower(): winner}
    assert [each for each in await users.get_many([each.id for each in wanted]) if each] == [winner]


async def test_of_fifty_who_reserve_one_key_at_once_one_wins_and_all_hear_of_it(session: CassandraSession) -> None:
    keys, viewer = CassandraIdempotencyKeys(session, Clock(), LIFETIME_MS), user().id

    answers = await asyncio.gather(*(keys.reserve(viewer, "k", TweetId(n), b"%d" % n) for n in range(RACERS)))

    (winner,) = [answer for answer in answers if answer.is_new]
    assert {(answer.tweet_id, answer.input_hash) for answer in answers} == {(winner.tweet_id, winner.input_hash)}


async def test_of_fifty_who_find_a_key_expired_one_takes_it_over(session: CassandraSession) -> None:
    clock, viewer = Clock(), user().id
    keys = CassandraIdempotencyKeys(session, clock, LIFETIME_MS)
    await keys.reserve(viewer, "k", TweetId(1_000), b"old")
    clock.now += LIFETIME_MS + 1

    answers = await asyncio.gather(*(keys.reserve(viewer, "k", TweetId(n), b"%d" % n) for n in range(RACERS)))

    (winner,) = [answer for answer in answers if answer.is_new]
    assert {answer.tweet_id for answer in answers} == {winner.tweet_id} != {1_000}


async def test_an_account_cut_off_after_its_handle_is_whole_for_whoever_asks_next(
    driver: Driver, session: CassandraSession
) -> None:
    cut_off, users = (
        CassandraUserStore(LosingAnswers(driver, "INSERT INTO users", before=True)),
        CassandraUserStore(session),
    )
    ada, eve = user(), user()
    for each in (ada, eve):
        with pytest.raises(Unavailable):
            await cut_off.create(each, "hash")
        assert await users.get_many([each.id]) == [None]

    # The one is found by her handle, the other when somebody wants hers.
    assert await users.by_handles([ada.handle]) == {ada.handle.lower(): ada}
    assert not await users.create(replace(user(), handle=eve.handle), "another")

    assert await users.get_many([ada.id, eve.id]) == [ada, eve]
    assert [await users.password_hash(each.id) for each in (ada, eve)] == ["hash", "hash"]


async def test_a_lost_answer_is_read_back_and_whoever_won_hears_so(driver: Driver, session: CassandraSession) -> None:
    """A lightweight transaction that timed out is read back at SERIAL (P1)."""
    losing = LosingAnswers(driver, "INSERT INTO handles")
    ada = user()
    assert await CassandraUserStore(losing).create(ada, None)
    assert not await CassandraUserStore(losing).create(replace(user(), handle=ada.handle), None)

    losing.beginning = "UPDATE users"
    changed = replace(ada, bio="Countess", profile_version=2)
    assert await CassandraUserStore(losing).update_profile(ada.id, None, "Countess", 1) == changed
    assert await CassandraUserStore(session).get_many([ada.id]) == [changed]

    losing.beginning = "INSERT INTO idempotency_keys"
    keys = CassandraIdempotencyKeys(losing, Clock(), LIFETIME_MS)
    assert await keys.reserve(ada.id, "k", TweetId(1), b"one") == Reservation(TweetId(1), b"one", is_new=True)
    assert await keys.reserve(ada.id, "k", TweetId(2), b"two") == Reservation(TweetId(1), b"one", is_new=False)


async def test_what_was_never_sent_is_unavailable_and_takes_nothing(driver: Driver, session: CassandraSession) -> None:
    losing, ada = LosingAnswers(driver, "INSERT", before=True), user()
    with pytest.raises(Unavailable):
        await CassandraUserStore(losing).create(ada, None)
    with pytest.raises(Unavailable):
        await CassandraIdempotencyKeys(losing, Clock(), LIFETIME_MS).reserve(ada.id, "k", TweetId(1), b"one")

    assert await CassandraUserStore(session).create(replace(user(), handle=ada.handle), None)
    keys = CassandraIdempotencyKeys(session, Clock(), LIFETIME_MS)
    assert (await keys.reserve(ada.id, "k", TweetId(2), b"two")).is_new


async def test_keys_leave_the_database_some_time_after_they_expired(session: CassandraSession) -> None:
    viewer = user().id
    await CassandraIdempotencyKeys(session, Clock(), LIFETIME_MS).reserve(viewer, "k", TweetId(1), b"one")

    text = "SELECT TTL(tweet_id) FROM idempotency_keys WHERE viewer_id = ? AND key = ?"
    ((left_s,),) = await session.rows(text, viewer, "k")
    assert LIFETIME_MS / 1_000 < left_s <= LIFETIME_MS / 1_000 + 60


async def test_logs_get_numbers_that_grow_and_keep_them(session: CassandraSession) -> None:
    names = [f"log {own_number()}" for _ in range(5)]

    first = [await epoch_of(session, name) for name in names]

    assert first == sorted(set(first))
    assert [await epoch_of(session, name) for name in reversed(names)] == first[::-1]


async def test_many_who_ask_at_once_for_new_logs_agree(session: CassandraSession) -> None:
    names = [f"log {own_number()}" for _ in range(4)]

    answers = await asyncio.gather(*(epoch_of(session, name) for name in names * 5))

    assert len(set(answers)) == len(names)
    assert answers == answers[: len(names)] * 5
