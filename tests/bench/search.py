"""Searching: how long it takes among 100,000 and 1,000,000 tweets, and how soon a new tweet is found."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from infra.adapters.sqlite.search_index import NEWEST, match_of
from infra.clocks import Clocks
from infra.embedded import Engine, open_engine, open_parts
from infra.sample.source import read_texts
from infra.settings import Settings
from loaders.ids import ID_MAX, imported_id
from loaders.records import TweetId, UserId
from loaders.search import SearchOrder, search_tweets, search_users
from loaders.search_query import QueryLimits, parse
from realtime.events import ImportedTweet, TweetPosted, TweetsImported
from realtime.worker import SEARCH
from tests.bench.figures import Figure, Target, percentile
from tests.bench.folders import EVENTS_AT_ONCE, ROWS_PER_EVENT, follow, make_users, put
from tests.bench.run import Run, as_server, in_child, run_loop

BENCH = "search"
SIZES_FULL, SIZES_QUICK = (100_000, 1_000_000), (20_000,)
AUTHORS, FOLLOWS = 5_000, 20_000
PAGE = 20
QUERIES = (
    "the", "de", "que", "love", "airport", "the love", "de la que el", '"of the"', "the -que", "que OR the",
    "(the OR de) (a OR la) -que", "zzzz", "the zzzz", "lang:es", "lang:th อากาศ", "อากาศ", "ดี", "คน", "ใน นี้",
    "❤", "😂 love", "#love", "@user the", "mujhe hai", "since:2020-01-01 para",
)  # fmt: skip
"""Frequent words and rare ones, of all scripts of the sample, alone, together and left out."""
NAMES = ("a", "author1", "author12", "author499", "nobody")
WEEK_MS = 7 * 86_400_000
INDEXED_S = 1_800.0
LAG_ROUNDS = 30


class Laps(NamedTuple):
    """Seconds of each kind of call, and what the index takes."""

    newest: Sequence[float]
    floor: Sequence[float]
    relevance: Sequence[float]
    users: Sequence[float]
    lags: Sequence[float]
    bytes_a_tweet: float


def run(run: Run) -> list[Figure]:
    """Measure each size."""
    return [figure for size in (SIZES_QUICK if run.is_quick else SIZES_FULL) for figure in _figures(run, size)]


def make_folder(data_dir: Path, count: int) -> None:
    """Make a data folder of so many tweets, whose texts are halves of the sample's, and wait for its index."""
    run_loop(_fill(data_dir, count))


def _figures(run: Run, size: int) -> Iterator[Figure]:
    data_dir = run.made(f"search-{size}", partial(make_folder, count=size))
    run.say(f"{BENCH}: {size:,} tweets")
    laps = in_child(_measure, data_dir, run.rounds(20, 5))
    named = f"{size:,} tweets"
    target = Target(below=50)
    floor, floor_name = 1000 * median(laps.floor), "FTS5 alone, on the thread that asks"
    yield _milliseconds(f"newest first, p50: {named}", laps.newest, 0.5, floor=floor, floor_name=floor_name)
    slow = 1000 * percentile(laps.floor, 0.99)
    yield _milliseconds(f"newest first, p99: {named}", laps.newest, 0.99, target, slow, floor_name)
    yield _milliseconds(f"by relevance, p50: {named}", laps.relevance, 0.5)
    yield _milliseconds(f"by relevance, p99: {named}", laps.relevance, 0.99, target)
    yield _milliseconds(f"accounts, p99: {named}, {AUTHORS:,} accounts", laps.users, 0.99, target)
    yield _milliseconds(f"a new tweet is found, p50: {named}", laps.lags, 0.5)
    yield _milliseconds(f"a new tweet is found, p99: {named}", laps.lags, 0.99, Target(below=1_000))
    yield Figure(BENCH, f"index: {named}", laps.bytes_a_tweet, "bytes a tweet")


def _milliseconds(
    name: str,
    laps: Sequence[float],
    share: float,
    target: Target | None = None,
    floor: float | None = None,
    floor_name: str = "",
) -> Figure:
    return Figure(BENCH, name, 1000 * percentile(laps, share), "ms", floor, floor_name, target)


