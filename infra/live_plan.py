"""Whom one rendering of a live event serves: read off a document's fields, before anything is executed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

TYPENAME: Final = "__typename"


def _fields(**types: str) -> Mapping[str, frozenset[str]]:
    return {name: frozenset(text.split()) for name, text in types.items()}


SAME_FOR_ALL: Final = _fields(
    Subscription="homeTimelineUpdates userTweetsUpdates hashtagUpdates tweetCountsUpdates trendsUpdated",
    Trend="name tweetCount score since",
    TimelineTweetAdded="liveCursor cursor delivery replayed tweet retweetedBy",
    TimelineTweetRemoved="liveCursor cursor tweetId",
    TimelineReset="liveCursor reason",
    Node="id",
    Tweet="id text createdAt lang author likeCount retweetCount replyCount quoteCount media entities",
    Media="id kind url width height altText renditions",
    MediaRendition="url width height",
    Entities="hashtags mentions urls",
    HashtagEntity="text start end",
    MentionEntity="handle start end user",
    UrlEntity="url start end",
    User="id handle displayName bio avatarUrl createdAt profileVersion followersCount followingCount tweetsCount",
)
"""Fields that show the same whoever looks, given the value that they are asked of. What is not here is not shared."""

MARKS: Final = _fields(Tweet="viewerHasLiked viewerHasRetweeted")
"""What the viewer did with a tweet: four kinds of viewers, as long as the tweet is the event's own."""

PER_VIEWER: Final = _fields(
    Tweet="inReplyTo inReplyToIsGone quotedTweet replies",
    Subscription="notificationAdded",
    NotificationAdded="liveCursor notification reset",
    Notification="id kind createdAt actor tweet actorsCount isRead",
    User="viewerIsFollowing followsViewer viewerHasMuted viewerHasBlocked tweets followers following",
)
"""Fields that depend on who looks, or may come to: blocks hide what they answer."""

NEVER_LIVE: Final = frozenset(
    (
        "Query",
        "Mutation",
        "Hashtag",
        "HomeTimelineConnection",
        "HomeTimelineEdge",
        "NewCount",
        "HomeTimelineAudit",
        "AuditEntry",
        "TimelineExplanation",
        "TweetConnection",
        "TweetEdge",
        "UserConnection",
        "UserEdge",
        "PageInfo",
        "UserError",
        "NotificationConnection",
        "NotificationEdge",
        "SearchConnection",
        "SearchEdge",
        "MarkNotificationsReadPayload",
        "SessionPayload",
        "RenewTokenPayload",
        "UpdateProfilePayload",
        "TweetPayload",
        "DeleteTweetPayload",
        "UserPayload",
        "UploadHeader",
        "CreateMediaUploadPayload",
        "CompleteMediaUploadPayload",
    )
)
"""Types that an event reaches through fields of `PER_VIEWER` only, or not at all."""


class Audience(Enum):
    """Who may be sent the same bytes of an event."""

    ALL = "all"
    ALIKE = "alike"  # viewers with the same marks on the event's tweet
    VIEWER = "viewer"


@dataclass(slots=True)
class Reading:
    """What a subscription's document says: its audience, and the variables that its answers depend on."""

    audience: Audience = Audience.ALL
    variables: set[str] = field(default_factory=set)
    _visited: set[tuple[str, str, str]] = field(default_factory=set)

    def narrow(self, audience: Audience) -> None:
        """Serve no more than this audience."""
        order = list(Audience)
        self.audience = max(self.audience, audience, key=order.index)

    def first_visit(self, fragment: str, parent: str, via: str) -> bool:
        """Tell whether a fragment was not yet read at such a place: spread often, it is read once."""
        place = (fragment, parent, via)
        is_new = place not in self._visited
        self._visited.add(place)
        return is_new


def read_document(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Reading:
    """Read a validated subscription.

    The arguments of the subscribed field choose the events, not how an event shows: sockets that resume from different
    cursors share.
    """
    reading = Reading()
    root = schema.subscription_type
    assert root is not None, "validation has found the subscription's root"
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    _Reader(schema, fragments, reading, root).read(operation.selection_set, root, via="")
    return reading


def unclassified(schema: GraphQLSchema) -> list[str]:
    """List the schema's fields that nobody has said anything about; they are rendered for each viewer alone."""
    return [
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        and not kind.name.startswith("__")
        and kind.name not in NEVER_LIVE
        for name in kind.fields
        if not any(name in known.get(kind.name, ()) for known in (SAME_FOR_ALL, MARKS, PER_VIEWER))
    ]


class _Reader:
    """Walks selections with the type that each is made of, and the field (`Type.name`) that led there."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        reading: Reading,
        root: GraphQLObjectType,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._reading = reading
        self._root = root

    def read(self, selections: SelectionSetNode, parent: GraphQLNamedType | None, via: str) -> None:
        for node in selections.selections:
            self._note_variables(node.directives)
            if isinstance(node, FieldNode):
                self._read_field(node, parent, via)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else parent
                self.read(node.selection_set, inner, via)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                if self._reading.first_visit(node.name.value, parent.name if parent else "", via):
                    inner = self._schema.get_type(fragment.type_condition.name.value)
                    self.read(fragment.selection_set, inner, via)

    def _read_field(self, node: FieldNode, parent: GraphQLNamedType | None, via: str) -> None:
        name = node.name.value
        if name == TYPENAME:
            return
        if parent is not self._root:
            self._note_variables(node.arguments)
        kind = parent.name if parent else ""
        self._reading.narrow(self._audience(kind, name, via))
        definition = _definition(parent, name)
        if node.selection_set is not None:
            inner = None if definition is None else get_named_type(definition.type)
            self.read(node.selection_set, inner, f"{kind}.{name}")

    def _audience(self, kind: str, name: str, via: str) -> Audience:
        if name in SAME_FOR_ALL.get(kind, ()):
            return Audience.ALL
        if name in MARKS.get(kind, ()):
            if via.startswith(f"{self._root.name}."):
                return Audience.ALL  # the event is the tweet as this viewer sees it: its value holds the marks
            if via == "TimelineTweetAdded.tweet":
                return Audience.ALIKE
        return Audience.VIEWER

    def _note_variables(self, nodes: Iterable[Node] | None) -> None:
        for node in nodes or ():
            self._reading.variables.update(_variables(node))


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        definition: GraphQLField | None = parent.fields.get(name)
        return definition
    assert parent is None or isinstance(parent, GraphQLUnionType), "only composite types have selections"
    return None


def _variables(node: Node) -> Iterator[str]:
    if isinstance(node, VariableNode):
        yield node.name.value
    for key in node.keys:
        value = getattr(node, key, None)
        for each in value if isinstance(value, list | tuple) else (value,):
            if isinstance(each, Node) and key != "loc":
                yield from _variables(each)
