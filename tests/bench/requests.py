"""Requests made ready before they are timed: the contract's documents as HTTP bytes, and tokens of any account."""

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from infra.auth import JwtTokens, token_key
from loaders.records import UserId
from tests.answers import contract

LIGHT = "query Light { homeTimeline { edges { node { id text createdAt likeCount author { ...Author } } } } }"
LIGHT_QUERY = f"{LIGHT} fragment Author on User {{ id handle displayName avatarUrl }}"
TOKEN_LIFETIME_S = 24 * 3_600
_NUMBER = "#########"


def tokens_of(data_dir: Path, users: Sequence[UserId]) -> list[str]:
    """Return a bearer token for each account, signed with the data folder's key."""
    tokens = JwtTokens(token_key(data_dir), time.time, TOKEN_LIFETIME_S)
    return [tokens.issue(user_id).text for user_id in users]


def http_request(document: str, token: str, variables: object = None, path: str = "/graphql") -> bytes:
    """Return a whole POST."""
    body = orjson.dumps({"query": document, "variables": variables})
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def home_requests(tokens: Sequence[str], document: str) -> list[bytes]:
    """Return one request for the first page of each viewer's home timeline."""
    return [http_request(document, token) for token in tokens]


def home_timeline() -> str:
    """Return the contract's document."""
    return contract()["HomeTimeline"]


def post_requests(tokens: Sequence[str], with_keys: bool = False) -> Iterator[bytes]:
    """Return posts without end, by each author in turn, no two texts alike; keys are new for each post."""
    document = contract()["PostTweet"]
    run = f"{time.time_ns() // 1_000_000 % 10**9:09d}"
    text = f"Post {_NUMBER} of run {run}: long enough to be a sentence, as people write them, and no more."
    given = {"text": text, **({"idempotencyKey": f"{run}-{_NUMBER}"} if with_keys else {})}
    templates = [http_request(document, token, {"input": given}) for token in tokens]
    mark = _NUMBER.encode()
    for number, template in zip(itertools.count(), itertools.cycle(templates), strict=False):
        yield template.replace(mark, b"%09d" % number)


def is_posted(body: bytes) -> bool:
    """Tell whether the answer to a post says that it stands."""
    return b'"userErrors":[]' in body and b'"errors":' not in body
