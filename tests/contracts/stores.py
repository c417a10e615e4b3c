"""How contracts open what stores keep: in a folder, which stands for one set of data that can be opened again."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from loaders.ports import GraphStore, IdempotencyKeys, PolicyStore, TweetStore, UserStore
from realtime.ports import AuditSource, Progress, Projection


@dataclass(frozen=True, slots=True)
class Stores:
    """What the group `store` keeps in one folder, and what reads it. `dead_letters` answers (group, offset, bytes)."""

    projection: Projection
    progress: Progress
    tweets: TweetStore
    graph: GraphStore
    policy: PolicyStore
    audit: AuditSource
    dead_letters: Callable[[], list[tuple[str, int, bytes]]]


OpenUsers = Callable[[Path], AbstractAsyncContextManager[UserStore]]
OpenKeys = Callable[[Path, Callable[[], int], int], AbstractAsyncContextManager[IdempotencyKeys]]
OpenStores = Callable[[Path], AbstractAsyncContextManager[Stores]]
