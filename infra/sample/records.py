"""What a sample is made of: people, who follows whom, tweets and likes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleUser:
    """A made-up person; `handle` is unique without regard to case, 1 to 15 of A-Z, a-z, 0-9 and _."""

    handle: str
    display_name: str
    bio: str


@dataclass(frozen=True, slots=True)
class SampleTweet:
    """A tweet, reply or retweet.

    `key` is its stable id in the source, `author` a handle, `created_at` Unix seconds. `in_reply_to` and `retweet_of`
    are keys of earlier tweets, never of retweets; a retweet has no text of its own.
    """

    key: str
    author: str
    text: str
    created_at: float
    lang: str
    in_reply_to: str | None
    retweet_of: str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One whole sample: follows (follower, followee) by handle, tweets oldest first, likes (handle, tweet key)."""

    users: list[SampleUser]
    follows: list[tuple[str, str]]
    tweets: list[SampleTweet]
    likes: list[tuple[str, str]]
