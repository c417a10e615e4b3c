"""Loads the bundled sample into an empty data folder, by the same way as an import; a killed load is resumed."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from infra.adapters.sqlite.database import translated
from infra.auth import Argon2Passwords
from infra.clocks import Clocks
from infra.importer.feed import in_rows
from infra.importer.files import Batch
from infra.importer.meter import meter
from infra.importer.put_follows import put_follows
from infra.importer.put_tweets import TweetsInput
from infra.importer.report import Report
from infra.importer.rows import Bad, FollowRow, Reason, TweetRow, excerpt, key_of_id
from infra.importer.site import Site, open_site
from infra.importer.tweets import kept_text
from infra.sample.generate import DEMO_HANDLE, Sample, SampleTweet, SampleUser, generate
from infra.settings import Settings, write_setting
from infra.settings_given import SettingsError
from loaders.errors import Unavailable
from loaders.records import User, UserId
from realtime.events import LikesImported

DEMO_PASSWORD = "roost-demo"
"""Known to all: the account is there to look around with."""
PUSH_LIMIT = 1_000
"""Among the sample's people it is passed by a few, so that pushed and pulled authors both show."""
STATE_FILE = "sample.json"
JOINED_DAYS_AGO = 30
DAY_S = 86_400

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class SampleState:
    """How far loading has come: `now` is the time (Unix seconds) as of which the sample is made."""

    now: float
    is_loaded: bool


def sample_state(data_dir: Path) -> SampleState | None:
    """Return how far loading has come; None if it never began. Raises `Unavailable` if the file tells nothing."""
    path = data_dir / STATE_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return SampleState(float(content["now"]), bool(content["is_loaded"]))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise Unavailable(
            f"{path} cannot be read ({error}); without it, the folder counts as one with no sample"
        ) from error


def set_push_limit(data_dir: Path) -> bool:
    """Set the sample's push limit in the data folder's settings, unless one stands there; answer whether it was set."""
    return write_setting(data_dir, "push_limit", PUSH_LIMIT, unless_set=True)


async def load_sample(settings: Settings, console: Console, clocks: Clocks | None = None) -> bool:
    """Load the sample and its demo account; answer False, and change nothing, if it is loaded or others' data is there.

    A load that was killed is resumed, and ends with what it would have made. Raises `FolderTaken` while the folder is
    in use. The push limit is put into the folder's settings first, and is in force here even if `settings` came before.
    """
    if not settings.is_embedded:
        raise SettingsError(("ROOST_LOG_URL: names a cluster, and the sample is for a data folder",))
    clocks = clocks or Clocks()
    state = sample_state(settings.data_dir)
    if state is None and _has_accounts(settings.database(settings.users_url, "accounts")):
        return False
    if state is not None and state.is_loaded:
        return False
    if set_push_limit(settings.data_dir):
        settings = replace(settings, push_limit=PUSH_LIMIT)
    async with open_site(settings, clocks, "sample", may_be_served=False) as site:
        state = sample_state(settings.data_dir) or SampleState(clocks.now_s(), is_loaded=False)
        _write_state(settings.data_dir, state)
        with console.status("Making the sample"):
            sample = generate(state.now)
        await _put(sample, state, site, settings, console)
        if unapplied := await site.finish():
            raise Unavailable(f"{unapplied} batches of the sample could not be applied: see the dead letters")
        _write_state(settings.data_dir, replace(state, is_loaded=True))
    return True


async def _put(sample: Sample, state: SampleState, site: Site, settings: Settings, console: Console) -> None:
    await _put_people(sample.users, state, site, settings)
    report = Report(settings.data_dir)
    with meter(console, "Follows", len(sample.follows)).shown() as shown:
        follows = [FollowRow(*pair) for pair in sample.follows]
        await put_follows(_batches(follows, site.batch_rows), site, report.tally("follows"), report, shown)
    with meter(console, "Tweets", len(sample.tweets)).shown() as shown:
        tweets = [_tweet_row(tweet) for tweet in sample.tweets]
        await TweetsInput(site, report.tally("tweets"), report).put_all(_batches(tweets, site.batch_rows), shown)
    await site.feed.drained()
    with meter(console, "Likes", len(sample.likes)).shown() as shown:
        done = 0
        for part in in_rows(sample.likes, site.batch_rows):
            await _put_likes(part, site)
            done += len(part)
            shown.advance(len(part), done)


async def _put_people(users: Sequence[SampleUser], state: SampleState, site: Site, settings: Settings) -> None:
    joined_ms = round((state.now - JOINED_DAYS_AGO * DAY_S) * 1000)
    accounts = [User(UserId(site.new_id()), user.handle, user.display_name, user.bio, 1, joined_ms) for user in users]
    passwords = Argon2Passwords(settings)
    try:
        password_hash = await passwords.hash(DEMO_PASSWORD)
    finally:
        passwords.close()
    for demo in [user for user in accounts if user.handle == DEMO_HANDLE]:
        await site.users.create(demo, password_hash)
    await site.people.make(accounts)


async def _put_likes(likes: Sequence[tuple[str, str]], site: Site) -> None:
    people = await site.people.ids(handle for handle, _ in likes)
    keys = [_key(key) for _, key in likes]
    origins = await site.known.origins(set(keys))
    liked = [
        (people[handle.lower()], origin.root_id)
        for (handle, _), key in zip(likes, keys, strict=True)
        if (origin := origins.get(key)) is not None
    ]
    await site.feed.append([LikesImported(part) for part in in_rows(liked)])


def _batches(rows: Sequence[Row | Bad], size: int) -> Iterator[Batch[Row]]:
    for start in range(0, len(rows), size):
        batch = Batch[Row](done=min(start + size, len(rows)))
        for number, row in enumerate(rows[start : start + size], start + 1):
            if isinstance(row, Bad):
                batch.bad.append((number, row))
            else:
                batch.rows.append((number, row))
        yield batch


def _tweet_row(tweet: SampleTweet) -> TweetRow | Bad:
    at_ms = round(tweet.created_at * 1000)
    if tweet.retweet_of is not None:
        return TweetRow(_key(tweet.key), tweet.author, "", at_ms, _source_id(tweet.retweet_of), is_retweet=True)
    text = kept_text(tweet.text)
    if isinstance(text, Reason):
        return Bad(text, excerpt(tweet.text))
    parent = None if tweet.in_reply_to is None else _source_id(tweet.in_reply_to)
    return TweetRow(_key(tweet.key), tweet.author, text, at_ms, parent, lang=tweet.lang)


def _source_id(key: str) -> str:
    # Files imported later have ids of their own, which must not be taken for the sample's.
    return f"sample:{key}"


def _key(key: str) -> str:
    return key_of_id(_source_id(key))


def _has_accounts(path: Path) -> bool:
    if not path.exists():
        return False
    with translated(), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'users'").fetchone()
        return tables is not None and connection.execute("SELECT 1 FROM users LIMIT 1").fetchone() is not None


def _write_state(data_dir: Path, state: SampleState) -> None:
    path = data_dir / STATE_FILE
    draft = path.with_name(f"{STATE_FILE}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
