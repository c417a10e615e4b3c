"""From one machine to many: a data folder copied into a cluster, killed midway, and everything that stays valid."""

import asyncio
import io
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from infra.auth import JwtTokens, signing_key
from infra.cli.audit import run_audit
from infra.cluster.parts import Connected
from infra.moving.progress import PROGRESS_FILE
from infra.moving.run import migrate_to
from infra.settings import Settings
from infra.settings_given import SettingsError
from loaders.errors import Unavailable
from loaders.global_ids import decode_id
from loaders.records import UserId
from tests.cluster.clusters import ServedWorld, new_cluster, served, workers
from tests.contracts.s3_adapters import prefix_url
from tests.infra.test_backup import old_folder
from tests.media_files import picture
from tests.server_process import COMMAND, LOOK_AGAIN_S, PASSWORD, ROOT
from tests.servers import cassandra_url, kafka_url, redis_url, s3_url
from tests.uploads import uploads_to
from tests.world import World, open_world

__all__ = ["cassandra_url", "kafka_url", "redis_url", "s3_url"]
pytestmark = pytest.mark.cluster

OLD_PUSH_LIMIT = 8
WRITERS, TWEETS_EACH = 30, 80
TOLD = "{ notifications(first: 100) { edges { node { kind isRead actor { handle } tweet { id } } } } }"
KILLED_WITHIN_S = 120.0


async def copied(source: Settings, target: Settings) -> tuple[bool, str]:
    """Copy, and return whether both hold the same, and what was printed."""
    shown = io.StringIO()
    return await migrate_to(source, target, Console(file=shown, width=200)), shown.getvalue()


def key_of(folder: Path) -> str:
    return f"hex:{(folder / 'token.key').read_bytes().hex()}"


