"""Signing up and in, handles, and one's own profile."""

import asyncio
from typing import Any

import pytest

from loaders.errors import Unauthenticated
from loaders.records import UserId
from tests.answers import Answer
from tests.world import World

PASSWORD = "correct horse"


async def sign_up(world: World, handle: str, **given: Any) -> Answer:
    return await world.run("SignUp", input={"handle": handle, "displayName": handle, "password": PASSWORD, **given})


async def log_in(world: World, handle: str, password: str = PASSWORD, address: str = "192.0.2.1") -> Answer:
    return await world.run("LogIn", address=address, input={"handle": handle, "password": password})


def owner(world: World, token: str) -> UserId:
    return world.services.tokens.read(token).user_id


async def test_signing_up_answers_the_account_and_a_token_for_it(world: World) -> None:
    payload = (await sign_up(world, "Ada_1", displayName="Ada  Lovelace")).value

    viewer = await world.ask("Viewer", owner(world, payload["token"]))
    assert payload["viewer"]["handle"] == viewer["handle"] == "Ada_1"
    assert viewer["displayName"] == "Ada Lovelace"
    assert (viewer["bio"], viewer["followersCount"], viewer["followingCount"], viewer["tweetsCount"]) == ("", 0, 0, 0)


@pytest.mark.parametrize("handle", ["", "a" * 16, "ada lovelace", "ada-l", "ädä", "ada\n", "@ada"])
async def test_a_handle_has_1_to_15_letters_digits_or_underscores(world: World, handle: str) -> None:
    answer = await sign_up(world, handle, displayName="Ada")

    assert answer.user_errors == ["HANDLE_INVALID"]
    assert answer.value["userErrors"][0]["path"] == ["handle"]
    assert answer.value["token"] is None
    assert (await sign_up(world, "a" * 15)).user_errors == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"displayName": " "}, "DISPLAY_NAME_INVALID"),
        ({"displayName": "a" * 51}, "DISPLAY_NAME_INVALID"),
        ({"password": "short"}, "PASSWORD_INVALID"),
        ({"password": "a" * 129}, "PASSWORD_INVALID"),
    ],
)
async def test_names_and_passwords_have_bounds(world: World, given: dict[str, str], code: str) -> None:
    assert (await sign_up(world, "ada", **given)).user_errors == [code]
    assert (await sign_up(world, "ada")).user_errors == []


async def test_everything_that_is_wrong_is_told_at_once(world: World) -> None:
    answer = await sign_up(world, "", displayName="", password="")

    assert answer.user_errors == ["HANDLE_INVALID", "DISPLAY_NAME_INVALID", "PASSWORD_INVALID"]


async def test_a_handle_is_unique_without_case(world: World) -> None:
    assert (await sign_up(world, "Ada")).user_errors == []

    assert (await sign_up(world, "aDA")).user_errors == ["HANDLE_TAKEN"]
    assert (await world.ask("Follows", handle="ADA")) is not None


async def test_of_ten_who_want_one_handle_at_once_one_gets_it(world: World) -> None:
    answers = await asyncio.gather(*(sign_up(world, "ada") for _ in range(10)))

    assert sorted(tuple(answer.user_errors) for answer in answers) == [(), *[("HANDLE_TAKEN",)] * 9]


async def test_a_text_that_is_no_unicode_is_bad_input(world: World) -> None:
    assert (await sign_up(world, "ada", displayName="a\x00")).codes == ["BAD_USER_INPUT"]
    assert (await sign_up(world, "ada", password="password\ud800")).codes == ["BAD_USER_INPUT"]


async def test_logging_in_answers_a_token_whatever_the_case_of_the_handle(world: World) -> None:
    signed_up = (await sign_up(world, "Ada")).value

    logged_in = (await log_in(world, "ada")).value

    assert logged_in["viewer"] == signed_up["viewer"]
    assert owner(world, logged_in["token"]) == owner(world, signed_up["token"])


async def test_a_password_lasts_across_a_restart_and_so_does_a_token(world: World) -> None:
    token = (await sign_up(world, "ada")).value["token"]
    await world.restart()

    assert (await log_in(world, "ada")).user_errors == []
    assert (await world.ask("Viewer", owner(world, token)))["handle"] == "ada"


