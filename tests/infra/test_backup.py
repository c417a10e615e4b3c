"""Backup of a data folder while it is written to, restoring it elsewhere, and the folder of the release before."""

import asyncio
import io
import json
import os
import sqlite3
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from infra.backup import Refused, back_up, restore
from infra.cli.audit import run_audit
from infra.cli.main import app
from infra.settings import Settings
from loaders.errors import NotFound, Unavailable
from tests.media_files import picture
from tests.uploads import uploads_to
from tests.world import World, open_world

FOLDERS = Path(__file__).parents[1] / "data" / "folders"
OLD_NOW_S = 1_750_003_600.0
"""An hour after the old folder was made."""
BACKUPS = 5
EPOCH = 4_711


def rows(path: Path, sql: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def audited(world: World) -> str:
    """Audit every account of a folder that nobody serves, and return what is printed."""
    shown = io.StringIO()
    assert await run_audit(world.settings, Console(file=shown, width=200), 1_000, None), shown.getvalue()
    return shown.getvalue()


async def write_until(stopped: asyncio.Event, world: World, acknowledged: list[str]) -> None:
    """Let ever new people sign up, post with keys, follow and delete."""
    while not stopped.is_set():
        handle = f"new{len(acknowledged)}"
        tweet_id = await world.tweet(handle, f"{handle} says hello", idempotencyKey=f"key-{handle}")
        await world.ask("Follow", "ada", id=await world.user_id(handle))
        gone = await world.tweet(handle, "a slip")
        await world.ask("DeleteTweet", handle, id=gone)
        acknowledged.append(tweet_id)


async def test_a_backup_made_while_people_write_holds_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    held: list[tuple[Path, int]] = []
    async with open_world(tmp_path / "data", push_limit=10) as world:
        stopped = asyncio.Event()
        writing = asyncio.ensure_future(write_until(stopped, world, acknowledged))
        for number in range(BACKUPS):
            for more in range(4):
                key = f"{number}-{more}"
                acknowledged.append(await world.tweet("ada", f"before backup {key}", idempotencyKey=key))
            held.append((tmp_path / f"{number}.backup", len(acknowledged)))
            await asyncio.to_thread(back_up, world.settings, held[-1][0], time.time)
        stopped.set()
        await writing

    for number, (file, count) in enumerate(held):
        folder = tmp_path / f"restored-{number}"
        restore(Settings.for_tests(folder), file, lambda: EPOCH)
        keeps_the_order_of_writing(folder)
        async with open_world(folder, push_limit=10) as restored:
            await restored.drained()
            for tweet_id in acknowledged[:count]:
                found = await restored.ask("Refetch", "ada", id=tweet_id)
                assert found is not None, f"{tweet_id} is missing in backup {number}"
        assert "nothing missing, unexpected or double" in await audited(restored)


def keeps_the_order_of_writing(folder: Path) -> None:
    """Check that each file holds what the next one needs: the store of the log, the log of the accounts."""
    ((applied,),) = rows(folder / "store.db", "SELECT log_offset FROM positions WHERE consumer_group = 'store'")
    events = [json.loads(str(row[0])) for row in rows(folder / "log.db", "SELECT payload FROM events")]
    posted = [event for event in events if event["type"] == "TweetPosted" and event["text"] != "a slip"]
    users = {row[0] for row in rows(folder / "accounts.db", "SELECT id FROM users")}
    keyed = {row[0] for row in rows(folder / "accounts.db", "SELECT tweet_id FROM idempotency_keys")}
    assert applied <= len(events)
    assert {event["author_id"] for event in posted} <= users
    assert {event["id"] for event in posted} <= keyed


async def test_what_a_backup_did_not_hold_may_be_posted_again_and_older_live_cursors_get_a_reset(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path / "data") as world:
        before = await world.tweet("ada", "kept", idempotencyKey="kept")
        back_up(world.settings, tmp_path / "backup", time.time)
        await world.tweet("ada", "lost", idempotencyKey="lost")
        cursor = (await world.ask("HomeTimeline", "ada", first=5))["liveCursor"]
    restore(Settings.for_tests(tmp_path / "other"), tmp_path / "backup", lambda: EPOCH)

    async with open_world(tmp_path / "other") as world:
        again = await world.tweet("ada", "kept", idempotencyKey="kept")
        await world.tweet("ada", "lost", idempotencyKey="lost")
        stream = await world.stream("ada", after=cursor)

        assert again == before
        assert [edge["node"]["text"] for edge in (await world.ask("HomeTimeline", "ada", first=5))["edges"]] == [
            "lost",
            "kept",
        ]
        assert (await stream.next())["__typename"] == "TimelineReset"


async def test_a_backup_overwrites_nothing_and_nothing_is_restored_over_data(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data") as world:
        await world.tweet("ada", "hello")
        settings = world.settings
    file, taken = tmp_path / "backup", tmp_path / "taken"
    back_up(settings, file, time.time)
    taken.write_text("mine", encoding="utf-8")

    with pytest.raises(Refused, match="exists already"):
        back_up(settings, taken, time.time)
    with pytest.raises(Refused, match="not empty"):
        restore(settings, file, lambda: EPOCH)
    with pytest.raises(NotFound, match="nothing to back up"):
        back_up(Settings.for_tests(tmp_path / "nowhere"), tmp_path / "second", time.time)

    assert taken.read_text(encoding="utf-8") == "mine"
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(os.listdir(tmp_path)) == {"data", "backup", "taken"}  # noqa: PTH208


@pytest.mark.parametrize("cut", [0.3, 0.9])
async def test_a_backup_that_is_cut_off_or_was_changed_restores_nothing(tmp_path: Path, cut: float) -> None:
    async with open_world(tmp_path / "data") as world:
        await world.tweet("ada", "hello")
        back_up(world.settings, tmp_path / "backup", time.time)
    whole = (tmp_path / "backup").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(cut * len(whole))])
    changed(tmp_path / "backup", tmp_path / "changed")

    for name in ("cut", "changed"):
        with pytest.raises((Refused, Unavailable)):
            restore(Settings.for_tests(tmp_path / "other"), tmp_path / name, lambda: EPOCH)

    assert not (tmp_path / "other").exists()


