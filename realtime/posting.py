"""Acts on tweets: post, delete, retweet, like. Each is idempotent, and durable before it is answered."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from loaders.errors import UserError
from loaders.ids import milliseconds_of
from loaders.media import MediaId, packed, unpacked
from loaders.ports import GraphStore, IdempotencyKeys, TweetStore
from loaders.records import Entry, Tweet, TweetId, UserId
from loaders.rules import may_see
from loaders.text import check_text
from realtime.appending import Appending
from realtime.events import Event, LikeChanged, Retweeted, RetweetUndone, TweetDeleted, TweetPosted
from realtime.uploading import Uploading

KEY_LENGTH_MAX = 100
EMPTY = "TEXT_EMPTY"
"""What forbids a text without anything in it: a tweet of media alone may have one."""
NOT_FOUND = UserError("NOT_FOUND", "There is no such tweet", ("id",))
ACROSS_A_BLOCK = "A block stands between you and the author"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a viewer wants to post."""

    text: str
    in_reply_to_id: TweetId | None = None
    quoted_id: TweetId | None = None
    idempotency_key: str | None = None
    media_ids: Sequence[MediaId] = ()


@dataclass(frozen=True, slots=True)
class Posted:
    """A tweet as it was posted; `is_new` says that nobody can have liked or answered it yet."""

    tweet: Tweet
    is_new: bool


