"""Copies a data folder into a cluster, kind by kind: accounts and keys to their store, all else through the log."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from rich.console import Console

from infra.adapters.cassandra.waiting import together
from infra.cluster.parts import Connected
from infra.importer.feed import Feed
from infra.importer.meter import meter
from infra.moving import folder as rows_of
from infra.moving.events import MakeEvents, ended_follows, follows, gone_tweets, likes, relations, standing_tweets
from infra.moving.folder import Folder, Kind, Row
from infra.moving.progress import Progress
from loaders.errors import Unavailable
from loaders.notices import Notice, NoticeChange, NoticeKind, Turn
from loaders.records import Delivery, Switch, TweetId, User, UserId
from realtime.events import ImportFinished, Verb

KEYS_AT_ONCE = 100
FINISHED = "finished"
TRIES = 5
RETRY_S = 1.0

Put = Callable[[Sequence[Row]], Awaitable[object]]


async def copy_all(folder: Folder, connected: Connected, feed: Feed, progress: Progress, console: Console) -> int:
    """Copy what is not copied yet, and wait until it is applied; answer how many rows were sent.

    What was taken away comes before what stands: so an account's later retweet of the same tweet finds the earlier one
    gone. Ended follows come before standing ones and blocks. Sockets hear of the end, once.
    """
    sent = 0
    for kind, put in _steps(connected, feed):
        if kind.name in progress.done:
            continue
        count = 0
        with meter(console, kind.name, folder.count(kind)).shown() as shown:
            for page in folder.pages(kind, progress.reached.get(kind.name, ())):
                await _patiently(put, page)
                progress.note(kind.name, page[-1][: kind.key_length])
                count += len(page)
                shown.advance(len(page), count)
        progress.end(kind.name)
        sent += count
    if FINISHED not in progress.done:
        with console.status("Waiting until all of it is applied"):
            await connected.parts.policy.record_switches(_switches(folder), at=0)
            await feed.drained()
            await feed.append([ImportFinished()])
            await feed.drained()
        progress.end(FINISHED)
    return sent


async def _patiently(put: Put, page: Sequence[Row]) -> None:
    """Send a page again after what a busy cluster could not do in time: sending twice changes nothing."""
    for tried in range(TRIES - 1):
        try:
            await put(page)
            return
        except Unavailable:
            await asyncio.sleep(RETRY_S * 2**tried)
    await put(page)


def _steps(connected: Connected, feed: Feed) -> Sequence[tuple[Kind, Put]]:
    logged: Sequence[tuple[Kind, MakeEvents]] = (
        (rows_of.GONE, gone_tweets),
        (rows_of.POSTED, standing_tweets),
        (rows_of.RETWEETS, standing_tweets),
        (rows_of.ENDED, ended_follows),
        (rows_of.FOLLOWS, follows),
        (rows_of.MUTES, relations(Verb.MUTE)),
        (rows_of.BLOCKS, relations(Verb.BLOCK)),
        (rows_of.LIKES, likes),
    )
    return [
        (rows_of.ACCOUNTS, _adopting(connected)),
        *((kind, _logging(feed, made)) for kind, made in logged),
        (rows_of.KEYS, _reserving(connected)),
        (rows_of.NOTICES, _telling(connected)),
        (rows_of.READ, _marking(connected)),
    ]


def _logging(feed: Feed, made: MakeEvents) -> Put:
    async def put(page: Sequence[Row]) -> None:
        await feed.append(made(page, feed.layout))

    return put


def _adopting(connected: Connected) -> Put:
    users = connected.accounts

    async def put(page: Sequence[Row]) -> None:
        await users.adopt([(User(*account), password_hash, avatar) for *account, password_hash, avatar in page])

    return put


def _reserving(connected: Connected) -> Put:
    async def one(viewer_id: Any, key: str, tweet_id: Any, input_hash: str) -> None:
        await connected.parts.keys.reserve(viewer_id, key, tweet_id, bytes.fromhex(input_hash))

    async def put(page: Sequence[Row]) -> None:
        for start in range(0, len(page), KEYS_AT_ONCE):
            await together(*(one(*row) for row in page[start : start + KEYS_AT_ONCE]))

    return put


def _telling(connected: Connected) -> Put:
    async def put(page: Sequence[Row]) -> None:
        # They stand before the first place of the cluster's log: whatever it brings comes after them.
        notices = [
            Notice(viewer_id, NoticeKind(kind), subject, actor_id, tweet_id, place, 0, 0)
            for viewer_id, kind, subject, actor_id, tweet_id, place in page
        ]
        await connected.parts.notices.apply([NoticeChange(Turn.STANDS, notice) for notice in notices], 0)

    return put


def _marking(connected: Connected) -> Put:
    async def put(page: Sequence[Row]) -> None:
        for start in range(0, len(page), KEYS_AT_ONCE):
            await together(*(connected.parts.notices.mark_read(*row) for row in page[start : start + KEYS_AT_ONCE]))

    return put


def _switches(folder: Folder) -> dict[UserId, Sequence[Switch]]:
    found: defaultdict[UserId, list[Switch]] = defaultdict(list)
    for author_id, from_id, delivery in folder.switches():
        found[author_id].append(Switch(TweetId(from_id), Delivery(delivery)))
    return dict(found)
