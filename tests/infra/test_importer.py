"""Imports: every row once, whatever is wrong with the file, and however often the import is killed."""

import gzip
import io
import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from rich.console import Console

from infra.clocks import Clocks
from infra.data_folder import DataFolder, FolderTaken
from infra.embedded import open_engine
from infra.importer.files import LINE_BYTES_MAX, Batch
from infra.importer.meter import Meter
from infra.importer.put_tweets import TweetsInput
from infra.importer.report import Report
from infra.importer.rows import Reason, TweetRow
from infra.importer.run import run_import
from infra.importer.site import IMPORT_LOCK, open_site
from infra.settings import Settings
from loaders.ids import IMPORTED_BIT, milliseconds_of
from loaders.records import Delivery, Switch, TweetId
from realtime.events import RelationChanged, Verb
from tests.server_process import ROOT, ServerProcess

KILLS = 4
EVENTS_BETWEEN_KILLS = 14
LOOK_AGAIN_S = 0.02
SMALL_STEPS = "import infra.importer.site as site; site.AHEAD_OWNED = 4; from infra.cli.main import main; main()"


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def follows_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "follows.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def tweets_file(folder: Path, rows: Sequence[object]) -> Path:
    path = folder / "tweets.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def asked(data_dir: Path, sql: str, file: str = "store") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data_dir / f"{file}.db")) as connection:
        return connection.execute(sql).fetchall()


def handles(data_dir: Path) -> dict[object, str]:
    return {user_id: str(handle) for user_id, handle in asked(data_dir, "SELECT id, handle FROM users", "accounts")}


def followed(data_dir: Path) -> set[tuple[str, str]]:
    names = handles(data_dir)
    rows = asked(data_dir, "SELECT follower_id, followee_id FROM follows WHERE standing")
    return {(names[follower], names[followee]) for follower, followee in rows}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.for_tests(tmp_path / "data")


async def test_follows_come_from_zipped_files_by_any_name_and_bad_lines_stop_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    good = "".join(f"{n}\t{n + 1}\n" for n in range(300))
    bad = "nobody\n" * 12 + "x" * (LINE_BYTES_MAX + 1) + "\n\r\n"
    path = follows_file(tmp_path, gzip.compress(f"\ufefffollower\tfollowee\n{good}{bad}Ada\tBob\r\nada\tBOB".encode()))

    report = await run_import(settings, path, None, quiet())

    (tally,) = report.tallies
    assert (tally.new, tally.known) == (301, 1)
    assert tally.bad == {Reason.TOO_FEW_FIELDS: 12, Reason.LINE_TOO_LONG: 1}
    assert followed(settings.data_dir) == {(f"u{n}", f"u{n + 1}") for n in range(300)} | {("Ada", "Bob")}
    assert report.errors_path == settings.data_dir / "import-errors-1.txt"
    lines = report.errors_path.read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[0] for line in lines] == [f"follows.tsv line {n}" for n in range(302, 315)]
    assert not report.is_failure


