"""What every `UserStore` promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from loaders.ports import UserStore
from loaders.records import User, UserId
from tests.contracts.adapters import USERS

Open = Callable[[], AbstractAsyncContextManager[UserStore]]


def user(number: int, handle: str) -> User:
    return User(UserId(number), handle, f"Name {number}", f"Bio {number}", 1, 1_700_000_000_000 + number)


@pytest.fixture(params=USERS)
def open_users(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: USERS[request.param](tmp_path)


@pytest.fixture
async def users(open_users: Open) -> AsyncIterator[UserStore]:
    async with open_users() as opened:
        yield opened


async def test_an_account_comes_back_as_it_was_made_even_after_reopening(open_users: Open) -> None:
    ada = replace(user(2**62, "Ada_L"), display_name="Ada 👩‍💻 Lovelace", bio="")
    async with open_users() as users:
        assert await users.create(ada, "hash")

    async with open_users() as users:
        assert await users.get_many([ada.id]) == [ada]
        assert await users.by_handles(["ada_l"]) == {"ada_l": ada}
        assert await users.password_hash(ada.id) == "hash"


async def test_of_twenty_who_want_one_handle_in_any_case_one_gets_it(users: UserStore) -> None:
    wanted = [user(number, handle) for number, handle in enumerate(["Ada", "ADA", "ada", "aDa"] * 5, 1)]

    taken = await asyncio.gather(*(users.create(each, None) for each in wanted))

    (winner,) = [each for each, is_taken in zip(wanted, taken, strict=True) if is_taken]
    assert await users.by_handles(["aDA"]) == {"ada": winner}
    assert [each for each in await users.get_many([each.id for each in wanted]) if each] == [winner]


async def test_a_handle_that_was_refused_leaves_the_account_that_has_it_alone(users: UserStore) -> None:
    await users.create(user(1, "ada"), "first")

    assert not await users.create(user(2, "Ada"), "second")

    assert await users.get_many([UserId(1), UserId(2)]) == [user(1, "ada"), None]
    assert await users.password_hash(UserId(1)) == "first"


async def test_accounts_are_answered_in_the_order_asked_with_none_for_the_unknown(users: UserStore) -> None:
    for number in (1, 2, 3):
        assert await users.create(user(number, f"u{number}"), None)

    found = await users.get_many([UserId(3), UserId(9), UserId(1), UserId(3)])

    assert found == [user(3, "u3"), None, user(1, "u1"), user(3, "u3")]
    assert list(await users.get_many([])) == []


async def test_handles_are_found_in_any_case_and_the_unknown_left_out(users: UserStore) -> None:
    await users.create(user(1, "Ada"), None)
    await users.create(user(2, "bob"), None)

    assert await users.by_handles(["ADA", "Bob", "eve"]) == {"ada": user(1, "Ada"), "bob": user(2, "bob")}


async def test_an_account_without_a_password_has_no_hash_and_neither_has_an_unknown_one(users: UserStore) -> None:
    await users.create(user(1, "ada"), None)

    assert await users.password_hash(UserId(1)) is None
    assert await users.password_hash(UserId(2)) is None


async def test_missing_accounts_are_made_and_every_handle_gets_its_id(users: UserStore) -> None:
    await users.create(user(1, "Ada"), "hash")

    ids = await users.create_missing([user(7, "ada"), user(8, "Bob"), user(9, "BOB"), user(10, "eve")])

    assert ids == {"ada": 1, "bob": 8, "eve": 10}
    assert await users.get_many([UserId(1), UserId(7), UserId(8)]) == [user(1, "Ada"), None, user(8, "Bob")]
    assert await users.password_hash(UserId(1)) == "hash"
    assert await users.create_missing([user(20, "EVE")]) == {"eve": 10}


async def test_imports_at_once_agree_on_who_has_a_handle(users: UserStore) -> None:
    answers = await asyncio.gather(
        *(users.create_missing([user(100 * batch + place, f"u{place}") for place in range(9)]) for batch in range(8))
    )

    assert all(answer == answers[0] for answer in answers)
    found = await users.by_handles([f"U{place}" for place in range(9)])
    assert {handle: each.id for handle, each in found.items()} == answers[0]


async def test_a_change_of_profile_raises_its_version_and_leaves_what_is_not_named(open_users: Open) -> None:
    async with open_users() as users:
        await users.create(user(1, "ada"), None)
        renamed = replace(user(1, "ada"), display_name="Countess", profile_version=2)

        assert await users.update_profile(UserId(1), "Countess", None, None) == renamed
        changed = replace(renamed, bio="", profile_version=3)
        assert await users.update_profile(UserId(1), None, "", 2) == changed

    async with open_users() as users:
        assert await users.get_many([UserId(1)]) == [changed]


async def test_an_avatar_stays_until_it_is_changed(users: UserStore) -> None:
    await users.create(user(1, "ada"), None)

    worn = await users.update_profile(UserId(1), None, None, None, "media/7/avatar.webp")
    renamed = await users.update_profile(UserId(1), "Countess", None, None)

    assert worn == replace(user(1, "ada"), avatar_url="/media/7/avatar.webp", profile_version=2)
    assert renamed == replace(worn, display_name="Countess", profile_version=3)
    assert await users.get_many([UserId(1)]) == [renamed]


async def test_a_change_that_expects_another_version_changes_nothing(users: UserStore) -> None:
    await users.create(user(1, "ada"), None)

    assert await users.update_profile(UserId(1), "Countess", "Bio", 2) is None
    assert await users.update_profile(UserId(9), "Countess", "Bio", None) is None

    assert await users.get_many([UserId(1), UserId(9)]) == [user(1, "ada"), None]


async def test_of_ten_changes_that_expect_the_same_version_one_is_made(users: UserStore) -> None:
    await users.create(user(1, "ada"), None)

    answers = await asyncio.gather(*(users.update_profile(UserId(1), f"Name {n}", None, 1) for n in range(10)))

    (made,) = [each for each in answers if each is not None]
    assert await users.get_many([UserId(1)]) == [made]
    assert made.profile_version == 2
