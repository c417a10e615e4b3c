"""Settings come from variables over the file over defaults, and wrong ones are told in words."""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.settings import Settings, write_setting
from infra.settings_given import SettingsError
from tests.infra.settings_given import load, problems

__all__ = ["load", "problems"]


def test_defaults_hold_where_nothing_is_set(tmp_path: Path) -> None:
    settings = Settings.load({"ROOST_DATA_DIR": str(tmp_path / "not yet there")})

    assert (settings.host, settings.port, settings.push_limit) == ("127.0.0.1", 8000, 3000)
    assert settings == dataclasses.replace(Settings(), data_dir=tmp_path / "not yet there")
    assert "http://localhost:5173" in settings.allowed_origins


def test_every_default_is_itself_allowed(tmp_path: Path) -> None:
    defaults = {name: value for name, value in Settings().shown().items() if name != "data_dir"}

    assert Settings.for_tests(tmp_path, **defaults).shown() == Settings().shown() | {"data_dir": str(tmp_path)}


def test_a_variable_goes_before_the_file_and_the_file_before_the_default(load: Callable[..., Settings]) -> None:
    settings = load("port = 7000\npush_limit = 7\n", ROOST_PORT="9000")

    assert (settings.port, settings.push_limit, settings.page_size_max) == (9000, 7, 100)


def test_the_data_folder_variable_says_where_the_file_is(tmp_path: Path) -> None:
    for name, port in (("a", 1111), ("b", 2222)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.toml").write_text(f"port = {port}")

    assert Settings.load({"ROOST_DATA_DIR": str(tmp_path / "a")}).port == 1111
    assert Settings.load({"ROOST_DATA_DIR": str(tmp_path / "b")}).port == 2222


def test_settings_cannot_be_changed_once_they_stand() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]


CACHES = "memory://, or redis://host:port/0, or redis-cluster://host:port,..."
LOGS = "sqlite:// (in the data folder) or sqlite:///path/to/file.db, or kafka://host:port,.../prefix"


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("ROOST_PORT", "http", "a whole number from 0 to 65535"),
        ("ROOST_PORT", "65536", "a whole number from 0 to 65535"),
        ("ROOST_PORT", "", "a whole number from 0 to 65535"),
        ("ROOST_PUSH_LIMIT", "0", "a whole number from 1 to 20000"),
        ("ROOST_PUSH_LIMIT", "20001", "a whole number from 1 to 20000"),
        ("ROOST_PUSH_LIMIT_LOWER_RATIO", "nan", "a number from 0.01 to 1.0"),
        ("ROOST_LOG_FORMAT", "xml", "one of auto, json, text"),
        ("ROOST_HOST", "http://a.example", "a host name or an address, such as 127.0.0.1 or ::"),
        ("ROOST_TIMELINES_URL", "http://a.example", CACHES),
        ("ROOST_TIMELINES_URL", "redis://a.example, b.example", CACHES),
        ("ROOST_LOG_URL", "redis://a.example", LOGS),
        ("ROOST_LOG_URL", "sqlite://host/roost.db", LOGS),
    ],
)
def test_a_wrong_value_is_told_with_its_variable_and_what_is_allowed(
    problems: Callable[..., tuple[str, ...]], variable: str, value: str, allowed: str
) -> None:
    assert problems(**{variable: value}) == (f"{variable} is {value!r}; allowed is {allowed}",)


@pytest.mark.parametrize("line", ["port = true", "port = 80.0", "port = []", 'port = "x"', "port = 1979-05-27"])
def test_a_wrong_value_in_the_file_is_told_with_the_file_and_the_key(
    problems: Callable[..., tuple[str, ...]], tmp_path: Path, line: str
) -> None:
    (problem,) = problems(line)

    assert problem.startswith(f"{tmp_path / 'settings.toml'}: port is ")
    assert problem.endswith("; allowed is a whole number from 0 to 65535")


def test_all_that_is_wrong_is_told_at_once(problems: Callable[..., tuple[str, ...]]) -> None:
    found = problems("page_size_max = 0\nlog_level = 3\nprot = 1", ROOST_PORT="x", ROOST_PUSH_LIMT="3", ROOST_HOST="")

    told = [problem.rpartition("settings.toml: ")[2].split(" is ")[0] for problem in found]
    assert told == ["ROOST_HOST", "ROOST_PORT", "ROOST_PUSH_LIMT", "page_size_max", "log_level", "prot"]


