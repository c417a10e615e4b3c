"""Made-up people and tweets to measure on, put through the engine's own log and groups."""

import random
from collections.abc import Sequence

from infra.embedded import Engine
from loaders.ids import TIME_SHIFT, imported_id
from loaders.records import TweetId, User, UserId
from realtime.events import (
    Event,
    FollowsImported,
    ImportedTweet,
    ImportFinished,
    TweetPosted,
    TweetsImported,
)

ROWS_PER_EVENT = 200
EVENTS_AT_ONCE = 400
USERS_AT_ONCE = 1_000
DRAIN_S = 120.0


async def make_users(engine: Engine, handles: Sequence[str]) -> list[UserId]:
    """Make accounts without passwords, and return their numbers in the order of the handles."""
    services = engine.services
    ids: list[UserId] = []
    for start in range(0, len(handles), USERS_AT_ONCE):
        part = handles[start : start + USERS_AT_ONCE]
        users = [User(UserId(services.new_id()), each, each, "", 1, services.clock_ms()) for each in part]
        found = await services.users.create_missing(users)
        ids += [found[handle.lower()] for handle in part]
    return ids


async def put(engine: Engine, events: Sequence[Event]) -> None:
    """Append events, and wait until they are applied."""
    for start in range(0, len(events), EVENTS_AT_ONCE):
        await engine.log.append(events[start : start + EVENTS_AT_ONCE])
        if not await engine.drained(DRAIN_S):
            raise RuntimeError(f"what was put is not applied after {DRAIN_S:.0f} s: {engine.faults}")


async def follow(engine: Engine, pairs: Sequence[tuple[UserId, UserId]]) -> None:
    """Let accounts follow others: (follower, followee)."""
    first = engine.clocks.now_ms() << TIME_SHIFT
    rows = [(follower, followee, first + number) for number, (follower, followee) in enumerate(pairs)]
    await put(engine, [FollowsImported(rows[at : at + ROWS_PER_EVENT]) for at in range(0, len(rows), ROWS_PER_EVENT)])


async def put_tweets(engine: Engine, authors: Sequence[UserId], count: int) -> None:
    """Put so many tweets into the last week, by each author in turn."""
    end_ms = engine.clocks.now_ms()
    week_ms = 7 * 86_400_000
    rng = random.Random(count)
    for start in range(0, count, ROWS_PER_EVENT * EVENTS_AT_ONCE):
        part = range(start, min(count, start + ROWS_PER_EVENT * EVENTS_AT_ONCE))
        rows = [_tweet(number, authors, end_ms - week_ms + week_ms * number // count, rng) for number in part]
        await put(
            engine, [TweetsImported(rows[at : at + ROWS_PER_EVENT]) for at in range(0, len(rows), ROWS_PER_EVENT)]
        )
    await put(engine, [ImportFinished()])


def _tweet(number: int, authors: Sequence[UserId], at_ms: int, rng: random.Random) -> ImportedTweet:
    author_id = authors[number % len(authors)]
    text = f"Tweet number {number}, of about as many characters as {rng.choice(WORDS)} people write on any day."
    return ImportedTweet(f"n{number}", TweetPosted(TweetId(imported_id(at_ms, number)), author_id, text, at_ms))


WORDS = ("most", "many", "some", "a few", "nearly all", "rather talkative")
