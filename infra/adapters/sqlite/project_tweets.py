"""How events change tweets, retweets, likes and their counts. Each change applies once, whatever is replayed (C1)."""

import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field

from loaders.entities import hashtag_keys
from loaders.records import TweetId, UserId
from realtime.events import LikeChanged, Retweeted, RetweetUndone, TweetDeleted, TweetPosted

RETWEETS_FORGOTTEN_MAX = 1_000
TWEET_COUNTS = "(tweet_id, likes, retweets, replies, quotes)"
USER_COUNTS = "(user_id, followers, following, tweets)"


@dataclass(slots=True)
class Changes:
    """What a batch changes beside its rows: counts, summed up so that each is written once, and cached entries.

    `posted` are new tweets with their offsets: everyone asks for them next.
    """

    tweet_counts: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0]))
    user_counts: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    entries: list[TweetId] = field(default_factory=list)
    viewers: set[UserId] = field(default_factory=set)
    counted: set[TweetId] = field(default_factory=set)
    posted: list[tuple[TweetPosted, int]] = field(default_factory=list)
    all_entries: bool = False

    def write(self, connection: sqlite3.Connection) -> None:
        """Add the sums to the counts."""
        self.counted.update(TweetId(tweet_id) for tweet_id in self.tweet_counts)
        connection.executemany(
            f"INSERT INTO tweet_counts {TWEET_COUNTS} VALUES (?, ?, ?, ?, ?) ON CONFLICT (tweet_id) DO UPDATE SET"
            " likes = likes + excluded.likes, retweets = retweets + excluded.retweets,"
            " replies = replies + excluded.replies, quotes = quotes + excluded.quotes",
            [(tweet_id, *sums) for tweet_id, sums in self.tweet_counts.items() if any(sums)],
        )
        connection.executemany(
            f"INSERT INTO user_counts {USER_COUNTS} VALUES (?, ?, ?, ?) ON CONFLICT (user_id) DO UPDATE SET"
            " followers = followers + excluded.followers, following = following + excluded.following,"
            " tweets = tweets + excluded.tweets",
            [(user_id, *sums) for user_id, sums in self.user_counts.items() if any(sums)],
        )


LIKES, RETWEETS, REPLIES, QUOTES = range(4)
FOLLOWERS, FOLLOWING, TWEETS = range(3)


def tweet_posted(connection: sqlite3.Connection, event: TweetPosted, offset: int, changes: Changes) -> bool:
    """Store a tweet, and answer whether it is new; the first place of an id wins (P2)."""
    is_new = connection.execute(
        "INSERT OR IGNORE INTO tweets VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, NULL, ?)",
        (
            event.id,
            event.author_id,
            event.text,
            event.created_at_ms,
            event.in_reply_to_id,
            event.reply_author_id,
            event.quoted_id,
            event.lang,
            offset,
            event.media,
        ),
    ).rowcount
    if not is_new:
        return False
    for name in hashtag_keys(event.text):
        connection.execute("INSERT OR IGNORE INTO hashtags VALUES (?, ?)", (name, event.id))
    _count_tweet(changes, event.author_id, event.in_reply_to_id, event.quoted_id, 1)
    return True


def retweeted(connection: sqlite3.Connection, event: Retweeted, offset: int, changes: Changes) -> None:
    """Store a retweet, unless the account's retweet of this tweet stands already; the first place of an id wins."""
    if connection.execute("SELECT 1 FROM tweets WHERE id = ?", (event.id,)).fetchone():
        return
    stands_now = connection.execute(
        "INSERT INTO retweets VALUES (?, ?, ?, 1, ?) ON CONFLICT (user_id, root_id) DO UPDATE SET"
        " entry_id = excluded.entry_id, standing = 1, log_offset = excluded.log_offset"
        " WHERE NOT standing AND excluded.log_offset > log_offset",
        (event.author_id, event.root_id, event.id, offset),
    ).rowcount
    if not stands_now:
        return
    connection.execute(
        "INSERT OR IGNORE INTO tweets VALUES (?, ?, '', ?, NULL, NULL, NULL, ?, ?, NULL, ?, NULL, NULL)",
        (event.id, event.author_id, event.created_at_ms, event.root_id, event.root_author_id, offset),
    )
    changes.tweet_counts[event.root_id][RETWEETS] += 1


def retweet_undone(connection: sqlite3.Connection, event: RetweetUndone, offset: int, changes: Changes) -> None:
    """Take a retweet away, if it is the one that stands."""
    fell_now = connection.execute(
        "UPDATE retweets SET standing = 0, log_offset = ?1"
        " WHERE user_id = ?2 AND root_id = ?3 AND entry_id = ?4 AND standing AND log_offset < ?1",
        (offset, event.author_id, event.root_id, event.id),
    ).rowcount
    if fell_now:
        connection.execute("UPDATE tweets SET gone_offset = ? WHERE id = ?", (offset, event.id))
        changes.tweet_counts[event.root_id][RETWEETS] -= 1
        changes.entries.append(event.id)


def tweet_deleted(connection: sqlite3.Connection, event: TweetDeleted, offset: int, changes: Changes) -> None:
    """Leave a tombstone: the row stays for what must be judged by it, the text goes."""
    row = connection.execute(
        "SELECT text, in_reply_to_id, quoted_id FROM tweets"
        " WHERE id = ? AND author_id = ? AND log_offset < ? AND gone_offset IS NULL AND root_id IS NULL",
        (event.id, event.author_id, offset),
    ).fetchone()
    if row is None:
        return
    text, in_reply_to_id, quoted_id = row
    connection.execute("UPDATE tweets SET gone_offset = ?, text = '', media = NULL WHERE id = ?", (offset, event.id))
    for name in hashtag_keys(text):
        connection.execute("DELETE FROM hashtags WHERE name = ? AND tweet_id = ?", (name, event.id))
    _count_tweet(changes, event.author_id, in_reply_to_id, quoted_id, -1)
    retweets = connection.execute(
        "SELECT id FROM tweets WHERE root_id = ? LIMIT ?", (event.id, RETWEETS_FORGOTTEN_MAX)
    ).fetchall()
    changes.all_entries = changes.all_entries or len(retweets) == RETWEETS_FORGOTTEN_MAX
    changes.entries += [event.id, *(row[0] for row in retweets)]


def like_changed(connection: sqlite3.Connection, event: LikeChanged, offset: int, changes: Changes) -> None:
    """Keep the latest state of a like, and count by the difference to the state before."""
    before = connection.execute(
        "SELECT standing, log_offset FROM likes WHERE user_id = ? AND tweet_id = ?", (event.user_id, event.tweet_id)
    ).fetchone()
    if before is not None and before[1] >= offset:
        return
    connection.execute("REPLACE INTO likes VALUES (?, ?, ?, ?)", (event.user_id, event.tweet_id, event.liked, offset))
    changes.tweet_counts[event.tweet_id][LIKES] += int(event.liked) - (before[0] if before else 0)


def _count_tweet(changes: Changes, author_id: int, parent_id: int | None, quoted_id: int | None, by: int) -> None:
    changes.user_counts[author_id][TWEETS] += by
    if parent_id is not None:
        changes.tweet_counts[parent_id][REPLIES] += by
    if quoted_id is not None:
        changes.tweet_counts[quoted_id][QUOTES] += by