async def _fill(data_dir: Path, count: int) -> None:
    rng = random.Random(7)
    texts = [(each.lang, *_halves(each.text)) for each in read_texts()]
    async with open_engine(Settings.for_tests(data_dir)) as engine:
        authors = await make_users(engine, [f"author{number}" for number in range(AUTHORS)])
        await follow(engine, list({(rng.choice(authors), rng.choice(authors)) for _ in range(FOLLOWS)}))
        end_ms = engine.clocks.now_ms()
        for start in range(0, count, ROWS_PER_EVENT * EVENTS_AT_ONCE):
            rows = []
            for number in range(start, min(count, start + ROWS_PER_EVENT * EVENTS_AT_ONCE)):
                (lang, begun, _), (_, _, ended) = rng.choice(texts), rng.choice(texts)
                at_ms = end_ms - WEEK_MS + WEEK_MS * number // count
                tweet = TweetPosted(
                    TweetId(imported_id(at_ms, number)), rng.choice(authors), begun + ended, at_ms, lang=lang
                )
                rows.append(ImportedTweet("", tweet))
            await put(
                engine, [TweetsImported(rows[at : at + ROWS_PER_EVENT]) for at in range(0, len(rows), ROWS_PER_EVENT)]
            )
        await _indexed(engine)


async def _indexed(engine: Engine) -> None:
    (end,) = await engine.log.end()
    if not await engine.positions.wait(SEARCH, end, INDEXED_S):
        raise RuntimeError(f"the index is not there after {INDEXED_S:.0f} s: {engine.faults}")


def _halves(text: str) -> tuple[str, str]:
    at = text.find(" ", len(text) // 2)
    return (text, "") if at < 0 else (text[:at], text[at:])


def _measure(data_dir: Path, rounds: int) -> Laps:
    as_server()
    return run_loop(_laps(data_dir, rounds))


async def _laps(data_dir: Path, rounds: int) -> Laps:
    settings = Settings.for_tests(data_dir)
    async with open_parts(settings, Clocks()) as engine:
        stores = engine.services.search

        async def tweets(order: SearchOrder, query: str) -> None:
            await search_tweets(None, query, order, PAGE, None, stores)

        async def users(name: str) -> None:
            await search_users(None, name, PAGE, None, stores)

        newest = await _timed(partial(tweets, SearchOrder.NEWEST), QUERIES, rounds)
        relevance = await _timed(partial(tweets, SearchOrder.RELEVANCE), QUERIES, rounds)
        named = await _timed(users, NAMES, rounds)
    floor = _floor(data_dir / "search.db", rounds)
    async with open_engine(settings) as engine:
        (author,) = (await engine.services.users.by_handles(["author1"])).values()
        lags = [await _lag(engine, author.id, number) for number in range(LAG_ROUNDS)]
        count = engine.store.connection.execute("SELECT count(*) FROM tweets").fetchone()[0]
    return Laps(newest, floor, relevance, named, lags, (data_dir / "search.db").stat().st_size / count)


async def _timed(call: Callable[[str], Awaitable[None]], given: Sequence[str], rounds: int) -> list[float]:
    laps: list[float] = []
    for number in range(rounds + 1):
        for each in given:
            began_s = time.perf_counter()
            await call(each)
            if number:
                laps.append(time.perf_counter() - began_s)
    return laps


def _floor(path: Path, rounds: int) -> list[float]:
    queries = [match_of(parse(each, QueryLimits()).root) for each in QUERIES]
    laps: list[float] = []
    with closing(sqlite3.connect(path)) as connection:
        for number in range(rounds + 1):
            for each in queries:
                began_s = time.perf_counter()
                connection.execute(NEWEST, (each, ID_MAX, 0, PAGE + 1)).fetchall()
                if number:
                    laps.append(time.perf_counter() - began_s)
    return laps


async def _lag(engine: Engine, author_id: UserId, number: int) -> float:
    """Return how long after its acknowledgement a tweet is first found."""
    # At another moment of the index's rounds each time.
    await asyncio.sleep(0.05 + 0.013 * number)
    now_ms = engine.clocks.now_ms()
    word = f"marker{now_ms}"
    await engine.log.append([TweetPosted(TweetId(engine.services.new_id()), author_id, word, now_ms)])
    began_s = time.perf_counter()
    while not (await search_tweets(None, word, SearchOrder.NEWEST, 1, None, engine.services.search)).ids:  # noqa: ASYNC110 - it is looked for
        await asyncio.sleep(0.002)
    return time.perf_counter() - began_s
