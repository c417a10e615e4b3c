"""Checks that come before a resolver's one call."""

from typing import Annotated

import strawberry

from loaders.entities import normalise_hashtag
from loaders.errors import BadUserInput, Unauthenticated
from loaders.global_ids import decode_id
from loaders.media import MediaId
from loaders.records import TweetId, UserId
from loaders.text import is_unicode_clean
from resolvers.context import Info

NodeId = Annotated[strawberry.ID, strawberry.argument(name="id")]
"""The argument `id`, under a name that shadows nothing."""


def signed_in(info: Info) -> UserId:
    """Answer the viewer; `Unauthenticated` if there is none."""
    viewer_id = info.context.viewer_id
    if viewer_id is None:
        raise Unauthenticated("Log in first, and send the token as authorization: Bearer ...")
    return viewer_id


def tweet_id_of(text: str) -> TweetId:
    """Answer a tweet's id; `BadUserInput` if the global id is malformed or another's."""
    return TweetId(decode_id(text, "Tweet")[1])


def user_id_of(text: str) -> UserId:
    """Answer an account's id; `BadUserInput` if the global id is malformed or another's."""
    return UserId(decode_id(text, "User")[1])


def media_id_of(text: str) -> MediaId:
    """Answer a medium's id; `BadUserInput` if the global id is malformed or another's."""
    return MediaId(decode_id(text, "Media")[1])


def clean(text: str, name: str) -> str:
    """Answer the text; `BadUserInput` if it holds a null byte or a lone surrogate."""
    if not is_unicode_clean(text):
        raise BadUserInput(f"{name} holds a character that is no valid Unicode text")
    return text


def hashtag_name(name: str) -> str:
    """Answer a hashtag's normalised name; `BadUserInput` if it is none, or comes with its #."""
    normal = normalise_hashtag(name)
    if normal is None:
        raise BadUserInput("A hashtag is named without the #, by letters, digits and underscores")
    return normal
