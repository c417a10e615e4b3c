"""Which files of a data folder hold what, and what can be told from them before anything runs."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from infra.adapters.sqlite.store import SQLiteStore
from infra.settings import Settings
from infra.settings_given import SettingsError
from realtime.events import event_id
from realtime.ports import EventLog


def open_store(settings: Settings) -> AbstractAsyncContextManager[SQLiteStore]:
    """Open the store of tweets and graph."""
    return SQLiteStore.open(
        store_file(settings),
        settings.tweet_cache_size,
        settings.relations_cache_size,
        settings.heads_cache_size,
        settings.marks_cache_size,
    )


async def newest_unapplied(log: EventLog, applied: int) -> int:
    """Return the greatest id that the log holds and the store does not know yet."""
    newest, after = 0, applied
    while batch := await log.read(after, 500):
        after = batch[-1].offset
        newest = max(newest, *(event_id(logged.payload) for logged in batch))
    return newest


def accounts_file(settings: Settings) -> Path:
    """Return the file of accounts and keys."""
    if settings.users_url != settings.keys_url:
        raise SettingsError(("ROOST_KEYS_URL: the embedded store keeps keys beside users: give both the same URL",))
    return settings.database(settings.users_url, "accounts")


def store_file(settings: Settings) -> Path:
    """Return the file of tweets and graph."""
    if settings.tweets_url != settings.graph_url:
        raise SettingsError(("ROOST_GRAPH_URL: the embedded store keeps the graph beside tweets: give both one URL",))
    return settings.database(settings.tweets_url, "store")
