"""Imports into a cluster: every row once, whatever is imported again or breaks off, in whichever partition it is."""

import asyncio
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from infra.cli.audit import run_audit
from infra.importer.report import Report
from infra.importer.run import run_import
from infra.settings import Settings
from loaders.records import Delivery, Switch, TweetId
from tests.answers import WAIT_S
from tests.cluster.clusters import new_cluster, served, workers
from tests.servers import cassandra_url, kafka_url, redis_url

__all__ = ["cassandra_url", "kafka_url", "redis_url"]
pytestmark = pytest.mark.cluster

PUSH_LIMIT = 10
FANS, AUTHORS, TWEETS_EACH = 12, 9, 60


def files(folder: Path) -> tuple[Path, Path]:
    """Write follows and tweets: many fans of one star, a ring of authors, answers and retweets across authors."""
    follows, tweets = folder / "follows.tsv", folder / "tweets.jsonl"
    pairs = [(f"fan{number}", "star") for number in range(FANS)]
    pairs += [(f"author{number}", f"author{(number + 1) % AUTHORS}") for number in range(AUTHORS)]
    follows.write_text("".join(f"{one}\t{other}\n" for one, other in pairs), encoding="utf-8")
    rows: list[dict[str, object]] = [
        {
            "id": f"{author}-{number}",
            "author": f"author{author}",
            "text": f"{author} says {number}",
            "createdAt": at(number),
        }
        for number in range(TWEETS_EACH)
        for author in range(AUTHORS)
    ]
    rows.append({"id": "answer", "author": "author0", "text": "an answer", "createdAt": at(900), "inReplyTo": "1-3"})
    rows.append({"id": "retweet", "author": "author0", "createdAt": at(901), "retweetOf": "5-7"})
    rows.append({"id": "star", "author": "star", "text": "from the star", "createdAt": at(902)})
    tweets.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return follows, tweets


def at(number: int) -> int:
    return 1_700_000_000 + number


async def imported(settings: Settings, follows: Path | None, tweets: Path | None) -> Report:
    return await run_import(settings, follows, tweets, Console(file=io.StringIO(), width=200))


def outcomes(report: Report) -> Sequence[tuple[int, int, int]]:
    return [(tally.new, tally.known, tally.bad.total()) for tally in report.tallies]


async def test_an_import_into_a_cluster_adds_every_row_once_and_is_seen_everywhere(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    follows, tweets = files(tmp_path)
    settings = await new_cluster(request, tmp_path / "data", push_limit=PUSH_LIMIT)
    async with workers(settings) as connected:
        first = await imported(settings, follows, tweets)
        async with served(settings, connected) as world:
            await world.know("author0", "author5", "fan3", "star")
            await world.unfollow("fan3", "star")
            again = await imported(settings, follows, tweets)
            home, fan = await world.home("author0", first=100), await world.home("fan3", first=100)
            switches = await connected.parts.policy.switches()
            star = await world.account("star")

        assert outcomes(first) == [(FANS + AUTHORS, 0, 0), (AUTHORS * TWEETS_EACH + 3, 0, 0)]
        assert outcomes(again) == [(0, FANS + AUTHORS, 0), (0, AUTHORS * TWEETS_EACH + 3, 0)]
        assert (first.accounts, again.accounts, first.unapplied) == (FANS + AUTHORS + 1, 0, 0)
        assert home[:2] == ["5 says 7", "an answer"]
        assert set(home[2:4]) == {"0 says 59", "1 says 59"}
        assert fan == []
        assert switches == {star: (Switch(TweetId(0), Delivery.PULLED),)}
        shown = io.StringIO()
        assert await run_audit(settings, Console(file=shown, width=200), 30, None), shown.getvalue()


async def test_an_import_that_breaks_off_is_completed_by_the_next_one_and_nothing_is_there_twice(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    follows, tweets = files(tmp_path)
    settings = await new_cluster(request, tmp_path / "data")
    async with workers(settings) as connected:
        for after in (0, 1):
            broken = asyncio.ensure_future(imported(settings, follows, tweets))
            assert await connected.log.wait(after, WAIT_S, 1)
            broken.cancel()
            with suppress(asyncio.CancelledError):
                await broken
        await imported(settings, follows, tweets)

        counts = {
            table: len(await connected.session.rows(f"SELECT * FROM {table}"))
            for table in ("users", "handles", "tweets_by_id", "entries_by_author", "imports", "followees", "followers")
        }

    accounts, entries = FANS + AUTHORS + 1, AUTHORS * TWEETS_EACH + 3
    assert counts == {
        "users": accounts,
        "handles": accounts,
        "tweets_by_id": entries,
        "entries_by_author": entries,
        "imports": entries,
        "followees": FANS + AUTHORS,
        "followers": FANS + AUTHORS,
    }
