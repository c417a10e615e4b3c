from typing import Any, cast

import pytest
from graphql import OperationDefinitionNode, parse

from infra.live_plan import MARKS, NEVER_LIVE, PER_VIEWER, SAME_FOR_ALL, Audience, Reading, read_document, unclassified
from schema.api import create_schema
from schema.limits import Limits
from tests.infra.live import contract

HOME = contract("HomeTimelineUpdates")
SCHEMA = create_schema(Limits(), 10)._schema


def reading(text: str) -> Reading:
    document = parse(text)
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return read_document(SCHEMA, document, operation)


def added(selection: str) -> str:
    events = "homeTimelineUpdates(after: $after) { ... on TimelineTweetAdded { " + selection + " } }"
    return "subscription($after: String) { " + events + " }"


def test_somebody_has_decided_for_every_field_whether_it_depends_on_the_viewer() -> None:
    assert unclassified(SCHEMA) == []


def test_no_field_is_decided_twice_and_none_that_does_not_exist() -> None:
    decided = [
        (kind, name) for known in (SAME_FOR_ALL, MARKS, PER_VIEWER) for kind, names in known.items() for name in names
    ]
    assert len(decided) == len(set(decided))
    for kind, name in decided:
        assert name in cast(Any, SCHEMA.type_map[kind]).fields
    assert set(SCHEMA.type_map) >= NEVER_LIVE
    assert not NEVER_LIVE & {kind for kind, _ in decided}


@pytest.mark.parametrize(
    ("document", "audience"),
    [
        (HOME, Audience.ALIKE),
        (contract("UserTweetsUpdates"), Audience.ALL),
        (contract("HashtagUpdates"), Audience.ALL),
        (contract("TweetCounts"), Audience.ALL),
        (
            added("cursor tweet { text author { handle followersCount } entities { mentions { user { id } } } }"),
            Audience.ALL,
        ),
        (added("tweet { ... on Node { id } ... { text } } retweetedBy { displayName }"), Audience.ALL),
        (added("tweet { viewerHasLiked }"), Audience.ALIKE),
        (
            added("tweet { ...T }") + " fragment T on Tweet { ...U } fragment U on Tweet { x: viewerHasLiked }",
            Audience.ALIKE,
        ),
        (added("tweet { author { viewerIsFollowing } }"), Audience.VIEWER),
        (added("retweetedBy { followsViewer }"), Audience.VIEWER),
        (added("tweet { text } retweetedBy { tweets { pageInfo { hasNextPage } } }"), Audience.VIEWER),
        (added("tweet { viewerHasLiked quotedTweet { text } }"), Audience.VIEWER),
        (added("tweet { inReplyTo { viewerHasLiked } }"), Audience.VIEWER),
        (added("tweet { replies { edges { node { id } } } }"), Audience.VIEWER),
        ("subscription { tweetCountsUpdates(id: 1) { viewerHasLiked viewerHasRetweeted } }", Audience.ALL),
        ("subscription { tweetCountsUpdates(id: 1) { author { viewerHasMuted } } }", Audience.VIEWER),
    ],
)
def test_a_documents_fields_tell_who_may_share_a_rendering(document: str, audience: Audience) -> None:
    assert reading(document).audience is audience


def test_only_variables_that_change_what_shows_keep_sockets_apart() -> None:
    assert reading(HOME).variables == set()
    assert reading(added("tweet @include(if: $yes) { text }")).variables == {"yes"}
    assert reading(added("... on TimelineTweetAdded @skip(if: $yes) { cursor }")).variables == {"yes"}
    assert reading(added("tweet { replies(after: $after) { pageInfo { endCursor } } }")).variables == {"after"}
    spread = "subscription($h: String!, $n: Boolean!) { ...S } fragment S on Subscription"
    assert reading(spread + " { userTweetsUpdates(handle: $h) @skip(if: $n) { text } }").variables == {"n"}
