"""The enums of the schema: records' own, registered under the names that clients see."""

import strawberry

from loaders.notices import NoticeKind as NotificationKind
from loaders.records import Delivery
from loaders.search import SearchOrder
from realtime.explain import Reason
from resolvers.search import SearchType

__all__ = ["Delivery", "NotificationKind", "Reason", "SearchOrder", "SearchType"]

strawberry.enum(Delivery, description="How an author's tweets reach followers: the recorded policy at that id.")
strawberry.enum(NotificationKind, name="NotificationKind", description="What an act is to the one who is told of it.")
strawberry.enum(
    Reason, name="ExplainReason", description="The rule by which a tweet is, or is not, in a home timeline."
)
strawberry.enum(SearchType, description="What a search looks for.")
strawberry.enum(SearchOrder, description="How tweets that a search found are ordered.")
