"""A stopped data folder as it is copied from: its rows in pages, each kind in an order of its own."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from infra.adapters.sqlite.database import translated
from infra.settings import Settings

PAGE_ROWS = 2_000
TWEET = (
    "t.id, t.author_id, t.text, t.created_at_ms, t.in_reply_to_id, t.reply_author_id, t.quoted_id, t.lang, t.root_id,"
    " t.root_author_id, t.media, o.key"
)
TWEETS = "tweets AS t LEFT JOIN temp.origins AS o ON o.tweet_id = t.id"
# Each import's row is looked up by its tweet, for which the store has no index.
ORIGINS = (
    "CREATE TEMP TABLE origins (tweet_id INTEGER PRIMARY KEY, key TEXT NOT NULL)",
    "INSERT OR IGNORE INTO temp.origins SELECT tweet_id, key FROM main.imports ORDER BY tweet_id",
)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one kind: what is read of them where. The first columns are the key, by which they are ordered."""

    name: str
    file: str
    columns: str
    source: str
    where: str
    key: str

    @property
    def key_length(self) -> int:
        """How many of a row's first columns are its key."""
        return len(self.key.split(", "))


ACCOUNTS = Kind(
    "accounts",
    "accounts",
    "id, handle, display_name, bio, profile_version, created_at_ms, password_hash, avatar",
    "users",
    "1",
    "id",
)
KEYS = Kind(
    "keys",
    "accounts",
    "viewer_id, key, tweet_id, input_hash",
    "idempotency_keys",
    "reserved_at_ms >= :since_ms",
    "viewer_id, key",
)
GONE = Kind("deletions", "store", TWEET, TWEETS, "t.gone_offset IS NOT NULL", "t.id")
POSTED = Kind("tweets", "store", TWEET, TWEETS, "t.gone_offset IS NULL AND t.root_id IS NULL", "t.id")
RETWEETS = Kind("retweets", "store", TWEET, TWEETS, "t.gone_offset IS NULL AND t.root_id IS NOT NULL", "t.id")
ENDED = Kind(
    "ended follows", "store", "follower_id, followee_id", "follows", "NOT standing", "follower_id, followee_id"
)
FOLLOWS = Kind(
    "follows", "store", "follower_id, followee_id, edge_id", "follows", "standing", "follower_id, followee_id"
)
MUTES = Kind("mutes", "store", "actor_id, target_id", "mutes", "standing", "actor_id, target_id")
BLOCKS = Kind("blocks", "store", "actor_id, target_id", "blocks", "standing", "actor_id, target_id")
LIKES = Kind("likes", "store", "user_id, tweet_id", "likes", "standing", "user_id, tweet_id")
IMPORTS = Kind(
    "imported rows",
    "store",
    "i.key, i.tweet_id",
    "imports AS i JOIN tweets AS t ON t.id = i.tweet_id",
    "1",
    "i.key",
)
NOTICES = Kind(
    "notifications",
    "store",
    "viewer_id, kind, subject, actor_id, tweet_id, place",
    "notices",
    "standing",
    "viewer_id, kind, subject, actor_id",
)
READ = Kind("notifications read", "store", "viewer_id, place", "notices_read", "1", "viewer_id")
TWEET_COUNTS = Kind(
    "tweet counts", "store", "tweet_id, likes, retweets, replies, quotes", "tweet_counts", "1", "tweet_id"
)
FOLLOW_COUNTS = Kind("follow counts", "store", "user_id, followers, following", "user_counts", "1", "user_id")
AUTHOR_COUNTS = Kind("author counts", "store", "user_id, tweets", "user_counts", "1", "user_id")


class Folder:
    """Reads a data folder that nobody writes to. Keys reserved before `since_ms` have expired, and are left out."""

    def __init__(self, connections: Mapping[str, sqlite3.Connection], since_ms: int) -> None:
        self._connections = connections
        self._since_ms = since_ms

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, since_ms: int) -> "Iterator[Folder]":
        """Open the folder's files for reading."""
        store, accounts, log = (
            settings.database(url, name)
            for url, name in (
                (settings.tweets_url, "store"),
                (settings.users_url, "accounts"),
                (settings.log_url, "log"),
            )
        )
        with (
            translated(),
            closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as of_store,
            closing(sqlite3.connect(f"{accounts.absolute().as_uri()}?mode=ro", uri=True)) as of_accounts,
            closing(sqlite3.connect(f"{log.absolute().as_uri()}?mode=ro", uri=True)) as of_log,
        ):
            for statement in ORIGINS:
                of_store.execute(statement)
            yield cls({"store": of_store, "accounts": of_accounts, "log": of_log}, since_ms)

    def identity(self) -> str:
        """Return what names the folder as it stands: its log and how far that goes, its accounts and their versions."""
        ((epoch,),) = self._all("log", "SELECT epoch FROM identity")
        ((end,),) = self._all("log", "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'")
        ((accounts, versions),) = self._all("accounts", "SELECT count(*), total(profile_version) FROM users")
        return f"{epoch}:{end}:{accounts}:{versions:.0f}"

    def count(self, kind: Kind) -> int:
        """Return how many rows there are of a kind."""
        ((count,),) = self._all(kind.file, f"SELECT count(*) FROM {kind.source} WHERE {kind.where}")
        return int(count)

    def pages(self, kind: Kind, after: Sequence[object] = (), size: int = PAGE_ROWS) -> Iterator[list[Row]]:
        """Yield the rows of a kind in the order of their keys, those beyond a key alone if one is given."""
        text = f"SELECT {kind.columns} FROM {kind.source} WHERE {kind.where}"
        order = f" ORDER BY {kind.key} LIMIT {size}"
        places = ", ".join(f":key{number}" for number in range(kind.key_length))
        while True:
            beyond = f" AND ({kind.key}) > ({places})" if after else ""
            page = self._all(kind.file, text + beyond + order, after)
            if not page:
                return
            yield page
            after = page[-1][: kind.key_length]

    def switches(self) -> list[Row]:
        """Return (author, from id, delivery), oldest first."""
        return self._all("store", "SELECT author_id, from_id, delivery FROM switches ORDER BY author_id, from_id")

    def _all(self, file: str, text: str, key: Sequence[object] = ()) -> list[Row]:
        values = {"since_ms": self._since_ms, **{f"key{number}": value for number, value in enumerate(key)}}
        return self._connections[file].execute(text, values).fetchall()
