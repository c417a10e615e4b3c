"""Searching through GraphQL: what is found, by whom, in which order, and page by page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from realtime.worker import SEARCH
from tests.world import World, open_world

DOCUMENT = """query(
  $query: String!, $type: SearchType! = TWEETS, $first: Int, $after: String, $order: SearchOrder! = NEWEST
) {
  search(query: $query, type: $type, first: $first, after: $after, order: $order) {
    complete
    edges { cursor node { ... on Tweet { text } ... on User { handle } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    """A world whose searches rank five tweets together, and look twice for what may be shown."""
    async with open_world(tmp_path, search_ranked_max=10, scan_rounds_max=2) as world:
        yield world


def texts(page: Any) -> list[str]:
    return [edge["node"].get("text") or edge["node"]["handle"] for edge in page["edges"]]


async def search(world: World, query: str, viewer: str | None = None, **asked: Any) -> Any:
    return await world.ask(DOCUMENT, viewer, query=query, **asked)


async def found(world: World, query: str, viewer: str | None = None, **asked: Any) -> list[str]:
    return texts(await search(world, query, viewer, first=100, **asked))


async def paged(world: World, query: str, viewer: str | None = None, **asked: Any) -> list[str]:
    """Search to the end, page by page."""
    all_texts: list[str] = []
    page: Any = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        page = await search(world, query, viewer, after=page["pageInfo"]["endCursor"], **asked)
        all_texts += texts(page)
    return all_texts


async def test_a_new_tweet_is_found_without_log_in(world: World) -> None:
    await world.tweet("ada", "Hello café #Roost")
    await world.indexed()

    page = await search(world, "cafe hello")

    assert texts(page) == ["Hello café #Roost"]
    assert page["complete"] is True
    assert await found(world, "#roost from:ADA") == ["Hello café #Roost"]
    assert await found(world, "hello from:nobody") == await found(world, "hello -from:ada") == []


async def test_days_are_those_of_utc_and_until_leaves_its_own_day_out(world: World) -> None:
    await world.tweet("ada", "cat one")
    world.advance(86_400)
    await world.tweet("ada", "cat two")
    await world.indexed()

    assert await found(world, "cat since:2027-01-16") == ["cat two"]
    assert await found(world, "cat until:2027-01-16") == ["cat one"]
    assert await found(world, "cat since:2027-01-15 until:2027-01-17") == ["cat two", "cat one"]
    assert await found(world, "cat since:1000-01-01 until:9999-12-31") == ["cat two", "cat one"]


@pytest.mark.parametrize("order", ["NEWEST", "RELEVANCE"])
async def test_a_deleted_tweet_is_found_no_longer_before_the_index_has_heard_of_it(tmp_path: Path, order: str) -> None:
    async with open_world(tmp_path, search_gather_ms=900) as world:
        tweet_id = await world.tweet("ada", "a slip")
        await world.indexed()
        assert await found(world, "slip", order=order) == ["a slip"]

        await world.delete("ada", tweet_id)

        assert world.engine.positions.reached(SEARCH) < (await world.log.end())[0]
        assert await found(world, "slip", order=order) == []


@pytest.mark.parametrize("act", ["mute", "block"])
async def test_whom_the_viewer_hides_is_found_no_longer_at_once_and_by_others_still(world: World, act: str) -> None:
    await world.tweet("ada", "cat")
    await world.indexed()
    assert await found(world, "cat", "bob") == ["cat"]

    await getattr(world, act)("bob", "ada")

    assert await found(world, "cat", "bob") == await found(world, "cat", "bob", order="RELEVANCE") == []
    assert await found(world, "cat", "cy") == await found(world, "cat") == ["cat"]


async def test_whoever_blocks_the_viewer_is_found_no_longer_at_once(world: World) -> None:
    await world.tweet("ada", "cat")
    await world.indexed()

    await world.block("ada", "bob")

    assert await found(world, "cat", "bob") == []
    assert await found(world, "ada", "bob", type="USERS") == []
    assert await found(world, "ada", "cy", type="USERS") == ["ada"]


@pytest.mark.parametrize("order", ["NEWEST", "RELEVANCE"])
async def test_pages_go_to_the_end_without_a_seam_while_tweets_arrive(small: World, order: str) -> None:
    for number in range(25):
        await small.tweet("ada", f"cat number {number} {'cat ' * (number % 3)}".strip())
        small.advance(1)
    await small.indexed()
    whole = await paged(small, "cat", first=100, order=order)

    first = await search(small, "cat", first=4, order=order)
    await small.tweet("bob", "cat that came later")
    await small.indexed()
    shown = texts(first)
    page = first
    while page["pageInfo"]["hasNextPage"]:
        page = await search(small, "cat", first=4, order=order, after=page["pageInfo"]["endCursor"])
        shown += texts(page)

    assert shown == whole
    assert len(set(shown)) == 25
    assert first["pageInfo"]["hasPreviousPage"] is False
    assert page["pageInfo"]["hasPreviousPage"] is True


async def test_the_newest_come_first_unless_the_most_relevant_are_asked_for(world: World) -> None:
    for text in ("cat cat", "cat", "a cat among many other things that nobody asked for"):
        await world.tweet("ada", text)
        world.advance(1)
    await world.indexed()

    assert await found(world, "cat") == ["a cat among many other things that nobody asked for", "cat", "cat cat"]
    assert (await found(world, "cat", order="RELEVANCE"))[0] == "cat cat"

    world.advance(90 * 86_400)
    await world.tweet("ada", "a newer cat")
    await world.indexed()

    assert (await found(world, "cat", order="RELEVANCE"))[0] == "a newer cat"


@pytest.mark.parametrize("order", ["NEWEST", "RELEVANCE"])
async def test_a_page_is_full_while_there_is_more_behind_what_is_hidden(world: World, order: str) -> None:
    await world.many_tweets("ada", 3)
    await world.many_tweets("mallory", 120)
    await world.mute("bob", "mallory")
    await world.indexed()

    page = await search(world, "(1 OR 2 OR 3)", "bob", first=2, order=order)
    every = await search(world, " OR ".join(map(str, range(1, 61))), "bob", first=2, order=order)

    assert len(texts(page)) == 2
    assert texts(every) == ["3", "2"]
    assert every["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize("order", ["NEWEST", "RELEVANCE"])
async def test_a_search_that_is_given_up_says_so_and_goes_on_where_it_stopped(small: World, order: str) -> None:
    await small.tweet("ada", "cat")
    await small.accounts(["mallory"])
    for _ in range(40):
        await small.tweet("mallory", "cat")
    await small.mute("bob", "mallory")
    await small.indexed()

    page = await search(small, "cat", "bob", first=1, order=order)

    assert (texts(page), page["complete"], page["pageInfo"]["hasNextPage"]) == ([], False, True)
    assert await paged(small, "cat", "bob", first=1, order=order) == ["cat"]


async def test_accounts_are_found_most_followed_first_and_page_by_page(world: World) -> None:
    await world.accounts(["cat1", "cat2", "cat3", "dog"])
    await world.follow("dog", "cat2")
    await world.follow("cat1", "cat2")
    await world.follow("dog", "cat3")
    await world.indexed()

    assert await found(world, "cat", type="USERS") == ["cat2", "cat3", "cat1"]
    assert await paged(world, "@CAT", type="USERS", first=1) == ["cat2", "cat3", "cat1"]


@pytest.mark.parametrize(
    ("query", "given", "said"),
    [
        ('cat "dog', {}, "column 5"),
        ("", {}, "column 1"),
        ("x" * 501, {}, "column 501"),
        ("!", {"type": "USERS"}, "whom"),
        ("cat\0", {}, "Unicode"),
        ("cat", {"first": 0}, "first"),
        ("cat", {"after": "x"}, "cursor"),
        ("cat", {"order": "RELEVANCE", "after": "AXMAAAAAAAAAAQ"}, "cursor"),
    ],
)
async def test_bad_input_is_told(world: World, query: str, given: dict[str, Any], said: str) -> None:
    answer = await world.run(DOCUMENT, query=query, **given)

    assert answer.codes == ["BAD_USER_INPUT"]
    assert said in answer.errors[0]["message"]


async def test_the_place_of_a_mistake_is_a_number_for_programs(world: World) -> None:
    answer = await world.run(DOCUMENT, query="cat lang:english")

    assert answer.errors[0]["extensions"]["column"] == 10


async def test_a_cursor_of_another_search_is_refused(world: World) -> None:
    for text in ("cat dog", "cat"):
        await world.tweet("ada", text)
    await world.indexed()
    newest = (await search(world, "cat", first=1))["pageInfo"]["endCursor"]
    ranked = (await search(world, "cat", first=1, order="RELEVANCE"))["pageInfo"]["endCursor"]

    for query, order, after in (
        ("cat", "RELEVANCE", newest),
        ("cat", "NEWEST", ranked),
        ("cat dog", "RELEVANCE", ranked),
    ):
        assert (await world.run(DOCUMENT, query=query, order=order, after=after)).codes == ["BAD_USER_INPUT"]