def changed(source: Path, target: Path) -> None:
    """Pack a backup anew with one byte of a text in its store changed."""
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old:
            content = (old.extractfile(member) or io.BytesIO()).read()
            new.addfile(member, io.BytesIO(content.replace(b"hello", b"hallo")))


async def test_a_folder_of_the_release_before_opens_answers_the_same_and_goes_on(tmp_path: Path) -> None:
    expected = old_folder(tmp_path / "data")
    async with old_world(tmp_path / "data") as world:
        for handle, texts in expected["homes"].items():
            assert await world.home(handle, first=100) == texts
            assert set(map(tuple, (await world.audit(handle)).values())) == {()}
        page = await world.page("ada", first=10, after=expected["after"])
        assert [edge["node"]["id"] for edge in page["edges"]] == expected["next"]
        stream = await world.stream("ada", after=expected["live"])
        fresh = await world.tweet("bob", "after the update")
        again = await world.tweet("ada", "posted with a key", idempotencyKey="key-1")

        assert (await stream.next())["tweet"]["id"] == fresh
        assert again == expected["ids"]["keyed"]
        assert await world.home("ada", first=1) == ["after the update"]

    assert "checked 19 timelines" in await audited(world)


async def test_a_folder_of_the_release_before_can_be_backed_up_and_restored_as_it_is(tmp_path: Path) -> None:
    expected = old_folder(tmp_path / "data")
    back_up(Settings.for_tests(tmp_path / "data"), tmp_path / "backup", time.time)
    restore(Settings.for_tests(tmp_path / "other"), tmp_path / "backup", lambda: EPOCH)

    async with old_world(tmp_path / "other") as world:
        assert {handle: await world.home(handle) for handle in expected["homes"]} == expected["homes"]


def test_the_commands_say_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_folder(tmp_path / "data")

    backed_up = roost(monkeypatch, tmp_path / "data", "backup", str(tmp_path / "file"))
    restored = roost(monkeypatch, tmp_path / "other", "restore", str(tmp_path / "file"))
    again = roost(monkeypatch, tmp_path / "other", "restore", str(tmp_path / "file"))

    assert (backed_up.exit_code, restored.exit_code, again.exit_code) == (0, 0, 1)
    assert "19 accounts, 59 tweets and retweets, the log up to 91" in backed_up.output
    assert "19 accounts, 59 tweets and retweets, the log up to 91" in restored.output
    assert "is not empty" in again.output
    assert (tmp_path / "other" / "token.key").read_bytes() == (tmp_path / "data" / "token.key").read_bytes()


def roost(monkeypatch: pytest.MonkeyPatch, data_dir: Path, *arguments: str) -> Result:
    for name in [name for name in os.environ if name.startswith("ROOST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ROOST_DATA_DIR", str(data_dir))
    return CliRunner().invoke(app, arguments)


@asynccontextmanager
async def old_world(folder: Path) -> AsyncIterator[World]:
    """Open what `old_folder` unpacked, an hour after it was made."""
    world = World(folder, push_limit=8)
    world.now_s = OLD_NOW_S
    await world.open()
    try:
        yield world
    finally:
        await world.close()


def old_folder(folder: Path) -> dict[str, Any]:
    """Unpack the data folder that the release before made, and return what that release answered."""
    folder.mkdir()
    with tarfile.open(FOLDERS / "before-the-cluster.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    found: dict[str, Any] = json.loads((FOLDERS / "before-the-cluster.json").read_text(encoding="utf-8"))
    return found


async def test_a_backup_holds_the_media_of_its_tweets(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data") as world, uploads_to(world) as uploads:
        media_id = await uploads.medium("ada", picture(size=(60, 40)))
        tweet_id = await world.tweet("ada", "look", mediaIds=[media_id])
        media = (await world.ask("Conversation", id=tweet_id))["media"]
        content = (await uploads.http.get(media[0]["url"])).content
        back_up(world.settings, tmp_path / "backup", time.time)

    restore(Settings.for_tests(tmp_path / "other"), tmp_path / "backup", lambda: EPOCH)

    async with open_world(tmp_path / "other") as world, uploads_to(world) as uploads:
        assert (await world.ask("Conversation", id=tweet_id))["media"] == media
        assert (await uploads.http.get(media[0]["url"])).content == content
        used = await world.run("PostTweet", "ada", input={"text": "again", "mediaIds": [media_id]})
        assert used.user_errors == ["MEDIUM_IN_USE"]
