"""Real follow graphs in a cluster: the bundled sample as `roost migrate-to` brings it, and follows_higgs."""

import asyncio
import gzip
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from infra.sample.load import PUSH_LIMIT
from infra.sample.source import read_graph
from loaders.records import UserId
from realtime.events import ImportFinished
from tests.bench.cluster_import import run_command
from tests.bench.cluster_people import (
    Pair,
    connected_to,
    follow_events,
    made_up_id,
    make_accounts,
    put,
    tweet_events,
)
from tests.bench.cluster_stand import Servers, processes
from tests.bench.imports import FOLLOWS_FILE
from tests.bench.pages import FOLLOWS_MIN, choose_viewers
from tests.bench.run import Run, run_loop
from tests.cluster.processes import Site

AUTHORS_MAX, TWEETS_EACH = 2_000, 20
MOVED_S = 1_800.0
SAMPLE, HIGGS = "sample", "higgs"


@dataclass(frozen=True, slots=True)
class Graph:
    """A site with a real graph. `viewers` follow some, `authors` are followed; `keys` has the key that signs tokens."""

    name: str
    site: Site
    keys: Path
    viewers: Sequence[UserId]
    authors: Sequence[UserId]


def graphs(run: Run, servers: Servers) -> Iterator[Graph]:
    """Return the graphs that there are, each filled when it is first asked for; for a quick look, parts of them."""
    yield run.kept(SAMPLE, partial(_sample, run, servers))
    if FOLLOWS_FILE.exists():
        yield run.kept(HIGGS, partial(_higgs, run, servers))
    else:
        run.say(f"{HIGGS}: skipped, since a folder `shared` beside the checkout would hold it")


def _sample(run: Run, servers: Servers) -> Graph:
    if run.is_quick:
        edges = read_graph().edges[: run.size("quick-follows")]
        pairs = [(made_up_id(1 + follower), made_up_id(1 + followee)) for follower, followee in edges]
        return _filled(run, servers, f"{SAMPLE}, a part", pairs)
    data_dir = run.sample()
    site = servers.site(run, SAMPLE, data_dir, push_limit=PUSH_LIMIT)
    run.say("Copying the sample into the cluster")
    run_loop(_move(run, site, data_dir))
    with closing(sqlite3.connect(data_dir / "store.db")) as store:
        followed = store.execute("SELECT followee_id FROM follows WHERE standing GROUP BY 1 ORDER BY 1").fetchall()
    viewers = choose_viewers(data_dir, run.size("page-viewers"))
    return Graph(SAMPLE, site, data_dir, viewers, [UserId(row[0]) for row in followed])


async def _move(run: Run, site: Site, data_dir: Path) -> None:
    folder, arguments = {"ROOST_DATA_DIR": str(data_dir)}, ("migrate-to", "--env", str(site.env_file))
    async with processes(run, site, gateways=0):
        await asyncio.to_thread(run_command, run, folder, MOVED_S, *arguments)


def _higgs(run: Run, servers: Servers) -> Graph:
    return _filled(run, servers, HIGGS, read_follows(run.size("higgs-follows")))


def _filled(run: Run, servers: Servers, name: str, pairs: Sequence[Pair]) -> Graph:
    """Fill a site with follows, and with made-up tweets by those who have most followers."""
    followers, tweets = Counter(followee for _, followee in pairs), run.size("tweets")
    # Accounts are those of the authors alone: what nobody reads needs none, and each costs transactions.
    authors = [author for author, _ in followers.most_common(min(AUTHORS_MAX, max(1, tweets // TWEETS_EACH)))]
    posting = set(authors)
    follows = Counter(follower for follower, followee in pairs if followee in posting)
    viewers = [viewer for viewer, count in follows.items() if count >= FOLLOWS_MIN]
    random.Random(1).shuffle(viewers)
    if len(viewers) < run.size("page-viewers"):
        # Of few follows, those who have most of them: their pages are full.
        viewers = [viewer for viewer, _ in follows.most_common(run.size("page-viewers"))]
    folder = name.partition(",")[0]
    keys = run.new_folder(f"keys-{folder}")
    site = servers.site(run, folder, keys)
    run.say(f"Filling the cluster {name}: {len(pairs):,} follows, {tweets:,} tweets")
    run_loop(_fill(run, site, pairs, authors))
    return Graph(name, site, keys, viewers[: run.size("page-viewers")], authors)


def read_follows(count: int) -> Sequence[Pair]:
    """Return so many follows of the file, each pair once."""
    with gzip.open(FOLLOWS_FILE, "rt", encoding="utf-8") as file:
        rows = (line.split("\t") for line in islice(file, 1, None))
        pairs = ((made_up_id(int(row[0])), made_up_id(int(row[1]))) for row in islice(rows, count))
        return list(dict.fromkeys(pair for pair in pairs if pair[0] != pair[1]))


async def _fill(run: Run, site: Site, pairs: Sequence[Pair], authors: Sequence[UserId]) -> None:
    async with processes(run, site, gateways=0), connected_to(site) as connected:
        await make_accounts(connected, authors, [f"u{number}" for number in range(len(authors))])
        await put(connected, follow_events(connected, pairs))
        await put(connected, tweet_events(connected, authors, run.size("tweets")))
        await put(connected, [ImportFinished()])
