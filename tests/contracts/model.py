"""What the group `store` must remember, as plain sets, and every count counted from scratch."""

from dataclasses import dataclass, field

from loaders.ports import Slice, SliceOf
from loaders.records import (
    Entry,
    Relations,
    Standing,
    Tweet,
    TweetCounts,
    TweetId,
    UserCounts,
    UserId,
    ViewerMarks,
)
from realtime.events import (
    Event,
    FollowsImported,
    LikeChanged,
    LikesImported,
    RelationChanged,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
    Verb,
)


@dataclass
class Model:
    """Everything that happened, applied once and in order."""

    posts: dict[int, tuple[TweetPosted, int]] = field(default_factory=dict)
    retweets: dict[int, tuple[Retweeted, int]] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)
    likes: set[tuple[int, int]] = field(default_factory=set)
    follows: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    mutes: set[tuple[int, int]] = field(default_factory=set)
    blocks: set[tuple[int, int]] = field(default_factory=set)

    def apply(self, event: Event, offset: int) -> None:
        """Take in an event at its place in the log."""
        match event:
            case TweetPosted():
                self.posts.setdefault(event.id, (event, offset))
            case Retweeted():
                if self.retweet_id(event.author_id, event.root_id) is None:
                    self.retweets.setdefault(event.id, (event, offset))
            case TweetDeleted() if event.id in self.posts and self.posts[event.id][0].author_id == event.author_id:
                self.gone.setdefault(event.id, offset)
            case RetweetUndone() if self.retweet_id(event.author_id, event.root_id) == event.id:
                self.gone[event.id] = offset
            case LikeChanged():
                (self.likes.add if event.liked else self.likes.discard)((event.user_id, event.tweet_id))
            case RelationChanged() if event.actor_id != event.target_id:
                self._relate(event, offset)
            case FollowsImported():
                for actor_id, target_id, edge_id in event.follows:
                    self.apply(RelationChanged(Verb.FOLLOW, actor_id, target_id, edge_id), offset)
            case TweetsImported():
                for row in event.tweets:
                    self.apply(row.tweet, offset)
            case LikesImported():
                for user_id, tweet_id in event.likes:
                    self.apply(LikeChanged(user_id, tweet_id, liked=True), offset)

    def entry(self, entry_id: int) -> Entry | None:
        """Return a skeleton."""
        if entry_id in self.posts:
            post, offset = self.posts[entry_id]
            gone = self.gone.get(entry_id)
            return Entry(post.id, post.author_id, post.id, post.author_id, post.reply_author_id, offset, gone)
        if entry_id in self.retweets:
            retweet, offset = self.retweets[entry_id]
            gone = self.gone.get(entry_id, self.gone.get(retweet.root_id))
            return Entry(retweet.id, retweet.author_id, retweet.root_id, retweet.root_author_id, None, offset, gone)
        return None

    def tweet(self, tweet_id: int) -> Tweet | None:
        """Return a body; None for what is unknown, gone, or a retweet."""
        if tweet_id not in self.posts or tweet_id in self.gone:
            return None
        post = self.posts[tweet_id][0]
        return Tweet(
            post.id,
            post.author_id,
            post.text,
            post.created_at_ms,
            post.in_reply_to_id,
            post.quoted_id,
            post.lang,
            post.media,
        )

    def slice(self, cut: Slice) -> list[Entry]:
        """Return all entries of a slice in its order, whatever its limit."""
        entries = [self.entry(entry_id) for entry_id in (*self.posts, *self.retweets)]
        found = [
            entry
            for entry in entries
            if entry is not None
            and self._is_in(cut, entry)
            and (cut.below is None or entry.id < cut.below)
            and (cut.above is None or entry.id > cut.above)
        ]
        return sorted(found, reverse=not cut.ascending)

    def counts(self, tweet_id: int) -> TweetCounts:
        """Count what stands."""
        standing = [post for post, _ in self.posts.values() if post.id not in self.gone]
        return TweetCounts(
            likes=sum(liked == tweet_id for _, liked in self.likes),
            retweets=sum(each.root_id == tweet_id and each.id not in self.gone for each, _ in self.retweets.values()),
            replies=sum(post.in_reply_to_id == tweet_id for post in standing),
            quotes=sum(post.quoted_id == tweet_id for post in standing),
        )

    def marks(self, viewer_id: int, tweet_id: int) -> ViewerMarks:
        """Return what a viewer did with a tweet."""
        return ViewerMarks((viewer_id, tweet_id) in self.likes, self.retweet_id(viewer_id, tweet_id) is not None)

    def retweet_id(self, viewer_id: int, root_id: int) -> TweetId | None:
        """Return the id of a viewer's standing retweet."""
        for retweet, _ in self.retweets.values():
            if (retweet.author_id, retweet.root_id) == (viewer_id, root_id) and retweet.id not in self.gone:
                return retweet.id
        return None

    def relations(self, me: UserId) -> Relations:
        """Return all that hiding needs to know."""
        follows = {UserId(b): offset for (a, b), (_, offset) in self.follows.items() if a == me}
        return Relations(
            me,
            follows,
            frozenset(UserId(b) for a, b in self.mutes if a == me),
            frozenset(UserId(b) for a, b in self.blocks if a == me),
            frozenset(UserId(a) for a, b in self.blocks if b == me),
            {0: max(follows.values())} if follows else {},
        )

    def standing(self, me: int, other: int) -> Standing:
        """Return how two accounts stand to each other."""
        there, back = (me, other), (other, me)
        return Standing(
            there in self.follows, back in self.follows, there in self.mutes, there in self.blocks, back in self.blocks
        )

    def edges(self, user_id: int, followers: bool) -> list[tuple[int, int]]:
        """Return (edge id, other) of followers or followees, newest first."""
        mine = [
            (edge_id, a if followers else b, b if followers else a) for (a, b), (edge_id, _) in self.follows.items()
        ]
        return sorted(((edge_id, other) for edge_id, other, owner in mine if owner == user_id), reverse=True)

    def user_counts(self, user_id: int) -> UserCounts:
        """Count what stands."""
        tweets = sum(post.author_id == user_id and post.id not in self.gone for post, _ in self.posts.values())
        return UserCounts(len(self.edges(user_id, True)), len(self.edges(user_id, False)), tweets)

    def _is_in(self, cut: Slice, entry: Entry) -> bool:
        post = self.posts[entry.id][0] if entry.id in self.posts else None
        match cut.of:
            case SliceOf.RETWEETS:
                return entry.is_retweet and entry.root_id == cut.key
            case SliceOf.AUTHOR:
                return entry.author_id == cut.key and entry.gone_at is None
            case SliceOf.AUTHOR_TWEETS:
                return post is not None and entry.author_id == cut.key and entry.gone_at is None
            case SliceOf.REPLIES:
                return post is not None and post.in_reply_to_id == cut.key and entry.gone_at is None
            case _:
                return post is not None and f"#{cut.key}" in post.text.split() and entry.gone_at is None

    def _relate(self, event: RelationChanged, offset: int) -> None:
        there, back = (event.actor_id, event.target_id), (event.target_id, event.actor_id)
        match event.verb:
            case Verb.FOLLOW:
                if there not in self.blocks and back not in self.blocks:
                    self.follows.setdefault(there, (event.edge_id, offset))
            case Verb.UNFOLLOW:
                self.follows.pop(there, None)
            case Verb.MUTE:
                self.mutes.add(there)
            case Verb.UNMUTE:
                self.mutes.discard(there)
            case Verb.BLOCK:
                self.blocks.add(there)
                self.follows.pop(there, None)
                self.follows.pop(back, None)
            case Verb.UNBLOCK:
                self.blocks.discard(there)
