"""The enums of the schema: records' own, registered under the names that clients see."""

import strawberry

from loaders.notices import NoticeKind as NotificationKind
from loaders.records import Delivery
from realtime.explain import Reason

__all__ = ["Delivery", "NotificationKind", "Reason"]

strawberry.enum(Delivery, description="How an author's tweets reach followers: the recorded policy at that id.")
strawberry.enum(NotificationKind, name="NotificationKind", description="What an act is to the one who is told of it.")
strawberry.enum(
    Reason, name="ExplainReason", description="The rule by which a tweet is, or is not, in a home timeline."
)
