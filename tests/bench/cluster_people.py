"""Accounts, follows and tweets put into a cluster's log for its figures, and applied by its own workers."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.clocks import Clocks
from infra.cluster.known import CassandraKnown
from infra.cluster.parts import Connected, open_connected
from infra.importer.feed import Feed, by_partition
from infra.importer.site import AHEAD_CLUSTER, POLL_CLUSTER_S
from loaders.ids import TIME_SHIFT, imported_id
from loaders.records import TweetId, User, UserId
from realtime.events import Event, FollowsImported, ImportedTweet, ImportFinished, TweetPosted, TweetsImported
from tests.bench.cluster_stand import Servers, processes
from tests.bench.folders import WORDS
from tests.bench.run import Run, run_loop
from tests.cluster.processes import Site

FIRST_MS = 1_600_000_000_000
WEEK_MS = 7 * 86_400_000
MADE_AT_ONCE = 500
FEW = 10
AUTHOR, RARE, CELEBRITY = "author", "rare", "celebrity"
"""Whom all viewers follow; whom ten follow; whom a great many follow, ten of the viewers among them."""

Pair = tuple[UserId, UserId]
"""Who follows, and who is followed."""


def made_up_id(number: int) -> UserId:
    """Return the id of the account of that number, from 1: as if each had joined in a millisecond of its own."""
    return UserId((FIRST_MS + number) << TIME_SHIFT)


@asynccontextmanager
async def connected_to(site: Site) -> AsyncIterator[Connected]:
    """Connect to a site as a gateway does, ids included."""
    async with open_connected(site.load(), Clocks(), gives_ids=True) as connected:
        yield connected


def feed_of(connected: Connected) -> Feed:
    """Return the importer's way into a cluster's log."""
    return Feed(connected.parts.log, CassandraKnown(connected), AHEAD_CLUSTER, lambda: None, poll_s=POLL_CLUSTER_S)


async def make_accounts(connected: Connected, ids: Sequence[UserId], handles: Sequence[str]) -> None:
    """Make accounts without passwords."""
    now_ms = Clocks().now_ms()
    users = [User(*each, each[1], "", 1, now_ms) for each in zip(ids, handles, strict=True)]
    for start in range(0, len(users), MADE_AT_ONCE):
        await connected.parts.users.create_missing(users[start : start + MADE_AT_ONCE])


async def put(connected: Connected, events: Sequence[Event]) -> None:
    """Append events as an import does, and wait until both groups have handled them."""
    feed = feed_of(connected)
    await feed.append(events)
    await feed.drained()


def follow_events(connected: Connected, pairs: Sequence[Pair]) -> Sequence[Event]:
    """Return follows as an import brings them."""
    rows = [(follower, followee, connected.parts.new_id()) for follower, followee in pairs]
    return [FollowsImported(part) for part in by_partition(rows, _pair_key, connected.log.layout.partitions)]


def tweet_events(connected: Connected, authors: Sequence[UserId], count: int) -> Sequence[Event]:
    """Return so many tweets of the last week, by authors drawn at random, as an import brings them."""
    chance, end_ms = random.Random(count), Clocks().now_ms()
    rows = [_tweet(number, chance, authors, end_ms - WEEK_MS + WEEK_MS * number // count) for number in range(count)]
    return [TweetsImported(part) for part in by_partition(rows, _author_key, connected.log.layout.partitions)]


@dataclass(frozen=True, slots=True)
class People:
    """A site with an author whom all viewers follow, one whom ten follow, and the folder whose key signs tokens."""

    site: Site
    keys: Path
    author: UserId
    rare: UserId
    celebrity: UserId
    viewers: Sequence[UserId]


def people_of(run: Run, servers: Servers) -> People:
    """Return the run's people, made and followed when they are first asked for."""
    return run.kept("people", partial(_make_people, run, servers))


def _make_people(run: Run, servers: Servers) -> People:
    keys = run.new_folder("keys")
    site = servers.site(run, "people", keys)
    viewers = [made_up_id(10 + number) for number in range(run.size("sockets"))]
    people = People(site, keys, made_up_id(1), made_up_id(2), made_up_id(3), viewers)
    run.say(f"Filling the cluster people: {len(viewers)} viewers")
    run_loop(_fill_people(run, people))
    return people


async def _fill_people(run: Run, people: People) -> None:
    async with processes(run, people.site, gateways=0), connected_to(people.site) as connected:
        handles = [AUTHOR, RARE, CELEBRITY, *(f"viewer{number}" for number in range(len(people.viewers)))]
        await make_accounts(connected, [people.author, people.rare, people.celebrity, *people.viewers], handles)
        pairs = [(viewer, people.author) for viewer in people.viewers]
        pairs += [(viewer, other) for viewer in people.viewers[:FEW] for other in (people.rare, people.celebrity)]
        await put(connected, follow_events(connected, pairs))
        await put(connected, [ImportFinished()])


def _tweet(number: int, chance: random.Random, authors: Sequence[UserId], at_ms: int) -> ImportedTweet:
    text = f"Tweet number {number}, of about as many characters as {chance.choice(WORDS)} people write on any day."
    tweet = TweetPosted(TweetId(imported_id(at_ms, number)), chance.choice(authors), text, at_ms)
    return ImportedTweet(f"made-up-{number}", tweet)


def _pair_key(row: tuple[UserId, UserId, int]) -> int:
    return row[0] ^ row[1]


def _author_key(row: ImportedTweet) -> int:
    return row.tweet.author_id
