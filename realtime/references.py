"""From events to references: pure, so that whoever reads the log itself makes the same ones."""

from realtime.events import (
    Event,
    LikeChanged,
    MalformedEvent,
    RelationChanged,
    RepairRequested,
    Retweeted,
    RetweetUndone,
    TweetDeleted,
    TweetPosted,
    decode,
    is_bulk,
)
from realtime.ports import Logged, Reference

HEARTBEAT = "heartbeat"
SWITCHED = "switched"
"""An author's delivery changed: read the switches anew, before what follows (F6)."""
NOTIFIED = "notified"
"""These viewers have new notifications; it says nothing of a place, and has none."""
POISON = "poison"
EVERYTHING = "everything"
"""An import changed timelines in their depth: every stream starts afresh."""


def reference_of(logged: Logged, previous: int) -> Reference:
    """Return the reference of an event in the log; poison has one too, so that no place is missing."""
    if is_bulk(logged.payload):
        return Reference(logged.partition, previous, logged.offset, EVERYTHING)
    trace = "" if logged.origin is None else logged.origin.trace
    try:
        kind, ids = _kind_and_ids(decode(logged.payload))
    except MalformedEvent:
        kind, ids = POISON, ()
    return Reference(logged.partition, previous, logged.offset, kind, ids, trace)


def references_of(batch: "list[Logged] | tuple[Logged, ...]", previous: int) -> list[Reference]:
    """Return the references of consecutive events of one partition."""
    references = []
    for logged in batch:
        references.append(reference_of(logged, previous))
        previous = logged.offset
    return references


def _kind_and_ids(event: Event) -> tuple[str, tuple[int, ...]]:
    match event:
        case TweetPosted():
            return "posted", (event.id, event.author_id, event.in_reply_to_id or 0, event.quoted_id or 0)
        case Retweeted():
            return "retweeted", (event.id, event.author_id, event.root_id)
        case TweetDeleted():
            return "deleted", (event.id, event.author_id, event.in_reply_to_id or 0, event.quoted_id or 0)
        case RetweetUndone():
            return "undone", (event.id, event.author_id, event.root_id)
        case LikeChanged():
            return "liked", (event.tweet_id,)
        case RelationChanged():
            return event.verb.value, (event.actor_id, event.target_id)
        case RepairRequested():
            return "repair", tuple(event.viewer_ids)
        case _:
            return EVERYTHING, ()
