"""The command line: what each command prints, how it fails, and who may own the data folder."""

import asyncio
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from infra.cli.accounts import account_of, tokens
from infra.cli.main import app
from infra.data_folder import LOCK_FILE, DataFolder, FolderTaken, announced, holder_of, is_free, running_server
from infra.embedded import open_engine
from infra.sample import load
from infra.sample.load import DEMO_PASSWORD, load_sample, sample_state
from infra.sample.records import Sample, SampleTweet, SampleUser
from infra.settings import Settings
from loaders.errors import NotFound
from loaders.global_ids import encode_id
from loaders.records import TweetId, UserId
from realtime.events import TweetPosted
from tests.server_process import ROOT, ServerProcess

COMMANDS = (
    "serve",
    "import",
    "sample",
    "migrate-to",
    "rebuild",
    "backup",
    "restore",
    "token",
    "schema",
    "config",
    "audit",
    "bench",
    "work",
    "migrate",
    "doctor",
    "stack",
)
NOW = 1_800_000_000.0
HOLD = (
    "import sys; from pathlib import Path; from infra.data_folder import DataFolder\n"
    "with DataFolder(Path(sys.argv[1]), 'serve'): print('held', flush=True); sys.stdin.read()"
)


def small_sample(now: float, seed: int = 0) -> Sample:
    del seed
    users = [SampleUser("ada", "Ada L.", "sums"), SampleUser("bob", "Bob", ""), SampleUser("demo", "Demo", "looks on")]
    tweets = [
        SampleTweet("t1", "ada", "hello e\u0301", now - 500.25, "en", None, None),
        SampleTweet("t2", "bob", "an answer", now - 400, "en", "t1", None),
        SampleTweet("r1-1", "bob", "", now - 300, "en", None, "t1"),
    ]
    return Sample(users, [("demo", "ada"), ("demo", "bob"), ("bob", "ada")], tweets, [("demo", "t1"), ("bob", "t1")])


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("ROOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(load, "generate", small_sample)
    return tmp_path / "data"


def roost(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def asked(data_dir: Path, sql: str, file: str = "store") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / f"{file}.db")) as connection, connection:
        return connection.execute(sql).fetchall()


def imported(data_dir: Path, follows: str) -> Result:
    path = data_dir.with_name("follows.tsv")
    path.write_text(follows, encoding="utf-8")
    return roost("import", "--follows", str(path))