async def test_an_unknown_handle_and_a_wrong_password_look_alike(world: World) -> None:
    await sign_up(world, "ada")

    wrong, unknown = await log_in(world, "ada", "wrong horse"), await log_in(world, "nobody")

    assert wrong == unknown
    assert wrong.user_errors == ["CREDENTIALS_WRONG"]
    assert wrong.value["token"] is wrong.value["viewer"] is None


async def test_an_account_without_a_password_lets_nobody_in(world: World) -> None:
    await world.account("imported")

    assert (await log_in(world, "imported", "")).user_errors == ["CREDENTIALS_WRONG"]


async def test_guessing_at_one_account_is_limited_from_all_addresses_until_the_window_has_passed(world: World) -> None:
    await sign_up(world, "ada")
    for number in range(world.engine.settings.login_failures_per_account):
        assert (await log_in(world, "ADA", "wrong horse", f"198.51.100.{number}")).codes == []

    limited = await log_in(world, "ada")
    assert limited.codes == ["RATE_LIMITED"]
    assert limited.errors[0]["extensions"]["retryAfter"] == world.engine.settings.login_window_s

    world.advance(world.engine.settings.login_window_s)
    assert (await log_in(world, "ada")).user_errors == []


async def test_guessing_from_one_address_is_limited_over_all_accounts(world: World) -> None:
    await sign_up(world, "ada")
    for number in range(world.engine.settings.login_failures_per_address):
        assert (await log_in(world, f"nobody{number}", address="198.51.100.7")).codes == []

    assert (await log_in(world, "ada", address="198.51.100.7")).codes == ["RATE_LIMITED"]
    assert (await log_in(world, "ada", address="198.51.100.8")).codes == []


async def test_a_renewed_token_lasts_from_now_on(world: World) -> None:
    token = (await sign_up(world, "ada")).value["token"]
    lifetime_s = world.engine.settings.token_lifetime_hours * 3_600
    world.advance(lifetime_s - 1)
    renewed = await world.ask("RenewToken", owner(world, token))
    world.advance(2)

    with pytest.raises(Unauthenticated):
        owner(world, token)
    assert world.services.tokens.read(renewed["token"]).expires_at_ms == (world.now_s - 2 + lifetime_s) * 1_000
    assert renewed["expiresAt"].startswith("2027-01-17")


async def test_a_profile_changes_where_it_is_told_to_and_its_version_grows(world: World) -> None:
    await sign_up(world, "ada", displayName="Ada")

    first = await world.ask("UpdateProfile", "ada", input={"bio": " counts \n"})
    second = await world.ask("UpdateProfile", "ada", input={"displayName": "Countess"})

    shown = [(p["viewer"]["displayName"], p["viewer"]["bio"], p["viewer"]["profileVersion"]) for p in (first, second)]
    assert shown == [("Ada", "counts", 2), ("Countess", "counts", 3)]


async def test_a_profile_of_another_version_than_expected_stays_as_it_is(world: World) -> None:
    await world.ask("UpdateProfile", "ada", input={"bio": "one", "expectedVersion": 1})

    answer = await world.run("UpdateProfile", "ada", input={"bio": "two", "expectedVersion": 1})

    assert answer.user_errors == ["VERSION_CONFLICT"]
    assert (answer.value["viewer"]["bio"], answer.value["viewer"]["profileVersion"]) == ("one", 2)
    assert (await world.ask("Viewer", "ada"))["bio"] == "one"


async def test_of_ten_changes_to_one_version_at_once_one_holds(world: World) -> None:
    answers = await asyncio.gather(
        *(world.run("UpdateProfile", "ada", input={"bio": str(n), "expectedVersion": 1}) for n in range(10))
    )

    (held,) = [answer.value["viewer"] for answer in answers if not answer.user_errors]
    assert held["profileVersion"] == 2
    assert (await world.ask("Viewer", "ada"))["bio"] == held["bio"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"displayName": ""}, "DISPLAY_NAME_INVALID"),
        ({"bio": "a" * 161}, "BIO_TOO_LONG"),
        ({"avatarMediaId": "TWVkaWE6MQ=="}, "MEDIUM_NOT_FOUND"),
    ],
)
async def test_a_profile_has_bounds(world: World, given: dict[str, str], code: str) -> None:
    assert (await world.run("UpdateProfile", "ada", input=given)).user_errors == [code]


async def test_an_avatar_is_null_until_there_are_media(world: World) -> None:
    assert (await world.ask("Viewer", "ada"))["avatarUrl"] is None
