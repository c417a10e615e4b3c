"""Events come out of the log as they went in; what is no event is told apart, and nothing worse."""

from dataclasses import fields
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    FollowsImported,
    ImportedTweet,
    ImportFinished,
    LikeChanged,
    LikesImported,
    MalformedEvent,
    RelationChanged,
    RepairRequested,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    TweetsImported,
    Verb,
    decode,
    encode,
)
from realtime.partitions import log_key
from tests.contracts.making import delete, like, relate, retweet, tweet, undo

tweets, users = st.integers(0, 2**63 - 1).map(TweetId), st.integers(0, 2**63 - 1).map(UserId)
texts, times = st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(0, 2**42)
posted = st.builds(TweetPosted, tweets, users, texts, times, st.none() | tweets, st.none() | users, st.none() | tweets)
retweets = st.builds(Retweeted, tweets, users, tweets, users, times)
rows = st.builds(ImportedTweet, st.text("0123456789abcdef", max_size=32), posted | retweets)
events = st.one_of(
    posted,
    retweets,
    st.builds(TweetDeleted, tweets, users, st.none() | tweets, st.none() | tweets),
    st.builds(RetweetUndone, tweets, users, tweets),
    st.builds(LikeChanged, users, tweets, st.booleans()),
    st.builds(RelationChanged, st.sampled_from(Verb), users, users, tweets),
    st.builds(TweetsImported, st.lists(rows, max_size=4)),
    st.builds(ImportFinished),
    st.builds(RepairRequested, st.lists(users, max_size=4), st.integers(0, 2**40)),
)
EXAMPLES: list[Event] = [
    TweetPosted(TweetId(1), UserId(2), "hello", 6, TweetId(3), UserId(4), TweetId(5), "en", "[]"),
    retweet(1, 2, 3, 4),
    TweetDeleted(TweetId(1), UserId(2), TweetId(3), TweetId(4)),
    undo(1, 2, 3),
    like(1, 2),
    relate(Verb.MUTE, 1, 2, 3),
    FollowsImported([(UserId(1), UserId(2), 3)]),
    TweetsImported([ImportedTweet("k", TweetPosted(TweetId(1), UserId(2), "hello", 6))]),
    LikesImported([(UserId(1), TweetId(2))]),
    RepairRequested([UserId(1)], 2),
]
SINGLE = [event for event in EXAMPLES if not isinstance(event, TweetsImported)]
WRONG_VALUES: list[Any] = [[1], {"a": 1}, 1.5, "x", True, 7, None, [[1]], ["x"]]


def kinds() -> list[str]:
    return [type(event).__name__ for event in EXAMPLES]


@given(event=events)
def test_an_event_comes_out_of_its_bytes_as_it_went_in(event: Event) -> None:
    assert decode(encode(event)) == event


@pytest.mark.parametrize("event", EXAMPLES, ids=kinds())
def test_every_event_is_one_json_object_that_names_its_type(event: Event) -> None:
    content = orjson.loads(encode(event))

    assert content.pop("type") == type(event).__name__
    assert set(content) == {field.name for field in fields(event)}
    assert encode(decode(encode(event))) == encode(event)


@given(payload=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_an_event_or_malformed_and_nothing_else(payload: bytes) -> None:
    with pytest.raises(MalformedEvent):
        decode(payload)


@pytest.mark.parametrize("event", SINGLE, ids=lambda event: type(event).__name__)
def test_an_event_with_more_in_it_than_it_should_is_malformed(event: Event) -> None:
    content = orjson.loads(encode(event))

    with pytest.raises(MalformedEvent):
        decode(orjson.dumps(content | {"more": 1}))


@pytest.mark.parametrize("event", EXAMPLES, ids=kinds())
def test_an_event_that_lacks_something_it_needs_is_malformed(event: Event) -> None:
    content = orjson.loads(encode(event))
    may_lack = {"in_reply_to_id", "reply_author_id", "quoted_id", "lang", "media", "partition"}

    for name in set(content) - may_lack:
        with pytest.raises(MalformedEvent):
            decode(orjson.dumps({key: value for key, value in content.items() if key != name}))


def wrong_for(kind: type[Any], name: str, right: object) -> list[Any]:
    """Return the values that a field cannot have."""
    annotation = str({field.name: field.type for field in fields(kind)}[name])
    wrong = [value for value in WRONG_VALUES if type(value) is not type(right) or value != right]
    wrong = [value for value in wrong if type(value) not in {int, str} or type(value) is not type(right)]
    return [value for value in wrong if not (value is None and ("None" in annotation or "Optional" in annotation))]


@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param(event, field.name, id=f"{type(event).__name__}.{field.name}")
        for event in EXAMPLES
        for field in fields(event)
    ],
)
def test_a_field_that_holds_something_of_another_kind_makes_an_event_malformed(event: Event, name: str) -> None:
    content = orjson.loads(encode(event))

    for value in wrong_for(type(event), name, content[name]):
        with pytest.raises(MalformedEvent):
            raise AssertionError(f"{value!r} was taken: {decode(orjson.dumps(content | {name: value}))}")


def test_only_tweets_and_retweets_can_be_rows_of_an_import() -> None:
    row = {"key": "k", "type": "LikeChanged", "user_id": 1, "tweet_id": 2, "liked": True}

    with pytest.raises(MalformedEvent, match="no imported tweet"):
        decode(orjson.dumps({"type": "TweetsImported", "tweets": [row]}))


def test_events_are_ordered_by_author_liker_or_pair() -> None:
    """Each has the key that its like is ordered by (P4)."""
    assert [log_key(event) for event in (tweet(1, 7), retweet(2, 7, 1, 3), delete(1, 7), undo(2, 7, 1))] == [7] * 4
    assert log_key(like(7, 1)) == 7
    there, back = relate(Verb.FOLLOW, 5, 9), relate(Verb.BLOCK, 9, 5)
    assert log_key(there) == log_key(back) != log_key(relate(Verb.FOLLOW, 5, 8))
