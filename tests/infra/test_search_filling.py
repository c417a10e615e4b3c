"""Filling the search index: from the log, and anew from the stores, while searching goes on."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.adapters.sqlite.search_filling import SearchFilling
from infra.cli.rebuild import rebuild_search
from infra.data_folder import DataFolder, announced
from realtime.worker import SEARCH
from tests.answers import WAIT_S
from tests.infra.test_backup import old_folder, old_world
from tests.media_files import picture
from tests.uploads import uploads_to
from tests.world import World, open_world

LATER_MAX = 50
FOUND = """query($query: String!, $type: SearchType! = TWEETS) {
  search(query: $query, type: $type, first: 100) {
    complete edges { node { ... on Tweet { text } ... on User { handle } } }
  }
}"""


async def found(world: World, query: str, **given: Any) -> list[str]:
    page = await world.ask(FOUND, query=query, **given)
    return [edge["node"].get("text") or edge["node"]["handle"] for edge in page["edges"]]


async def is_complete(world: World) -> bool:
    return bool((await world.ask(FOUND, query="cat"))["complete"])


async def made_anew(world: World) -> None:
    """Wait until the index is whole and nobody asks for another."""
    async with asyncio.timeout(WAIT_S):
        while world.engine.search.is_asked_anew:
            await world.indexed()
    await world.indexed()


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


@asynccontextmanager
async def populated(folder: Path) -> AsyncIterator[World]:
    async with open_world(folder) as world:
        await world.tweet("ada", "cat one")
        await world.delete("ada", await world.tweet("ada", "cat two"))
        await world.tweet("bob", "cat three")
        await world.follow("bob", "ada")
        await world.indexed()
        yield world


async def test_a_folder_of_the_release_before_is_searched_like_any_other(tmp_path: Path) -> None:
    expected = old_folder(tmp_path / "data")
    async with old_world(tmp_path / "data") as world:
        await world.indexed()

        assert await is_complete(world)
        assert expected["homes"]["ada"][0] in await found(world, f'"{expected["homes"]["ada"][0]}"')
        assert await found(world, "ada", type="USERS") == ["ada"]


async def test_what_the_log_no_longer_holds_is_indexed_from_the_store_and_until_then_answers_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with populated(tmp_path):
        pass
    (tmp_path / "search.db").unlink()
    change(tmp_path / "log.db", "DELETE FROM events")
    may_begin, make_anew = asyncio.Event(), SearchFilling.make_anew

    async def held(filling: SearchFilling, batch_size: int) -> None:
        await may_begin.wait()
        await make_anew(filling, batch_size)

    monkeypatch.setattr(SearchFilling, "make_anew", held)
    async with open_world(tmp_path) as world:
        await world.tweet("ada", "cat four")
        await world.indexed()
        assert await found(world, "cat") == ["cat four"]
        assert not await is_complete(world)
        assert (await world.engine.states())[SEARCH] == {
            "ready": True,
            "lag_events": 0,
            "lag_s": 0.0,
            "complete": False,
        }

        may_begin.set()
        await made_anew(world)

        assert await found(world, "cat") == ["cat four", "cat three", "cat one"]
        assert await found(world, "b", type="USERS") == ["bob"]
        assert await is_complete(world)
        assert (await world.engine.states())[SEARCH]["complete"] is True


async def test_searching_and_posting_go_on_while_the_index_is_made_anew(tmp_path: Path) -> None:
    async with populated(tmp_path) as world:
        change(tmp_path / "search.db", "DELETE FROM tweets WHERE words = 'cat one'")
        assert await found(world, "cat") == ["cat three"]
        gone = await world.tweet("ada", "cat that goes")
        world.engine.search.ask_anew()
        later: list[str] = []

        while world.engine.search.is_asked_anew:
            if len(later) < LATER_MAX:
                later.insert(0, f"cat later {len(later)}")
                await world.tweet("ada", later[0])
            if len(later) == 2:
                await world.ask("DeleteTweet", "ada", id=gone)
            await world.indexed()
            texts = await found(world, "cat -goes")
            assert [text for text in texts if text != "cat one"] == [*later, "cat three"]
            assert await is_complete(world)

        assert await found(world, "cat") == [*later, "cat three", "cat one"]
        left = await asyncio.to_thread(lambda: {each.name for each in tmp_path.glob("search*")})
        assert left == {"search.db", "search.db-wal", "search.db-shm"}


async def test_a_restart_goes_on_where_the_index_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with populated(tmp_path) as world:
        position = world.engine.search.position
        seen: list[int] = []
        apply = SearchFilling.apply

        async def watched(filling: SearchFilling, batch: Any, previous: int = 0) -> None:
            seen.extend(logged.offset for logged in batch)
            await apply(filling, batch, previous)

        monkeypatch.setattr(SearchFilling, "apply", watched)
        await world.restart()
        await world.tweet("ada", "cat five")
        await world.indexed()

        assert seen == [position + 1]
        assert await found(world, "cat") == ["cat five", "cat three", "cat one"]
        assert await is_complete(world)


@pytest.mark.parametrize("what", ["another log", "damaged", "half made"])
async def test_an_index_that_cannot_be_followed_is_made_anew(tmp_path: Path, what: str) -> None:
    async with populated(tmp_path):
        pass
    match what:
        case "another log":
            change(tmp_path / "search.db", "DELETE FROM tweets")
            change(tmp_path / "log.db", "UPDATE identity SET epoch = epoch + 1")
        case "damaged":
            (tmp_path / "search.db").write_bytes(b"this is no database, or none any more" * 1_000)
        case _:
            change(tmp_path / "search.db", "DELETE FROM tweets")
            change(tmp_path / "search.db", "UPDATE state SET value = 0 WHERE name = 'is_whole'")
            (tmp_path / "search-anew.db").write_bytes(b"what a killed process left")

    async with open_world(tmp_path) as world:
        await made_anew(world)

        assert await found(world, "cat") == ["cat three", "cat one"]
        assert await is_complete(world)


async def test_the_command_has_the_index_made_anew_with_and_without_a_server(tmp_path: Path) -> None:
    console = Console(quiet=True)
    async with populated(tmp_path) as world:
        change(tmp_path / "search.db", "DELETE FROM tweets")
        with DataFolder(tmp_path, "serve"), announced(tmp_path, "http://127.0.0.1:1"):
            await rebuild_search(world.settings, console)
        assert await found(world, "cat") == ["cat three", "cat one"]
    change(tmp_path / "search.db", "DELETE FROM tweets")

    await rebuild_search(world.settings, console)

    async with open_world(tmp_path) as world:
        assert await found(world, "cat") == ["cat three", "cat one"]


async def test_a_tweet_with_media_is_found_by_it_also_once_the_index_was_made_anew(tmp_path: Path) -> None:
    async with populated(tmp_path) as world, uploads_to(world) as uploads:
        await world.tweet("ada", "look", mediaIds=[await uploads.medium("ada", picture(size=(60, 40)))])
        await world.indexed()
        assert await found(world, "has:media") == ["look"]
        assert await found(world, "cat -has:media") == ["cat three", "cat one"]

        world.engine.search.ask_anew()
        await made_anew(world)

        assert await found(world, "has:media") == ["look"]