async def test_a_folder_of_the_release_before_moves_with_all_that_clients_hold_on_to(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    expected = old_folder(tmp_path / "data")
    source = Settings.for_tests(tmp_path / "data")
    stranger = await new_cluster(request, tmp_path / "cluster", push_limit=OLD_PUSH_LIMIT)
    with pytest.raises(SettingsError, match=r"od -An -v -tx1 .*token\.key"):
        await copied(source, stranger)
    urls = {name: getattr(stranger, name) for name in Settings.described() if name.endswith("_url")}
    parts = {"log_partitions": 3, "like_partitions": 1, "push_limit": OLD_PUSH_LIMIT}
    target = Settings.for_tests(tmp_path / "cluster", **urls, **parts, token_key=key_of(tmp_path / "data"))

    async with workers(target) as connected:
        is_same, shown = await copied(source, target)
        assert is_same, shown
        async with served(target, connected) as world:
            await holds_what_it_held(world, expected)
        ada = decode_id(expected["accounts"]["ada"], "User")[1]
        token = JwtTokens(signing_key(source), time.time, 3_600).issue(UserId(ada)).text
        assert JwtTokens(signing_key(target), time.time, 3_600).read(token).user_id == ada
        audited = io.StringIO()
        assert await run_audit(target, Console(file=audited, width=200), 30, None), audited.getvalue()

        is_same, shown = await copied(source, target)
        assert "holds this folder already" in shown
        async with open_world(tmp_path / "another") as another:
            await another.tweet("ada", "hello")
        (tmp_path / "another" / "token.key").unlink()
        with pytest.raises(Unavailable, match="another data folder"):
            await copied(another.settings, target)


async def holds_what_it_held(world: ServedWorld, expected: dict[str, Any]) -> None:
    await world.know(*expected["homes"], "fan1", "star")
    for handle, texts in expected["homes"].items():
        assert await world.home(handle, first=100) == texts, handle
    page = await world.page("ada", first=10, after=expected["after"])
    assert [edge["node"]["id"] for edge in page["edges"]] == expected["next"]
    assert await world.ask("Refetch", "ada", id=expected["ids"]["ada/1"]) is None
    viewer = await world.ask("LogIn", input={"handle": "ada", "password": PASSWORD})
    assert viewer["viewer"]["id"] == expected["accounts"]["ada"]
    assert (await world.ask("Viewer", "ada"))["bio"] == "sums and engines"
    stream = await world.stream("ada", after=str(expected["live"]))
    assert (await stream.next())["__typename"] == "TimelineReset"
    fresh = await world.tweet("bob", "from the cluster")
    assert (await stream.next())["tweet"]["id"] == fresh
    assert await world.home("ada", first=1) == ["from the cluster"]


async def told(world: World) -> list[tuple[str, str, str | None, bool]]:
    """Return what the first writer is told of, whom by, and whether it was read."""
    edges = (await world.ask(TOLD, "writer0"))["edges"]
    nodes = [edge["node"] for edge in edges]
    return [(n["kind"], n["actor"]["handle"], n["tweet"] and n["tweet"]["id"], n["isRead"]) for n in nodes]


async def lively_folder(folder: Path) -> Settings:
    """Make a folder with all that can be done, again and again, and undone; return its settings."""
    async with open_world(folder) as world:
        handles = [f"writer{number}" for number in range(WRITERS)]
        for number, handle in enumerate(handles):
            await world.many_tweets(handle, TWEETS_EACH)
            await world.follow(handle, handles[number - 1])
            await world.follow(handle, handles[number - 2])
        loved = await world.tweet("writer0", "loved", idempotencyKey="loved")
        for handle in handles[1:9]:
            await world.like(handle, loved)
            for _ in range(3):
                await world.retweet(handle, loved)
                await world.undo(handle, loved)
        for handle in handles[1:5]:
            await world.retweet(handle, loved)
            await world.unlike(handle, loved)
        answer = await world.reply("writer1", loved, "an answer")
        await world.quote("writer2", answer, "a quote")
        await world.delete("writer1", answer)
        await world.unfollow("writer5", "writer4")
        await world.mute("writer6", "writer5")
        await world.block("writer7", "writer6")
        await world.block("writer8", "writer7")
        await world.unblock("writer8", "writer7")
        await world.ask("UpdateProfile", "writer9", input={"bio": "twice"})
        await world.drained()
        edges = (await world.ask("Notifications", "writer0"))["edges"]
        await world.ask("MarkNotificationsRead", "writer0", upTo=edges[2]["cursor"])
    return world.settings


async def test_media_move_with_the_tweets_and_the_profiles_that_show_them(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    content = picture(size=(900, 600))
    async with open_world(tmp_path / "data") as folder, uploads_to(folder) as uploads:
        tweet_id = await folder.tweet("ada", "look", mediaIds=[await uploads.medium("ada", content, altText="a hat")])
        gone = await folder.tweet("ada", "gone", mediaIds=[await uploads.medium("ada", content)])
        await folder.delete("ada", gone)
        await folder.ask("UpdateProfile", "ada", input={"avatarMediaId": await uploads.medium("ada", content)})
        began = await uploads.sent("ada", content)
        expected = (await folder.ask("Conversation", "ada", id=tweet_id))["media"]
        source = folder.settings
    bucket = prefix_url(request.getfixturevalue("s3_url"), f"moved{time.time_ns()}")
    key = key_of(tmp_path / "data")
    target = await new_cluster(request, tmp_path / "cluster", token_key=key, media_url=bucket)
    with pytest.raises(SettingsError, match="ROOST_MEDIA_URL: the folder holds media"):
        await copied(source, replace(target, media_url="folder://"))

    async with workers(target) as connected:
        is_same, shown = await copied(source, target)
        assert is_same, shown
        assert "files of media" in shown
        async with served(target, connected) as world, uploads_to(world, now_s=time.time) as moved:
            await world.know("ada")
            assert (await world.ask("Conversation", "ada", id=tweet_id))["media"] == expected
            avatar = (await world.ask("Viewer", "ada"))["avatarUrl"]
            urls = [avatar, expected[0]["url"]]
            assert [(await moved.http.get(url)).status_code for url in urls] == [200, 200]
            assert (await moved.complete("ada", began))["userErrors"] == []
            await connected.parts.media.remove(f"{expected[0]['url'].lstrip('/')}")
        is_same, shown = await copied(source, target)
        assert (is_same, "DIFFERENT" in shown) == (False, True)


async def test_a_copy_that_is_killed_goes_on_and_nothing_is_there_twice(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = await lively_folder(tmp_path / "data")
    async with open_world(tmp_path / "data") as folder:
        expected = await told(folder)
    target = await new_cluster(request, tmp_path / "cluster", token_key=key_of(tmp_path / "data"))
    async with workers(target) as connected:
        for done in ("accounts", "deletions", "follows"):
            await asyncio.to_thread(killed_after, done, source, target)
        is_same, shown = await copied(source, target)
        assert is_same, shown
        assert await twice_over(connected) == []
        async with served(target, connected) as world:
            await world.know("writer0", "writer9")
            again = await world.tweet("writer0", "loved", idempotencyKey="loved")
            assert await told(world) == expected
            assert [is_read for *_, is_read in expected[:4]] == [False, False, True, True]
            found = await world.ask("Refetch", "writer0", id=again)
            assert found["text"] == "loved"
            (changed,) = await connected.parts.users.get_many([await world.account("writer9")])
            assert changed is not None
            assert (changed.bio, changed.profile_version) == ("twice", 2)

    async with open_world(tmp_path / "data") as folder:
        await folder.tweet("writer0", "one more")
    with pytest.raises(Unavailable, match="written to since"):
        async with workers(target):
            await copied(source, target)


def killed_after(done: str, source: Settings, target: Settings) -> None:
    """Run the command, and kill it once it has sent all of a kind."""
    file = source.data_dir.with_name("cluster.env")
    names = [name for name in Settings.described() if name.endswith(("_url", "_partitions")) or name == "token_key"]
    file.write_text("".join(f"ROOST_{name.upper()}={getattr(target, name)}\n" for name in names), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ROOST_")}
    environ["ROOST_DATA_DIR"] = str(source.data_dir)
    with subprocess.Popen([*COMMAND, "migrate-to", "--env", str(file)], cwd=ROOT, env=environ) as process:
        until = time.monotonic() + KILLED_WITHIN_S
        while done not in noted(source.data_dir) and process.poll() is None and time.monotonic() < until:
            time.sleep(LOOK_AGAIN_S)
        process.send_signal(signal.SIGKILL)
    assert done in noted(source.data_dir)


def noted(folder: Path) -> Sequence[str]:
    path = folder / PROGRESS_FILE
    return list(orjson.loads(path.read_bytes())["done"]) if path.exists() else []


async def twice_over(connected: Connected) -> list[tuple[str, int, int]]:
    """Return the lists that do not have as many rows as there are entries or follows."""

    async def count(text: str) -> int:
        return len(await connected.session.rows(text))

    tweets = await connected.session.rows("SELECT id, root_id FROM tweets_by_id")
    standing = await connected.session.rows("SELECT standing, kind FROM relations")
    follows = sum(1 for stands, kind in standing if stands and kind == 0)
    wanted = {
        "entries_by_author": len(tweets),
        "retweets_by_tweet": sum(1 for _, root_id in tweets if root_id is not None),
        "followees": follows,
        "followers": follows,
    }
    found = {table: await count(f"SELECT * FROM {table}") for table in wanted}
    return [(table, number, found[table]) for table, number in wanted.items() if found[table] != number]
