"""How contracts open what stores keep: in a folder, which stands for one set of data that can be opened again."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from loaders.notices import NotificationStore
from loaders.ports import GraphStore, IdempotencyKeys, PolicyStore, TweetStore, UserStore
from realtime.ports import AuditSource, Progress, Projection

NOTICES_KEPT, LIKES_MAX = 8, 4


@dataclass(frozen=True, slots=True)
class Stores:
    """What the groups keep in one folder, and what reads it. `dead_letters` answers (group, offset, bytes).

    The newest `NOTICES_KEPT` notices are kept of each viewer, and `LIKES_MAX` likes of a tweet.
    """

    projection: Projection
    progress: Progress
    tweets: TweetStore
    graph: GraphStore
    policy: PolicyStore
    audit: AuditSource
    notices: NotificationStore
    dead_letters: Callable[[], list[tuple[str, int, bytes]]]


OpenUsers = Callable[[Path], AbstractAsyncContextManager[UserStore]]
OpenKeys = Callable[[Path, Callable[[], int], int], AbstractAsyncContextManager[IdempotencyKeys]]
OpenStores = Callable[[Path], AbstractAsyncContextManager[Stores]]
