"""The file of all projections: its tables, its one connection, and what is cached of it in this process."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from infra.adapters.sqlite.database import BUSY_TIMEOUT_MS, Bounded, add_column, open_database
from infra.adapters.sqlite.heads import Heads
from infra.adapters.sqlite.marks import Marks
from loaders.recent import Recent
from loaders.records import Delivery, Entry, Relations, Switch, Tweet, TweetCounts, TweetId, UserId
from realtime.events import TweetPosted
from realtime.posting import tweet_of

TABLES = """
CREATE TABLE IF NOT EXISTS tweets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    in_reply_to_id INTEGER,
    reply_author_id INTEGER,
    quoted_id INTEGER,
    root_id INTEGER,
    root_author_id INTEGER,
    lang TEXT,
    log_offset INTEGER NOT NULL,
    gone_offset INTEGER,
    media TEXT
);
CREATE INDEX IF NOT EXISTS entries_by_author ON tweets (author_id, id) WHERE gone_offset IS NULL;
CREATE INDEX IF NOT EXISTS tweets_by_author ON tweets (author_id, id) WHERE gone_offset IS NULL AND root_id IS NULL;
CREATE INDEX IF NOT EXISTS tweets_by_parent ON tweets (in_reply_to_id, id)
    WHERE in_reply_to_id IS NOT NULL AND gone_offset IS NULL;