def test_unknown_names_are_refused_with_the_nearest_one(problems: Callable[..., tuple[str, ...]]) -> None:
    misspelt, far, cased, in_file = problems(
        "tokenlifetime_hours = 1", ROOST_PUSHLIMIT="3", ROOST_port="1", ROOST_XYZZY="1"
    )

    assert misspelt == "ROOST_PUSHLIMIT is no setting; did you mean ROOST_PUSH_LIMIT?"
    assert far == "ROOST_XYZZY is no setting"
    assert cased == "ROOST_port is no setting; did you mean ROOST_PORT?"
    assert in_file.endswith("settings.toml: tokenlifetime_hours is no setting; did you mean token_lifetime_hours?")


def test_the_file_cannot_say_where_it_is_itself(problems: Callable[..., tuple[str, ...]]) -> None:
    (problem,) = problems('data_dir = "/elsewhere"')

    assert problem.endswith("data_dir cannot be set here; ROOST_DATA_DIR says where this file is")


@pytest.mark.parametrize("content", [b"port = ", b"port = 1\nport = 2", b"host = '\xff'"])
def test_a_file_that_is_not_toml_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "settings.toml").write_bytes(content)

    with pytest.raises(SettingsError, match=r"settings\.toml: is not TOML: "):
        Settings.load({"ROOST_DATA_DIR": str(tmp_path)})


def test_a_data_folder_that_is_a_file_is_told_beside_other_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError) as caught:
        Settings.load({"ROOST_DATA_DIR": str(tmp_path / "file"), "ROOST_PORT": "x"})

    folder, port = caught.value.problems
    assert folder.startswith("ROOST_DATA_DIR is ")
    assert folder.endswith("(a file is in its place)")
    assert port.startswith("ROOST_PORT is ")


def test_origins_come_as_a_list_in_one_form(load: Callable[..., Settings]) -> None:
    settings = load(
        ROOST_ALLOWED_ORIGINS=" https://App.example:443, http://[::1]:3000,,http://b.example:80,https://app.example"
    )

    assert settings.allowed_origins == ("https://app.example", "http://[::1]:3000", "http://b.example")
    assert load('allowed_origins = ["https://a.example"]').allowed_origins == ("https://a.example",)
    assert load(ROOST_ALLOWED_ORIGINS="").allowed_origins == ()


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "a.example",
        "ftp://a.example",
        "https://a.example/",
        "https://*.a.example",
        "https://a.example:0",
        "https://a.example:65536",
        "https://u@a.example",
        "https://",
        "https://a.example?x",
        "https://a b.example",
    ],
)
def test_what_is_no_origin_is_refused(problems: Callable[..., tuple[str, ...]], origin: str) -> None:
    (problem,) = problems(ROOST_ALLOWED_ORIGINS=f"https://fine.example,{origin}")

    assert f"({origin!r} is no origin: " in problem


def test_a_star_as_origin_is_refused_with_the_reason(problems: Callable[..., tuple[str, ...]]) -> None:
    (problem,) = problems(ROOST_ALLOWED_ORIGINS="*")

    assert "any web page act with the credentials" in problem


def test_settings_that_contradict_each_other_are_told(problems: Callable[..., tuple[str, ...]]) -> None:
    page, memory = problems("page_size_max = 10", ROOST_ARGON2_MEMORY_KIB="8", ROOST_ARGON2_PARALLELISM="2")

    assert page.endswith("page_size_max is 10; allowed is what ROOST_PAGE_SIZE_DEFAULT is, 20, or more")
    assert memory == "ROOST_ARGON2_MEMORY_KIB is 8; allowed is 8 times what ROOST_ARGON2_PARALLELISM is, 2, or more"


