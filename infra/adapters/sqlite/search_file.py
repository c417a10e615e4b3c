"""The file of the search index: its tables, and what is written into them."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from infra.adapters.sqlite.database import open_database
from realtime.index import IndexChanges, IndexedTweet, names_of

# Words come folded and cut: what the tokenizer is left with is to part them at spaces. What is not ASCII is always part
# of a word, and a mark begins with a sign that no word holds. Ranks are computed here, so that no sizes are kept.
TABLES = """
CREATE VIRTUAL TABLE IF NOT EXISTS tweets USING fts5(
    words, marks, author_id UNINDEXED, tokenize = "ascii tokenchars '#@:_'", columnsize = 0
);
CREATE TABLE IF NOT EXISTS users (user_id INTEGER PRIMARY KEY, names TEXT NOT NULL, followers INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS names (
    name TEXT, user_id INTEGER, followers INTEGER NOT NULL, PRIMARY KEY (name, user_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
POSITION, EPOCH, IS_WHOLE, CHANGE = "position", "epoch", "is_whole", "account_change"
USERS_AT_ONCE = 1_000

_PUT_TWEETS = (
    "INSERT OR REPLACE INTO tweets (rowid, words, marks, author_id) SELECT json_extract(value, '$[0]'),"
    " json_extract(value, '$[1]'), json_extract(value, '$[2]'), json_extract(value, '$[3]') FROM json_each(?)"
)
_COUNTED = (
    "SELECT known.user_id, known.names, coalesce(counts.followers, 0) AS followers FROM main.users AS known"
    " LEFT JOIN store.user_counts AS counts ON counts.user_id = known.user_id"
    " WHERE coalesce(counts.followers, 0) != known.followers"
)
_SOME = " AND known.user_id IN (SELECT value FROM json_each(?))"
_RANK_NAMES = (
    "UPDATE main.names SET followers = changed.followers FROM (SELECT counted.user_id, counted.followers,"
    " each.value AS name FROM ({counted}) AS counted, json_each(counted.names) AS each) AS changed"
    " WHERE names.name = changed.name AND names.user_id = changed.user_id"
)
_RANK_USERS = (
    "UPDATE main.users SET followers = counted.followers FROM ({counted}) AS counted"
    " WHERE users.user_id = counted.user_id"
)
_ACCOUNTS = (
    "SELECT change.change, account.id, account.handle_key, account.display_name, coalesce(counts.followers, 0)"
    " FROM accounts.account_changes AS change JOIN accounts.users AS account ON account.id = change.user_id"
    " LEFT JOIN store.user_counts AS counts ON counts.user_id = account.id"
    " WHERE change.change > ? ORDER BY change.change LIMIT ?"
)


def open_search_file(path: Path, store: Path, accounts: Path) -> sqlite3.Connection:
    """Open the index for writing, with the stores beside it as `store` and `accounts`, which are only read.

    It is not synced: what a power failure takes is in the log, or in the stores.
    """
    connection = open_database(path, TABLES, synced=False, shared=True)
    for name, file in (("store", store), ("accounts", accounts)):
        connection.execute(f"ATTACH ? AS {name}", (str(file),))
    return connection


def state(connection: sqlite3.Connection, name: str) -> int | None:
    """Return a number that is kept beside the index; None before it is first put."""
    row = connection.execute("SELECT value FROM main.state WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def put_state(connection: sqlite3.Connection, name: str, value: int) -> None:
    """Keep a number beside the index."""
    connection.execute("INSERT OR REPLACE INTO main.state VALUES (?, ?)", (name, value))


def write(connection: sqlite3.Connection, changes: IndexChanges) -> None:
    """Put changes into the index, few statements over all of them; doing it again changes nothing."""
    if changes.gone:
        connection.execute(
            "DELETE FROM main.tweets WHERE rowid IN (SELECT value FROM json_each(?))", (_json(changes.gone),)
        )
    if changes.tweets:
        put_tweets(connection, changes.tweets.values())
    if changes.has_many_follows:
        _rank(connection, "", ())
    elif changes.followed:
        _rank(connection, _SOME, (_json(changes.followed),))


def put_tweets(connection: sqlite3.Connection, tweets: Iterable[IndexedTweet]) -> None:
    """Put tweets into the index, in the place of what it has by their ids."""
    rows = [(each.id, " ".join(each.words), " ".join(_marks(each)), each.author_id) for each in tweets]
    connection.execute(_PUT_TWEETS, (orjson.dumps(rows).decode(),))


def put_users(connection: sqlite3.Connection) -> int:
    """Put accounts that came or changed since the last time, at most so many at once; answer how many there were."""
    rows = connection.execute(_ACCOUNTS, (state(connection, CHANGE) or 0, USERS_AT_ONCE)).fetchall()
    if not rows:
        return 0
    ids = _json(row[1] for row in rows)
    connection.execute(
        "DELETE FROM main.names WHERE (name, user_id) IN (SELECT each.value, known.user_id FROM main.users AS known,"
        " json_each(known.names) AS each WHERE known.user_id IN (SELECT value FROM json_each(?)))",
        (ids,),
    )
    named = [(user_id, names_of(handle, shown), followers) for _, user_id, handle, shown, followers in rows]
    connection.executemany(
        "INSERT OR REPLACE INTO main.users VALUES (?, ?, ?)",
        [(user_id, orjson.dumps(names).decode(), followers) for user_id, names, followers in named],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO main.names VALUES (?, ?, ?)",
        [(name, user_id, followers) for user_id, names, followers in named for name in names],
    )
    put_state(connection, CHANGE, rows[-1][0])
    return len(rows)


def merge_all(connection: sqlite3.Connection) -> None:
    """Merge the index into one piece, so that a search looks in one place; it takes a while."""
    connection.execute("INSERT INTO main.tweets (tweets) VALUES ('optimize')")


def _rank(connection: sqlite3.Connection, where: str, parameters: Sequence[str]) -> None:
    for statement in (_RANK_NAMES, _RANK_USERS):
        connection.execute(statement.format(counted=_COUNTED + where), tuple(parameters))


def _marks(tweet: IndexedTweet) -> list[str]:
    marks = [f"#{each}" for each in tweet.hashtags] + [f"@{each}" for each in tweet.mentions]
    marks.append(f":f{tweet.author_id}")
    if tweet.lang:
        marks.append(f":l{tweet.lang}")
    if tweet.has_media:
        marks.append(":m")
    return marks


def _json(values: Iterable[int]) -> str:
    return orjson.dumps(list(values)).decode()
