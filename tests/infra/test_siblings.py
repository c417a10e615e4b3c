"""Several gateways of one port tell of all of them, whichever is asked, and their series add up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.siblings import Siblings, merged
from tests.prometheus import needs_prometheus, promtool

MANY_BYTES = 1_000_000


def text_of(posts: int) -> bytes:
    return (
        "# HELP posts_total Posts\n# TYPE posts_total counter\n"
        f"posts_total {posts}\n"
        '# HELP took_seconds Times, in { "seconds" }\n# TYPE took_seconds histogram\n'
        f'took_seconds_bucket{{operation="a b",le="+Inf"}} {posts}\n'
        f'took_seconds_count{{operation="a b"}} {posts}\ntook_seconds_sum{{operation="a b"}} {posts / 2}\n'
    ).encode()


def summed(text: str, name: str) -> float:
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return sum(sample.value for sample in samples if sample.name == name)


class Telling:
    """One of three gateways."""

    def __init__(self, folder: Path, place: int, posts: int) -> None:
        self.siblings, self.posts = Siblings(folder, place, 3), posts

    async def own(self) -> bytes:
        return text_of(self.posts)

    async def text(self) -> str:
        return (await self.siblings.text(self.own)).decode()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as one:
        yield one


async def test_whoever_is_asked_tells_of_all_and_all_add_up(tmp_path: Path, stack: AsyncExitStack) -> None:
    three = [Telling(tmp_path, place, posts) for place, posts in enumerate((1, 20, 300))]
    for one in three:
        await stack.enter_async_context(one.siblings.answering(one.own))

    texts = [await one.text() for one in three]

    assert 'posts_total{worker="2"} 300' in texts[0]
    assert 'took_seconds_count{worker="1",operation="a b"} 20' in texts[0]
    assert texts[0] == texts[1] == texts[2]
    assert [summed(texts[0], name) for name in ("posts_total", "took_seconds_sum", "roost_worker_up")] == [
        321,
        160.5,
        3,
    ]


async def test_a_long_answer_comes_whole(tmp_path: Path, stack: AsyncExitStack) -> None:
    asked, telling = Telling(tmp_path, 0, 1), Siblings(tmp_path, 1, 3)
    line = "# HELP long Long\n# TYPE long gauge\nlong 7 " + " " * MANY_BYTES

    async def own() -> bytes:
        return line.encode()

    await stack.enter_async_context(telling.answering(own))

    assert len(await asked.text()) > MANY_BYTES


async def test_one_that_is_gone_or_hangs_is_told_as_silent(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.siblings.ANSWER_S", 0.1)
    never = asyncio.Event()

    async def hang() -> bytes:
        await never.wait()
        return b""

    asked = Telling(tmp_path, 0, 1)
    await stack.enter_async_context(Siblings(tmp_path, 1, 3).answering(hang))
    stack.callback(never.set)

    text = await asked.text()

    assert summed(text, "posts_total") == 1
    assert [f'roost_worker_up{{worker="{place}"}} {up}' in text for place, up in enumerate((1, 0, 0))] == [True] * 3


async def test_a_successor_answers_while_its_predecessor_ends(tmp_path: Path, stack: AsyncExitStack) -> None:
    asked, old, new = Telling(tmp_path, 0, 0), Telling(tmp_path, 1, 1), Telling(tmp_path, 1, 20)
    ending = AsyncExitStack()
    await ending.enter_async_context(old.siblings.answering(old.own))
    await stack.enter_async_context(new.siblings.answering(new.own))
    assert summed(await asked.text(), "posts_total") == 20

    await ending.aclose()

    assert summed(await asked.text(), "posts_total") == 20


@needs_prometheus
def test_promtool_has_nothing_to_say_against_what_was_merged() -> None:
    text = merged({"0": text_of(1), "1": text_of(2), "2": None})

    assert promtool("check", "metrics", given=text) == (0, "")