def test_passwords_in_urls_show_neither_in_the_settings_nor_in_errors(
    problems: Callable[..., tuple[str, ...]],
) -> None:
    (kafka,) = problems(ROOST_LOG_URL="kafka://ada:se/cr:et@pw@a.example:9092")
    (origin,) = problems('allowed_origins = ["https://ada:secret@a.example"]')
    shown = dataclasses.replace(Settings(), log_url="kafka://ada:secret@a.example").shown()

    assert kafka.startswith("ROOST_LOG_URL is 'kafka://ada:***@a.example:9092'; ")
    assert "secret" not in origin
    assert origin.count("https://ada:***@a.example") == 2
    assert shown["log_url"] == "kafka://ada:***@a.example"


def test_a_sqlite_url_names_its_file(tmp_path: Path) -> None:
    settings = Settings.for_tests(tmp_path, tweets_url="sqlite:////var/lib/tweets.db", users_url="sqlite:///users.db")

    assert settings.database(settings.log_url, "log") == tmp_path / "log.db"
    assert settings.database(settings.tweets_url, "store") == Path("/var/lib/tweets.db")
    assert settings.database(settings.users_url, "accounts") == Path("users.db")


def test_every_setting_is_described_with_what_is_allowed() -> None:
    described = Settings.described()

    assert list(described) == list(Settings().shown())
    assert described["push_limit"].endswith(": a whole number from 1 to 20000")
    assert all(not text.startswith(":") for text in described.values())


def test_settings_for_tests_are_checked_too(tmp_path: Path) -> None:
    assert Settings.for_tests(tmp_path, push_limit=3).push_limit == 3
    with pytest.raises(SettingsError, match="push_limit is 0"):
        Settings.for_tests(tmp_path, push_limit=0)
    with pytest.raises(SettingsError, match="did you mean push_limit"):
        Settings.for_tests(tmp_path, push_limits=1)


def test_no_push_limit_is_above_twenty_thousand(tmp_path: Path) -> None:
    """However large the cluster, no event is to hold up its partition for long (F7)."""
    assert Settings.for_tests(tmp_path, push_limit=20_000).push_limit == 20_000
    with pytest.raises(SettingsError):
        Settings.for_tests(tmp_path, push_limit=20_001)


def test_writing_a_key_keeps_all_else_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('# mine\nport = 9000  # why\nallowed_origins = [\n  "http://a.example",\n]\nhost = "::"')

    assert write_setting(tmp_path, "allowed_origins", ["https://b.example"])
    assert write_setting(tmp_path, "port", 9001)
    assert write_setting(tmp_path, "push_limit", 1000)

    assert path.read_text() == (
        '# mine\nport = 9001\nallowed_origins = ["https://b.example"]\nhost = "::"\npush_limit = 1000\n'
    )
    assert list(tmp_path.iterdir()) == [path]


def test_a_key_is_written_into_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert write_setting(tmp_path / "new", "push_limit", 1000)

    assert Settings.load({"ROOST_DATA_DIR": str(tmp_path / "new")}).push_limit == 1000


def test_a_key_that_stands_can_be_left_alone(tmp_path: Path) -> None:
    assert write_setting(tmp_path, "push_limit", 50, unless_set=True)

    assert not write_setting(tmp_path, "push_limit", 1000, unless_set=True)
    assert Settings.load({"ROOST_DATA_DIR": str(tmp_path)}).push_limit == 50


@pytest.mark.parametrize(("name", "value"), [("push_limit", 0), ("push_limits", 5), ("data_dir", "/x")])
def test_what_would_not_load_is_not_written(tmp_path: Path, name: str, value: int | str) -> None:
    with pytest.raises(SettingsError):
        write_setting(tmp_path, name, value)

    assert not (tmp_path / "settings.toml").exists()


@pytest.mark.parametrize(
    "content", ["port = ", '"push_limit" = 5\n', "[table]\nport = 1\n", 'host = """\npush_limit = 1\n"""']
)
def test_a_file_that_cannot_be_changed_safely_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "settings.toml").write_text(content)

    with pytest.raises(SettingsError, match="cannot be changed"):
        write_setting(tmp_path, "push_limit", 1000)

    assert (tmp_path / "settings.toml").read_text() == content


def test_importing_the_settings_reads_no_variable_and_no_settings_library() -> None:
    code = "import sys, infra.settings; print(sorted({'pydantic', 'asyncio', 'structlog'} & set(sys.modules)))"

    result = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"ROOST_PORT": "x"}, capture_output=True, text=True, check=True
    )

    assert result.stdout == "[]\n"
