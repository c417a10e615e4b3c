"""What every resolver is handed: who asks, the services, and one fresh set of loaders."""

from collections.abc import Callable
from dataclasses import dataclass

import strawberry

from loaders.bundle import Loaders, LoaderStores
from loaders.home import HomeStores
from loaders.page import PageLimits
from loaders.ports import TrendStore, UserStore
from loaders.records import UserId
from loaders.search import SearchStores
from realtime.audit import AuditStores
from realtime.home_stream import LiveServices
from realtime.notice_stream import NoticeServices
from realtime.ports import EventLog, Progress
from realtime.posting import Posting
from realtime.relating import Relating
from realtime.streams import TopicServices
from realtime.uploading import Uploading
from resolvers.ports import Passwords, Throttle, Tokens


@dataclass(frozen=True, slots=True)
class Services:
    """All that resolvers use, made once by `infra.app`."""

    users: UserStore
    loader_stores: LoaderStores
    home: HomeStores
    audit: AuditStores
    posting: Posting
    relating: Relating
    uploading: Uploading
    live: LiveServices
    notices: NoticeServices
    topics: TopicServices
    search: SearchStores
    trends: TrendStore
    log: EventLog
    progress: Progress
    passwords: Passwords
    tokens: Tokens
    throttle: Throttle
    new_id: Callable[[], int]
    clock_ms: Callable[[], int]
    page_limits: PageLimits
    audit_size_max: int
    new_count_max: int = 100


class Context:
    """One request's, or one live event's, context; loaders are made when they are first asked for."""

    __slots__ = ("_loaders", "address", "services", "viewer_id")

    def __init__(self, services: Services, viewer_id: UserId | None, address: str = "") -> None:
        self.services = services
        self.viewer_id = viewer_id
        self.address = address
        self._loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """The loaders of this request or event."""
        if self._loaders is None:
            self._loaders = Loaders(self.services.loader_stores, self.viewer_id)
        return self._loaders

    def forget(self) -> None:
        """Forget what was loaded: the next event of a stream reads anew."""
        self._loaders = None

    def afresh(self) -> "Context":
        """Return a context of the same viewer without anything remembered."""
        return Context(self.services, self.viewer_id, self.address)


Info = strawberry.Info[Context, None]
