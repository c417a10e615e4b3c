"""Passwords are hashed without blocking anyone, and tokens hold until their time is over."""

import asyncio
import json
import os
import stat
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from infra.auth import INVALID_TOKEN, KEY_FILE, Argon2Passwords, JwtTokens, bearer, signing_key, token_key
from infra.settings import Settings
from infra.settings_given import SettingsError
from loaders.errors import Unauthenticated, Unavailable
from loaders.records import UserId

KEY = bytes(range(32))
NOW_S = 1_700_000_000


class Clock:
    """Unix seconds that go on only when told."""

    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def passwords(tmp_path: Path) -> AsyncIterator[Argon2Passwords]:
    passwords = Argon2Passwords(Settings.for_tests(tmp_path))
    yield passwords
    passwords.close()


@pytest.fixture
async def slow_passwords(tmp_path: Path) -> AsyncIterator[Argon2Passwords]:
    passwords = Argon2Passwords(
        Settings.for_tests(tmp_path, argon2_memory_kib=8192, argon2_time_cost=3, argon2_waiting_max=2)
    )
    yield passwords
    passwords.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> JwtTokens:
    return JwtTokens(KEY, clock, lifetime_s=3600)


async def test_a_password_matches_its_own_hash_only(passwords: Argon2Passwords) -> None:
    password_hash = await passwords.hash("correct horse")

    assert password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(password_hash, "correct horse")
    assert not await passwords.verify(password_hash, "battery staple")
    assert await passwords.hash("correct horse") != password_hash


async def test_an_accent_matches_however_the_keyboard_composes_it(passwords: Argon2Passwords) -> None:
    password_hash = await passwords.hash("caf\u00e9 au lait")

    assert await passwords.verify(password_hash, "cafe\u0301 au lait")


@pytest.mark.parametrize("password", ["", "\ud800", "\0" * 8, "x" * 100_000])
async def test_any_string_can_be_tried_as_a_password(passwords: Argon2Passwords, password: str) -> None:
    assert not await passwords.verify(None, password)
    assert await passwords.verify(await passwords.hash(password), password)


async def test_an_unknown_account_takes_the_time_of_a_wrong_password(slow_passwords: Argon2Passwords) -> None:
    password_hash = await slow_passwords.hash("correct horse")

    async def best_s(stored: str | None) -> float:
        times_s = []
        for _ in range(5):
            begun_s = time.perf_counter()
            assert not await slow_passwords.verify(stored, "battery staple")
            times_s.append(time.perf_counter() - begun_s)
        return min(times_s)

    # A shortcut would be a hundred times faster; the margin is for a busy machine.
    assert 0.4 < await best_s(None) / await best_s(password_hash) < 2.5


async def test_hashing_leaves_the_event_loop_free(slow_passwords: Argon2Passwords) -> None:
    hashing = asyncio.ensure_future(slow_passwords.hash("correct horse"))

    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10


async def test_no_more_than_so_many_passwords_wait(slow_passwords: Argon2Passwords) -> None:
    results = await asyncio.gather(*(slow_passwords.hash("correct horse") for _ in range(4)), return_exceptions=True)

    assert [type(result) for result in results] == [str, str, Unavailable, Unavailable]
    assert await slow_passwords.hash("correct horse")


def test_a_token_says_whom_it_speaks_for_and_until_when(tokens: JwtTokens) -> None:
    token = tokens.issue(UserId(2**62))

    assert tokens.read(token.text) == token
    assert (token.user_id, token.expires_at_ms) == (2**62, (NOW_S + 3600) * 1000)


def test_a_token_holds_up_to_its_last_moment_and_no_longer(tokens: JwtTokens, clock: Clock) -> None:
    text = tokens.issue(UserId(1)).text

    clock.now_s = NOW_S + 3599.999
    assert tokens.read(text).user_id == 1
    clock.now_s = NOW_S + 3600
    with pytest.raises(Unauthenticated):
        tokens.read(text)


def test_a_token_issued_with_the_same_key_holds_after_a_restart(tokens: JwtTokens, clock: Clock) -> None:
    assert JwtTokens(KEY, clock, lifetime_s=60).read(tokens.issue(UserId(5)).text).user_id == 5


