"""What every `MediaStore` promises: files that are whole or not there, made once, and read from anywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from loaders.media_ports import MediaStore
from tests.contracts.media_stores import MEDIA_STORES

Open = Callable[[], AbstractAsyncContextManager[MediaStore]]
MIB = 1 << 20
LARGE = bytes(range(251)) * (11 * MIB // 251)
"""So much that no store takes it in one piece, and no two places near each other are alike."""


@pytest.fixture(params=MEDIA_STORES)
def open_media(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    url = "" if request.param == "folder" else request.getfixturevalue(f"{request.param}_url")
    return lambda: MEDIA_STORES[request.param](url, tmp_path / "files")


@pytest.fixture
async def store(open_media: Open) -> AsyncIterator[MediaStore]:
    async with open_media() as opened:
        yield opened


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def broken_off(content: bytes) -> AsyncIterator[bytes]:
    async for piece in pieces(content, 100_000):
        yield piece
    raise ConnectionResetError


async def read(store: MediaStore, name: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in store.read(name, start, end)])


async def test_a_file_is_made_once_and_never_changes(store: MediaStore) -> None:
    assert await store.put("media/17/about", b"first")

    assert not await store.put("media/17/about", b"second")
    assert not await store.receive("media/17/about", pieces(b"third", 2))

    assert await store.content("media/17/about") == b"first"
    assert await store.size("media/17/about") == 5


async def test_of_many_who_make_the_same_file_at_once_one_does(store: MediaStore) -> None:
    contents = [b"%d" % number for number in range(20)]

    made = await asyncio.gather(*(store.put("media/17/use", content) for content in contents))

    assert made.count(True) == 1
    assert await store.content("media/17/use") == contents[made.index(True)]


@pytest.mark.parametrize("content", [b"", b"one piece", LARGE], ids=["empty", "small", "large"])
async def test_what_is_received_is_there_whole_and_can_be_read_from_anywhere(store: MediaStore, content: bytes) -> None:
    name, size = "media/17/full.jpg", len(content)

    assert await store.receive(name, pieces(content, 70_001))

    assert await store.size(name) == size
    stretches = [(0, size), (0, 1), (3, 8), (size - 1, size), (size // 3, size // 2), (size - 2, size + 9), (4, 4)]
    for start, end in ((max(0, start), end) for start, end in stretches):
        assert await read(store, name, start, end) == content[start:end]
    assert await read(store, name, size, size + 5) == b""


async def test_chunks_that_are_read_are_bounded(store: MediaStore) -> None:
    await store.receive("media/17/full.mp4", pieces(LARGE, MIB))

    assert max([len(chunk) async for chunk in store.read("media/17/full.mp4", 0, len(LARGE))]) <= MIB


@pytest.mark.parametrize("content", [b"short", LARGE], ids=["small", "large"])
async def test_what_breaks_off_leaves_nothing(store: MediaStore, content: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        await store.receive("media/17/arrived", broken_off(content))

    assert await store.size("media/17/arrived") is None
    assert await store.names("media/17/", 10) == []
    assert await store.receive("media/17/arrived", pieces(content, MIB))
    assert await store.size("media/17/arrived") == len(content)


async def test_of_two_who_send_the_same_large_file_at_once_one_makes_it(store: MediaStore) -> None:
    one, other = LARGE, LARGE[::-1]

    made = await asyncio.gather(*(store.receive("media/17/arrived", pieces(each, MIB)) for each in (one, other)))

    assert sorted(made) == [False, True]
    assert await read(store, "media/17/arrived", 0, len(LARGE)) == (one if made[0] else other)


async def test_names_come_in_their_order_and_no_more_than_asked_for(store: MediaStore) -> None:
    looks = [f"looks/{due:013d}-{number}-gone" for number, due in enumerate((30, 4, 200, 1, 30, 7, 12))]
    for name in (*looks, "media/1/upload", "media/17/upload", "media/17/full.jpg", "media/17/320.webp"):
        await store.put(name, b"")

    assert await store.names("looks/", 5) == sorted(looks)[:5]
    assert await store.names("looks/", 100) == sorted(looks)
    assert await store.names("media/1/", 100) == ["media/1/upload"]
    assert await store.names("media/17/", 100) == ["media/17/320.webp", "media/17/full.jpg", "media/17/upload"]


async def test_what_is_removed_is_gone_alone_or_with_all_of_its_folder_and_can_be_made_again(
    store: MediaStore,
) -> None:
    files: Sequence[str] = [f"media/17/{name}" for name in ("about", "arrived", "upload", "use", "full.jpg")]
    for name in (*files, "media/171/about"):
        await store.put(name, b"old")

    await store.remove("media/17/about")
    assert await store.content("media/17/about") is None
    assert await store.names("media/17/", 10) == sorted(files[1:])

    await store.remove("media/17/")
    assert await store.names("media/17/", 10) == []
    assert await store.content("media/171/about") == b"old"
    assert await store.put("media/17/about", b"new")
    assert await store.content("media/17/about") == b"new"


async def test_what_is_not_there_is_no_error(store: MediaStore) -> None:
    assert await store.content("media/17/about") is None
    assert await store.size("media/17/about") is None
    assert await read(store, "media/17/about", 0, 10) == b""
    assert await store.names("looks/", 10) == []
    await store.remove("media/17/about")
    await store.remove("media/17/")


@pytest.mark.parametrize(
    "name", ["../secret", "media/../secret", "/media/1/a", "other/1", "media/a b", "media", "looks//a"]
)
async def test_no_name_leads_anywhere_else(store: MediaStore, name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        await store.put(name, b"")
    with pytest.raises(ValueError, match="no name"):
        await store.content(name)
    with pytest.raises(ValueError, match="no name"):
        await store.remove(name)


async def test_what_was_made_is_there_when_the_store_is_opened_again(open_media: Open) -> None:
    async with open_media() as store:
        await store.put("media/17/about", b"kept")
        await store.receive("media/17/full.jpg", pieces(LARGE, MIB))

    async with open_media() as again:
        assert await again.content("media/17/about") == b"kept"
        assert await read(again, "media/17/full.jpg", 0, len(LARGE)) == LARGE