@dataclass(frozen=True, slots=True)
class Posting:
    """What acting on tweets needs."""

    appending: Appending
    tweets: TweetStore
    graph: GraphStore
    keys: IdempotencyKeys
    uploading: Uploading
    new_id: Callable[[], int]

    async def post(self, viewer_id: UserId, draft: Draft) -> Posted | UserError:
        """Post a tweet, reply or quote; the same key with the same input answers the same tweet (P1)."""
        text, problem = check_text(draft.text)
        if problem is not None and not (problem.code == EMPTY and draft.media_ids):
            return UserError(problem.code, problem.message, ("text",))
        tweet_id = TweetId(self.new_id())
        if draft.idempotency_key is not None:
            if not 1 <= len(draft.idempotency_key) <= KEY_LENGTH_MAX:
                return UserError(
                    "IDEMPOTENCY_KEY_INVALID", f"A key has 1 to {KEY_LENGTH_MAX} characters", ("idempotencyKey",)
                )
            held = await self.keys.reserve(viewer_id, draft.idempotency_key, tweet_id, _digest(text, draft))
            if held.input_hash != _digest(text, draft):
                return UserError("IDEMPOTENCY_KEY_REUSED", "This key came with other input before", ("idempotencyKey",))
            tweet_id = held.tweet_id
            posted = None if held.is_new else await self._posted_before(tweet_id)
            if posted is not None:
                return posted
        parent = await self._answered(viewer_id, draft.in_reply_to_id, "inReplyToId")
        if isinstance(parent, UserError):
            return parent
        quoted = await self._answered(viewer_id, draft.quoted_id, "quotedTweetId")
        if isinstance(quoted, UserError):
            return quoted
        media = await self.uploading.attach(viewer_id, draft.media_ids, tweet_id) if draft.media_ids else ()
        if isinstance(media, UserError):
            return media
        event = TweetPosted(
            tweet_id,
            viewer_id,
            text,
            milliseconds_of(tweet_id),
            draft.in_reply_to_id,
            None if parent is None else parent.author_id,
            draft.quoted_id,
            media=packed(media),
        )
        await self.appending.append(event)
        return Posted(tweet_of(event), is_new=True)

    async def delete(self, viewer_id: UserId, tweet_id: TweetId) -> UserError | None:
        """Delete one's own tweet; deleting it again is no error."""
        entry = await self._entry(tweet_id)
        if entry is None or entry.is_retweet:
            return NOT_FOUND
        if entry.author_id != viewer_id:
            return UserError("FORBIDDEN", "This tweet is not yours", ("id",))
        if entry.gone_at is None:
            (tweet,) = await self.tweets.get_many([tweet_id])
            parents = (None, None) if tweet is None else (tweet.in_reply_to_id, tweet.quoted_id)
            if tweet is not None and tweet.media:
                await self.uploading.doubt([medium.id for medium in unpacked(tweet.media)])
            await self.appending.hide(TweetDeleted(tweet_id, viewer_id, *parents))
        return None

    async def retweet(self, viewer_id: UserId, tweet_id: TweetId) -> UserError | None:
        """Retweet; a retweet that stands is left as it is."""
        root = await self._answered(viewer_id, tweet_id, "id")
        if root is None or isinstance(root, UserError):
            return root
        entry_id = TweetId(self.new_id())
        event = Retweeted(entry_id, viewer_id, tweet_id, root.author_id, milliseconds_of(entry_id))
        await self._append_unless(event, partial(self._is_retweeted, event))
        return None

    async def undo_retweet(self, viewer_id: UserId, tweet_id: TweetId) -> UserError | None:
        """Take a retweet back; where none stands, nothing happens."""
        root = await self._standing(tweet_id)
        if root is None:
            return NOT_FOUND
        entry_id = await self.tweets.retweet_id(viewer_id, tweet_id)
        if entry_id is None:
            await self.appending.settled()
            entry_id = await self.tweets.retweet_id(viewer_id, tweet_id)
        if entry_id is not None:
            await self.appending.hide(RetweetUndone(entry_id, viewer_id, tweet_id))
        return None

    async def like(self, viewer_id: UserId, tweet_id: TweetId, liked: bool) -> UserError | None:
        """Like a tweet, or no longer; doing so again changes nothing."""
        root = await self._answered(viewer_id, tweet_id, "id") if liked else await self._standing(tweet_id)
        if isinstance(root, UserError):
            return root
        if root is None:
            return NOT_FOUND
        event = LikeChanged(viewer_id, tweet_id, liked)
        await self._append_unless(event, partial(self._is_so, event))
        return None

    async def _append_unless(self, event: Event, holds: Callable[[], Awaitable[bool]]) -> None:
        """Append, unless what the event brings about holds already and nothing on its way can end it."""
        if not (await holds() and await self.appending.still(event, holds)):
            await self.appending.append(event)

    async def _is_so(self, event: LikeChanged) -> bool:
        (marks,) = await self.tweets.marks(event.user_id, [event.tweet_id])
        return marks.has_liked is event.liked

    async def _is_retweeted(self, event: Retweeted) -> bool:
        return await self.tweets.retweet_id(event.author_id, event.root_id) is not None

    async def _posted_before(self, tweet_id: TweetId) -> Posted | UserError | None:
        """Answer the tweet that a key has posted; None if it never got as far as the log."""
        (entry,) = await self.tweets.entries([tweet_id])
        if entry is None:
            return None
        (tweet,) = await self.tweets.get_many([tweet_id])
        if tweet is None:
            return UserError("DELETED", "The tweet of this key was deleted since", ("idempotencyKey",))
        return Posted(tweet, is_new=False)

    async def _entry(self, tweet_id: TweetId) -> Entry | None:
        """Answer an entry; None only where the store has none although it has caught up with the log (P3)."""
        (entry,) = await self.tweets.entries([tweet_id])
        if entry is None:
            await self.appending.settled()
            (entry,) = await self.tweets.entries([tweet_id])
        return entry

    async def _standing(self, tweet_id: TweetId) -> Entry | None:
        entry = await self._entry(tweet_id)
        return None if entry is None or entry.is_retweet or entry.gone_at is not None else entry

    async def _answered(self, viewer_id: UserId, tweet_id: TweetId | None, field: str) -> Entry | UserError | None:
        """Answer the tweet that an act is about, if it stands and no block forbids the act."""
        if tweet_id is None:
            return None
        entry = await self._standing(tweet_id)
        if entry is None:
            return UserError("NOT_FOUND", "There is no such tweet", (field,))
        if not may_see(entry.author_id, await self.graph.relations(viewer_id)):
            return UserError("FORBIDDEN", ACROSS_A_BLOCK, (field,))
        return entry


def tweet_of(event: TweetPosted) -> Tweet:
    """Return the body of a posted tweet, as stores answer it."""
    return Tweet(
        event.id,
        event.author_id,
        event.text,
        event.created_at_ms,
        event.in_reply_to_id,
        event.quoted_id,
        event.lang,
        event.media,
    )


def _digest(text: str, draft: Draft) -> bytes:
    given = [text, draft.in_reply_to_id, draft.quoted_id, *draft.media_ids]
    return hashlib.blake2b(orjson.dumps(given), digest_size=16).digest()