async def test_of_a_damaged_file_what_comes_before_the_damage_is_kept(settings: Settings, tmp_path: Path) -> None:
    whole = gzip.compress("".join(f"{n}\t{n * 7919 % 9973 + 20_000}\n" for n in range(9_000)).encode())
    path = follows_file(tmp_path, whole[: len(whole) // 2])

    report = await run_import(settings, path, None, quiet())

    (tally,) = report.tallies
    assert tally.bad == {Reason.FILE_DAMAGED: 1}
    assert 0 < tally.new == len(followed(settings.data_dir)) < 9_000


async def test_a_file_without_one_good_line_is_a_failure(settings: Settings, tmp_path: Path) -> None:
    report = await run_import(settings, follows_file(tmp_path, "a\n"), None, quiet())

    assert report.is_failure


THREAD = [
    {"author": "Bob", "text": "an answer", "createdAt": 1_700_000_200, "id": "a", "inReplyTo": 1},
    {"author": "cy", "text": "deeper", "createdAt": 1_700_000_300, "id": "b", "inReplyTo": "a"},
    {"author": "cy", "text": "", "createdAt": 1_700_000_400, "id": "r", "retweetOf": "1"},
    {"author": "dee", "createdAt": 1_700_000_500, "retweetOf": "r"},
    {"author": "eve", "text": "to a retweet", "createdAt": 1_700_000_600, "inReplyTo": "r"},
    {"author": "ada", "text": "first #Tag", "createdAt": 1_700_000_100, "id": 1},
    {"author": "dee", "createdAt": 1_700_000_700, "retweetOf": 1, "id": "again"},
    {"author": "ada", "text": "lost", "createdAt": 1_700_000_800, "inReplyTo": "nowhere"},
    {"author": "ada", "text": "first #Tag", "createdAt": 1_700_000_100, "id": 1},
    {"author": "ADA", "text": "no id", "createdAt": 1_700_000_900},
    {"author": "ada", "text": "no id", "createdAt": "2023-11-14T22:28:20Z"},
]
SHOWN = (
    "SELECT t.text, u.text FROM tweets t LEFT JOIN tweets u ON u.id = coalesce(t.in_reply_to_id, t.root_id)"
    " ORDER BY t.id"
)


async def test_answers_and_retweets_find_their_originals_wherever_they_stand(
    settings: Settings, tmp_path: Path
) -> None:
    report = await run_import(settings, None, tweets_file(tmp_path, THREAD), quiet())

    (tally,) = report.tallies
    assert (tally.new, tally.known, tally.bad) == (7, 3, {Reason.UNKNOWN_PARENT: 1})
    assert asked(settings.data_dir, SHOWN) == [
        ("first #Tag", None),
        ("an answer", "first #Tag"),
        ("deeper", "an answer"),
        ("", "first #Tag"),
        ("", "first #Tag"),
        ("to a retweet", "first #Tag"),
        ("no id", None),
    ]
    counts = "SELECT replies, retweets FROM tweet_counts JOIN tweets ON id = tweet_id WHERE text = 'first #Tag'"
    assert asked(settings.data_dir, counts) == [(2, 2)]
    ids = [row[0] for row in asked(settings.data_dir, "SELECT id FROM tweets ORDER BY id")]
    assert all(isinstance(each, int) and each & IMPORTED_BIT for each in ids)
    assert milliseconds_of(int(str(ids[0]))) == 1_700_000_100_000


async def test_importing_again_adds_nothing_and_knows_what_came_before(settings: Settings, tmp_path: Path) -> None:
    follows = follows_file(tmp_path, "1\t2\n2\t1\n")
    await run_import(settings, follows, tweets_file(tmp_path, THREAD), quiet())
    before = asked(settings.data_dir, SHOWN), followed(settings.data_dir)

    report = await run_import(settings, follows, tweets_file(tmp_path, THREAD), quiet())
    later = [{"author": "fay", "text": "much later", "createdAt": 1_700_001_000, "inReplyTo": "b"}]
    latest = await run_import(settings, None, tweets_file(tmp_path, later), quiet())

    assert [(tally.new, tally.known) for tally in report.tallies] == [(0, 2), (0, 10)]
    assert report.accounts == 0
    assert (asked(settings.data_dir, SHOWN)[:-1], followed(settings.data_dir)) == before
    assert latest.tallies[0].new == 1


async def test_rows_of_one_time_and_one_hash_all_find_a_place(settings: Settings) -> None:
    keys = [f"{n:027x}fffff" for n in range(5)]
    rows = [(n, TweetRow(key, "ada", f"text {n}", 1_700_000_000_000)) for n, key in enumerate(keys)]

    async with open_site(settings, Clocks(), "import") as site:
        report = Report(settings.data_dir)
        for batch in (rows[:3], rows[3:]):
            writer = TweetsInput(site, report.tally("rows"), report)
            await writer.put_all([Batch(list(batch))], Meter(quiet(), "rows", 5, lambda: 0.0))
            await site.feed.drained()

    assert asked(settings.data_dir, "SELECT count(*), count(DISTINCT created_at_ms) FROM tweets") == [(5, 1)]


async def test_chains_of_answers_end_in_few_rounds_and_circles_end_at_all(settings: Settings, tmp_path: Path) -> None:
    chain = [{"author": "ada", "text": str(n), "createdAt": n, "id": n, "inReplyTo": n - 1} for n in range(2, 900)]
    circle = [{"author": "bob", "text": "o", "createdAt": 1, "id": f"c{n}", "inReplyTo": f"c{1 - n}"} for n in (0, 1)]
    first = [{"author": "ada", "text": "1", "createdAt": 1, "id": 1}]

    report = await run_import(settings, None, tweets_file(tmp_path, [*reversed(chain), *circle, *first]), quiet())

    assert report.tallies[0].new == 899
    assert report.tallies[0].bad == {Reason.UNKNOWN_PARENT: 2}


async def test_what_was_undone_since_stays_undone_and_a_block_refuses(settings: Settings, tmp_path: Path) -> None:
    follows = follows_file(tmp_path, "ada\tbob\nbob\tcy\n")
    await run_import(settings, follows, None, quiet())
    ids = {handle: user_id for user_id, handle in handles(settings.data_dir).items()}
    async with open_engine(settings) as engine:
        for verb, actor, target in ((Verb.UNFOLLOW, "ada", "bob"), (Verb.BLOCK, "cy", "ada")):
            await engine.log.append([RelationChanged(verb, ids[actor], ids[target], 1)])  # type: ignore[arg-type]
        assert await engine.drained(10.0)

    follows.write_text("ada\tbob\nbob\tcy\nada\tcy\ncy\tbob\n", encoding="utf-8")
    await run_import(settings, follows, None, quiet())

    assert followed(settings.data_dir) == {("bob", "cy"), ("cy", "bob")}


async def test_an_author_above_the_limit_in_the_end_is_pulled_from_the_first_id_on(tmp_path: Path) -> None:
    settings = Settings.for_tests(tmp_path / "data", push_limit=3)

    await run_import(settings, follows_file(tmp_path, "1\t9\n2\t9\n3\t9\n1\t8\n"), None, quiet())

    ids = {handle: user_id for user_id, handle in handles(settings.data_dir).items()}
    async with open_engine(settings) as engine:
        switches = await engine.services.home.policy.switches()
    assert switches == {ids["u9"]: (Switch(TweetId(0), Delivery.PULLED),)}


async def test_a_running_server_applies_what_is_imported_beside_it(tmp_path: Path) -> None:
    settings = Settings.for_tests(tmp_path / "data")
    follows = follows_file(tmp_path, "".join(f"{n}\t{n % 7 + 5_000}\n" for n in range(4_000)))

    async with ServerProcess(settings.data_dir):
        report = await run_import(settings, follows, tweets_file(tmp_path, THREAD), quiet())
        assert [tally.new for tally in report.tallies] == [4_000, 7]
        assert len(followed(settings.data_dir)) == 4_000


async def test_a_second_import_is_refused_and_told_who_is_at_work(settings: Settings, tmp_path: Path) -> None:
    with (
        DataFolder(settings.data_dir, "import", IMPORT_LOCK),
        pytest.raises(FolderTaken, match=r"`roost import` \(process \d+, since"),
    ):
        await run_import(settings, follows_file(tmp_path, "1\t2\n"), None, quiet())


def test_an_import_killed_at_any_moment_is_completed_by_the_next_one(tmp_path: Path) -> None:
    lot, data_dir = random.Random(), tmp_path / "data"
    pairs = list(dict.fromkeys((lot.randrange(900), lot.randrange(900, 1_800)) for _ in range(8_000)))
    rows: list[dict[str, object]] = [
        {"author": n % 300, "text": f"text {n}", "createdAt": n, "id": n} for n in range(3_000)
    ]
    for n in range(1_500, 3_000):
        rows[n] |= {"inReplyTo": lot.randrange(n)} if n % 2 else {"retweetOf": lot.randrange(1_500)}
    lot.shuffle(rows)
    retweets = {(row["author"], row["retweetOf"]) for row in rows if "retweetOf" in row}
    files = follows_file(tmp_path, "".join(f"{a}\t{b}\n" for a, b in pairs)), tweets_file(tmp_path, rows)
    command = [sys.executable, "-c", SMALL_STEPS, "import", "--follows", str(files[0]), "--tweets", str(files[1])]
    environ = {"ROOST_DATA_DIR": str(data_dir)}

    endings: list[int] = []
    for _ in range(KILLS):
        mark = _events(data_dir) + lot.randrange(EVENTS_BETWEEN_KILLS)
        with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and _events(data_dir) < mark:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_AGAIN_S)
            with suppress(subprocess.TimeoutExpired):
                process.wait(lot.uniform(0.0, 0.3))
            process.kill()
        endings.append(process.returncode)
    finished = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    assert endings[0] == -signal.SIGKILL
    assert set(endings) <= {-signal.SIGKILL, 0}
    assert followed(data_dir) == {(f"u{a}", f"u{b}") for a, b in pairs}
    assert asked(data_dir, "SELECT sum(followers), sum(following) FROM user_counts") == [(len(pairs), len(pairs))]
    texts = asked(data_dir, "SELECT text FROM tweets WHERE root_id IS NULL ORDER BY created_at_ms")
    assert texts == [(f"text {n}",) for n in range(3_000) if n < 1_500 or n % 2]
    assert asked(data_dir, "SELECT count(*) FROM tweets WHERE root_id IS NOT NULL") == [(len(retweets),)]
    assert asked(data_dir, "SELECT sum(replies), sum(retweets) FROM tweet_counts") == [(750, len(retweets))]


def _events(data_dir: Path) -> int:
    try:
        rows = asked(data_dir, "SELECT seq FROM sqlite_sequence", "log")
    except sqlite3.Error:
        return 0
    return int(str(rows[0][0])) if rows else 0