async def post(settings: Settings, events: Sequence[TweetPosted]) -> None:
    async with open_engine(settings) as engine:
        await engine.log.append(events)
        assert await engine.drained(10.0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = roost(command, "--help")

    assert result.exit_code == 0
    assert f"Usage: roost {command}" in result.output


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    told = "import sys, infra.cli.main; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)

    assert all(f"\n  {command} " in roost("--help").output for command in COMMANDS)
    heavy = {"strawberry", "starlette", "sqlite3", "orjson", "redis", "cassandra", "confluent_kafka"}
    assert heavy.isdisjoint(loaded.stdout.split())


def test_wrong_settings_are_said_plainly(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOST_PORT", "many")

    result = roost("config")

    assert result.exit_code == 2
    assert result.output == "ROOST_PORT is 'many'; allowed is a whole number from 0 to 65535\n"
    assert not data_dir.exists()


def test_config_tells_where_each_setting_comes_from(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir.mkdir()
    (data_dir / "settings.toml").write_text("push_limit = 17\n", encoding="utf-8")
    monkeypatch.setenv("ROOST_HOST", "::1")

    lines = roost("config").output.splitlines()

    assert {'host = "::1"  # ROOST_HOST', "push_limit = 17  # settings.toml", "port = 8000  # default"} <= set(lines)


def test_the_schema_is_the_one_that_is_checked_in(data_dir: Path) -> None:
    assert data_dir.name == "data"
    assert roost("schema").output.strip() == (ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8").strip()


def test_an_operator_gets_a_token_for_any_account_and_none_for_nobody(data_dir: Path) -> None:
    unknown = roost("token", "ada")
    imported(data_dir, "Ada\tbob\n")
    known = roost("token", "@ADA")

    settings = Settings.load(os.environ)
    assert (unknown.exit_code, unknown.output) == (1, f"There is no account 'ada' in {data_dir}.\n")
    assert tokens(settings).read(known.output.strip()).user_id == account_of(settings, "ada")[0]
    with pytest.raises(NotFound):
        account_of(settings, "cy")


def test_import_says_what_came_of_it(data_dir: Path) -> None:
    first, again = imported(data_dir, "1\t2\n1\t1\n"), imported(data_dir, "1\t2\n1\t1\n")
    useless = imported(data_dir, "rubbish\n")

    assert (first.exit_code, again.exit_code, useless.exit_code) == (0, 0, 1)
    assert "follows.tsv: 1 new, 0 known already, 1 bad lines:" in first.output
    assert "follows.tsv line 2: nobody follows themselves: 1\\t1" in first.output
    assert "2 accounts came into being." in first.output
    assert "follows.tsv: 0 new, 1 known already, 1 bad lines:" in again.output


def test_import_without_a_file_asks_for_one(data_dir: Path) -> None:
    result = roost("import")

    assert result.exit_code == 2
    assert "--follows FILE, --tweets FILE, or both" in result.output
    assert not data_dir.exists()


def test_the_sample_is_loaded_once_with_a_demo_account_that_can_log_in(data_dir: Path) -> None:
    first, again = roost("sample"), roost("sample")

    assert f"Log in as demo with the password {DEMO_PASSWORD}." in first.output
    assert again.output == "The sample is loaded already.\n"
    assert (data_dir / "settings.toml").read_text(encoding="utf-8") == "push_limit = 1000\n"
    texts = asked(data_dir, "SELECT text, likes, retweets, replies FROM tweets LEFT JOIN tweet_counts ON id = tweet_id")
    assert texts == [("hello \u00e9", 2, 1, 1), ("an answer", None, None, None), ("", None, None, None)]
    people = asked(data_dir, "SELECT handle, display_name, bio FROM users ORDER BY handle", "accounts")
    assert people == [("ada", "Ada L.", "sums"), ("bob", "Bob", ""), ("demo", "Demo", "looks on")]
    hashes = asked(data_dir, "SELECT handle FROM users WHERE password_hash LIKE '$argon2id$%'", "accounts")
    assert hashes == [("demo",)]


def test_an_interrupted_sample_is_completed_as_of_the_time_at_which_it_began(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "sample.json").write_text(json.dumps({"now": NOW, "is_loaded": False}), encoding="utf-8")
    settings = Settings.for_tests(data_dir)

    assert asyncio.run(load_sample(settings, Console(file=io.StringIO())))

    state = sample_state(data_dir)
    assert state is not None
    assert (state.now, state.is_loaded) == (NOW, True)
    assert asked(data_dir, "SELECT min(created_at_ms) FROM tweets") == [(int(NOW * 1000) - 500_250,)]


def test_the_sample_keeps_out_of_a_folder_with_accounts_and_of_one_in_use(data_dir: Path) -> None:
    with DataFolder(data_dir, "serve"):
        taken = roost("sample")
    imported(data_dir, "1\t2\n")
    mixed = roost("sample")

    assert taken.exit_code == 1
    assert taken.output.startswith(f"{data_dir} is in use by `roost serve` (process {os.getpid()}, since ")
    assert "the sample is for an empty folder" in mixed.output
    assert asked(data_dir, "SELECT count(*) FROM tweets") == [(0,)]


def test_audit_finds_a_tweet_lost_between_log_and_store_and_repair_mends_it(data_dir: Path) -> None:
    imported(data_dir, "ada\tbob\ncy\tdee\n")
    settings = Settings.load(os.environ)
    bob_id, tweet_id = account_of(settings, "bob")[0], TweetId(5 << 40)
    asyncio.run(post(settings, [TweetPosted(tweet_id, UserId(bob_id), "hi", 1)]))
    clean = roost("audit", "--seed", "1")
    asked(data_dir, "DELETE FROM tweets")

    found, others, repaired = roost("audit"), roost("audit", "--handle", "cy"), roost("audit", "--repair")

    assert clean.output == "checked 4 timelines, 2 entries: nothing missing, unexpected or double\n"
    assert (clean.exit_code, found.exit_code, others.exit_code, repaired.exit_code) == (0, 1, 0, 0)
    assert encode_id("Tweet", tweet_id) in found.output
    assert "2 missing, 0 unexpected, 0 double" in found.output
    assert repaired.output.endswith("nothing missing, unexpected or double\n")
    assert roost("audit").exit_code == 0


async def test_audit_asks_a_running_server(data_dir: Path) -> None:
    await asyncio.to_thread(imported, data_dir, "ada\tbob\n")
    settings = Settings.load(os.environ)
    await post(settings, [TweetPosted(TweetId(5 << 40), UserId(account_of(settings, "bob")[0]), "hi", 1)])

    async with ServerProcess(data_dir) as server:
        info = running_server(data_dir)
        result = await asyncio.to_thread(roost, "audit", "--sample", "1", "--seed", "7")
        busy = await asyncio.to_thread(roost, "serve")

    assert info is not None
    assert info.url == server.url
    assert (result.exit_code, result.output) == (
        0,
        "checked 1 timelines, 1 entries: nothing missing, unexpected or double\n",
    )
    assert busy.exit_code == 1
    assert f"in use by `roost serve` (process {info.pid}" in busy.output
    assert running_server(data_dir) is None


def test_a_killed_process_leaves_the_folder_free(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        holder, was_free = holder_of(data_dir), is_free(data_dir)
        with pytest.raises(FolderTaken) as taken, DataFolder(data_dir, "import"):
            pass
        process.send_signal(signal.SIGKILL)

    assert holder is not None
    assert (holder.pid, holder.what, was_free) == (process.pid, "serve", False)
    assert taken.value.holder == holder
    assert is_free(data_dir)
    with DataFolder(data_dir, "import"):
        assert not is_free(data_dir)


def test_a_server_is_found_only_while_it_holds_the_lock(data_dir: Path) -> None:
    with DataFolder(data_dir, "serve"), announced(data_dir, "http://127.0.0.1:8000/"):
        found = running_server(data_dir)
        (data_dir / LOCK_FILE).write_text(json.dumps({"pid": 1, "since": NOW, "what": "serve"}), encoding="utf-8")
        of_another = running_server(data_dir)

    assert found is not None
    assert (found.pid, found.url) == (os.getpid(), "http://127.0.0.1:8000")
    assert of_another is None
    assert not (data_dir / "server.json").exists()