def signed(key: bytes = KEY, algorithm: str = "HS256", **claims: object) -> str:
    given: dict[str, Any] = {"sub": "1", "iat": NOW_S, "exp": NOW_S + 60} | claims
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, algorithm=algorithm)


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": "1", "iat": NOW_S, "exp": NOW_S + 60})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def test_what_the_other_cases_vary_is_a_good_token(tokens: JwtTokens) -> None:
    assert tokens.read(signed()).user_id == 1


@pytest.mark.parametrize(
    "make",
    [
        unsigned,
        lambda: signed(key=bytes(32)),
        lambda: signed(key=KEY * 2, algorithm="HS512"),
        lambda: signed()[:-2],
        lambda: signed(exp=None),
        lambda: signed(iat=None),
        lambda: signed(sub=None),
        lambda: signed(exp=NOW_S),
        lambda: signed(exp=NOW_S + 0.5),
        lambda: signed(iat=True),
        lambda: signed(iat=NOW_S + 60),
        lambda: signed(sub="ada"),
        lambda: signed(sub="0"),
        lambda: signed(sub="-1"),
        lambda: signed(sub="\u0661"),
        lambda: signed(sub=str(2**63)),
        lambda: signed(padding="x" * 1_000),
        lambda: "",
        lambda: "a.b.c",
        lambda: "\ud800",
        lambda: urlsafe_b64encode(b"[" * 60_000).decode() + ".e30.e30",
    ],
)
def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(tokens: JwtTokens, make: Callable[[], str]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        tokens.read(make())

    assert str(caught.value) == INVALID_TOKEN


def test_a_token_read_again_costs_next_to_nothing(tokens: JwtTokens) -> None:
    text = tokens.issue(UserId(1)).text

    def best_us() -> float:
        begun_s = time.perf_counter()
        for _ in range(1_000):
            tokens.read(text)
        return (time.perf_counter() - begun_s) * 1_000

    assert min(best_us() for _ in range(5)) < 30


def test_a_short_key_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        JwtTokens(bytes(31), clock, lifetime_s=60)


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"

    key = token_key(folder)

    assert (len(key), token_key(folder)) == (32, key)
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]


def test_a_folders_key_can_be_given_as_a_setting_and_reads_the_same_tokens(tmp_path: Path, clock: Clock) -> None:
    key = token_key(tmp_path)
    given = Settings.for_tests(tmp_path / "cluster", token_key=f"hex:{key.hex()}")
    text = Settings.for_tests(tmp_path / "cluster", token_key="a secret of thirty-two letters, or")

    assert signing_key(Settings.for_tests(tmp_path)) == key
    assert signing_key(given) == key
    assert signing_key(text) == b"a secret of thirty-two letters, or"
    issued = JwtTokens(key, clock, lifetime_s=60).issue(UserId(7)).text
    assert JwtTokens(signing_key(given), clock, lifetime_s=60).read(issued).user_id == 7
    assert not (tmp_path / "cluster").exists()


def test_of_two_first_starts_at_once_one_makes_the_key_for_both(tmp_path: Path) -> None:
    others: list[bytes] = []

    def another_starts_meanwhile(size: int, /) -> bytes:
        if not others:
            others.append(b"")
            others[0] = token_key(tmp_path)
        return os.urandom(size)

    assert token_key(tmp_path, another_starts_meanwhile) == others[0]
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_file_that_is_no_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")

    with pytest.raises(SettingsError, match="holds 5 bytes, and a key has 32"):
        token_key(tmp_path)


def test_a_folder_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"token\.key: the key that signs tokens cannot be used"):
        token_key(tmp_path / "file" / "data")


@pytest.mark.parametrize("header", ["Bearer a.b-c_d.e", "bearer a.b-c_d.e", "BEARER   a.b-c_d.e "])
def test_the_bearer_scheme_is_read_in_any_case(header: str) -> None:
    assert bearer(header) == "a.b-c_d.e"


@pytest.mark.parametrize("header", [None, "", "  "])
def test_no_authorization_is_no_token(header: str | None) -> None:
    assert bearer(header) is None


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YTpi", "a.b.c", "Bearer a b", "Bearera.b", "Bearer \u00e9"]
)
def test_any_other_authorization_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer(header)