CREATE INDEX IF NOT EXISTS retweets_by_root ON tweets (root_id, id) WHERE root_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS hashtags (name TEXT, tweet_id INTEGER, PRIMARY KEY (name, tweet_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS retweets (
    user_id INTEGER, root_id INTEGER, entry_id INTEGER NOT NULL, standing INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    PRIMARY KEY (user_id, root_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS likes (
    user_id INTEGER, tweet_id INTEGER, standing INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tweet_counts (
    tweet_id INTEGER PRIMARY KEY, likes INTEGER NOT NULL, retweets INTEGER NOT NULL, replies INTEGER NOT NULL,
    quotes INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS user_counts (
    user_id INTEGER PRIMARY KEY, followers INTEGER NOT NULL, following INTEGER NOT NULL, tweets INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS follows (
    follower_id INTEGER, followee_id INTEGER, edge_id INTEGER NOT NULL, standing INTEGER NOT NULL,
    log_offset INTEGER NOT NULL, PRIMARY KEY (follower_id, followee_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS follows_by_follower ON follows (follower_id, edge_id, followee_id) WHERE standing;
CREATE INDEX IF NOT EXISTS follows_by_followee ON follows (followee_id, edge_id, follower_id) WHERE standing;
CREATE TABLE IF NOT EXISTS mutes (
    actor_id INTEGER, target_id INTEGER, standing INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    PRIMARY KEY (actor_id, target_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
    actor_id INTEGER, target_id INTEGER, standing INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    PRIMARY KEY (actor_id, target_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blocks_by_target ON blocks (target_id, actor_id) WHERE standing;
CREATE TABLE IF NOT EXISTS switches (
    author_id INTEGER, from_id INTEGER, delivery TEXT NOT NULL, PRIMARY KEY (author_id, from_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS imports (key TEXT PRIMARY KEY, tweet_id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS positions (consumer_group TEXT PRIMARY KEY, log_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS handled (log_offset INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    consumer_group TEXT, log_offset INTEGER, payload BLOB NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (consumer_group, log_offset)
) WITHOUT ROWID;
"""
# Whoever changes a row, what is cached of it hears so before anything can be read.
TRIGGERS = """
CREATE TEMP TRIGGER entry_came AFTER INSERT ON main.tweets BEGIN SELECT touched(NEW.author_id, NEW.id); END;
CREATE TEMP TRIGGER entry_changed AFTER UPDATE ON main.tweets BEGIN SELECT touched(NEW.author_id, NEW.id); END;
CREATE TEMP TRIGGER entry_went AFTER DELETE ON main.tweets BEGIN SELECT touched(OLD.author_id, OLD.id); END;
CREATE TEMP TRIGGER like_came AFTER INSERT ON main.likes BEGIN SELECT marked(NEW.user_id); END;
CREATE TEMP TRIGGER like_changed AFTER UPDATE ON main.likes BEGIN SELECT marked(NEW.user_id); END;
CREATE TEMP TRIGGER like_went AFTER DELETE ON main.likes BEGIN SELECT marked(OLD.user_id); END;
CREATE TEMP TRIGGER retweet_came AFTER INSERT ON main.retweets BEGIN SELECT marked(NEW.user_id); END;
CREATE TEMP TRIGGER retweet_changed AFTER UPDATE ON main.retweets BEGIN SELECT marked(NEW.user_id); END;
CREATE TEMP TRIGGER retweet_went AFTER DELETE ON main.retweets BEGIN SELECT marked(OLD.user_id); END;
"""
WAL_BYTES_MAX = 64_000_000


class SQLiteStore:
    """One connection on the event loop's thread, for reads and for the projection.

    Every read is bounded and short, so that asking the loop's own thread costs less than asking another; only the
    checkpoints, which wait for the disk, run elsewhere.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        entries_max: int,
        relations_max: int,
        heads_max: int,
        marked_max: int,
    ) -> None:
        self.path = path
        self.connection = connection
        self.entries = Recent[TweetId, Entry](entries_max)
        self.bodies = Recent[TweetId, Tweet](entries_max)
        self.counts = Recent[TweetId, TweetCounts](entries_max)
        self.heads = Heads(heads_max)
        self.marks = Marks(marked_max)
        connection.create_function("touched", 2, self.heads.touched)
        connection.create_function("marked", 1, self.marks.touched)
        connection.executescript(TRIGGERS)
        self.relations = Bounded[UserId, Relations](relations_max)
        self.switches: dict[UserId, Sequence[Switch]] = {}
        for author_id, from_id, delivery in connection.execute(
            "SELECT author_id, from_id, delivery FROM switches ORDER BY author_id, from_id"
        ):
            known = self.switches.get(author_id, ())
            self.switches[author_id] = (*known, Switch(from_id, Delivery(delivery)))

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        entries_max: int = 50_000,
        relations_max: int = 20_000,
        heads_max: int = 50_000,
        marked_max: int = 2_000,
    ) -> "AsyncIterator[SQLiteStore]":
        """Open the projections of a data folder; `heads_max` counts the entries of authors' heads."""
        connection = open_database(path, TABLES, synced=False)
        add_column(connection, "tweets", "media TEXT")
        # A checkpoint waits for the disk: `checkpoint` does it in another thread instead.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        try:
            yield cls(path, connection, entries_max, relations_max, heads_max, marked_max)
        finally:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()

    def newest_id(self) -> int:
        """Return the greatest id of a tweet or a retweet, gone ones included."""
        (newest,) = self.connection.execute("SELECT max(id) FROM tweets").fetchone()
        return int(newest or 0)

    def checkpoint(self) -> None:
        """Move what was committed into the file proper and sync it; blocks, so call it in a thread."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            connection.execute("PRAGMA busy_timeout = 100")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    def shorten(self) -> None:
        """Begin the write-ahead log anew if it has grown long, once `checkpoint` has moved nearly all of it.

        Under steady writes another thread never comes to its very end; here, between two transactions, it is at hand.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        if wal.exists() and wal.stat().st_size > WAL_BYTES_MAX:
            # A reader elsewhere must not hold the event loop: the next time will do.
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def keep(self, posted: Iterable[tuple[TweetPosted, int]]) -> None:
        """Put tweets that a commit has stored at these offsets into the caches, as reading them would."""
        for event, offset in posted:
            tweet_id, author_id = event.id, event.author_id
            self.entries.put(tweet_id, Entry(tweet_id, author_id, tweet_id, author_id, event.reply_author_id, offset))
            self.bodies.put(tweet_id, tweet_of(event))

    def forget(self, entries: Iterable[TweetId], counted: Iterable[TweetId], viewers: Iterable[UserId]) -> None:
        """Drop what a commit has changed from the caches."""
        for entry_id in entries:
            self.entries.drop(entry_id)
            self.bodies.drop(entry_id)
        for tweet_id in counted:
            self.counts.drop(tweet_id)
        for viewer_id in viewers:
            self.relations.drop(viewer_id)
