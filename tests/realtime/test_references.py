"""References say what an event is about, follow on from each other, and are the same whoever makes them (L2)."""

import pytest

from loaders.records import TweetId, UserId
from realtime.events import (
    Event,
    FollowsImported,
    ImportFinished,
    LikesImported,
    RepairRequested,
    TweetDeleted,
    TweetsImported,
    Verb,
)
from realtime.ports import Logged, Reference
from realtime.references import EVERYTHING, POISON, reference_of, references_of
from tests.contracts.making import delete, like, logged, quote, relate, retweet, tweet, undo

ABOUT: list[tuple[Event, str, tuple[int, ...]]] = [
    (tweet(5, 1), "posted", (5, 1, 0, 0)),
    (tweet(5, 1, answers=(3, 2)), "posted", (5, 1, 3, 0)),
    (quote(5, 1, 4), "posted", (5, 1, 0, 4)),
    (retweet(5, 1, 3, 2), "retweeted", (5, 1, 3)),
    (delete(5, 1), "deleted", (5, 1, 0, 0)),
    (TweetDeleted(TweetId(5), UserId(1), TweetId(3), TweetId(4)), "deleted", (5, 1, 3, 4)),
    (undo(5, 1, 3), "undone", (5, 1, 3)),
    (like(1, 5), "liked", (5,)),
    (RepairRequested([UserId(1), UserId(2)], 1), "repair", (1, 2)),
    (FollowsImported([(UserId(1), UserId(2), 3)]), EVERYTHING, ()),
    (TweetsImported([]), EVERYTHING, ()),
    (LikesImported([]), EVERYTHING, ()),
    (ImportFinished(), EVERYTHING, ()),
    *((relate(verb, 1, 2, 9), verb.value, (1, 2)) for verb in Verb),
]


@pytest.mark.parametrize(("event", "kind", "ids"), ABOUT, ids=[f"{kind} {ids}" for _, kind, ids in ABOUT])
def test_a_reference_names_what_its_event_is_about(event: Event, kind: str, ids: tuple[int, ...]) -> None:
    (place,) = logged([event], after=7)

    assert reference_of(place, 5) == Reference(0, 5, 8, kind, ids)


def test_references_follow_on_from_each_other_even_where_the_log_has_holes() -> None:
    batch = [
        Logged(2, offset, place.payload, 0) for offset, place in zip((4, 5, 9), logged([tweet(1, 1)] * 3), strict=True)
    ]

    found = references_of(batch, 3)

    assert [(each.partition, each.previous, each.offset) for each in found] == [(2, 3, 4), (2, 4, 5), (2, 5, 9)]


def test_poison_has_a_reference_too_so_that_no_place_is_missing() -> None:
    found = references_of(logged([like(1, 2), b"\xff", like(1, 3)]), 0)

    assert [(each.previous, each.offset, each.kind) for each in found] == [
        (0, 1, "liked"),
        (1, 2, POISON),
        (2, 3, "liked"),
    ]


def test_a_batch_of_nothing_has_no_references() -> None:
    assert references_of([], 5) == []


@pytest.mark.parametrize("viewer_ids", [b"5", b"[[1]]", b'"ab"'])
def test_a_repair_of_no_viewers_at_all_is_poison_and_stops_nothing(viewer_ids: bytes) -> None:
    (place,) = logged([b'{"type":"RepairRequested","viewer_ids":%s,"from_offset":1}' % viewer_ids])

    assert reference_of(place, 0).kind == POISON


def test_a_reference_can_be_hashed_by_its_ids_whatever_stands_in_the_log() -> None:
    (place,) = logged([b'{"type":"LikeChanged","user_id":[1],"tweet_id":[1],"liked":true}'])
    assert reference_of(place, 0).kind == POISON

    for field in (b"in_reply_to_id", b"quoted_id"):
        payload = b'{"type":"TweetPosted","id":5,"author_id":1,"text":"a","created_at_ms":1,"%s":[1]}' % field
        (place,) = logged([payload])
        hash(reference_of(place, 0).ids)
