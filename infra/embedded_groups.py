"""The consumer groups of a data folder."""

from infra.adapters.sqlite.notifications import SQLiteNotificationStore
from infra.adapters.sqlite.search_filling import SearchFilling
from infra.engine import Parts, make_notify
from infra.groups import Group
from infra.settings import Settings
from realtime.deliver import Deliver
from realtime.trending import Trending
from realtime.worker import FANOUT, NOTIFY, SEARCH, STORE, TRENDS, Heartbeats, store_handler

NOTIFY_GATHERS_S = 0.02
"""No mutation waits for notifications, so that they may share what a batch costs."""


def groups_of(
    settings: Settings,
    parts: Parts,
    deliver: Deliver,
    notices: SQLiteNotificationStore,
    search: SearchFilling,
    trending: Trending,
    heartbeats: Heartbeats,
) -> tuple[Group, ...]:
    """Return the consumer groups: who adds one gives it a line here, and its place in `infra.embedded`."""
    store = store_handler(parts.log, parts.projection, settings.store_batch_size)
    notify, gather_s = make_notify(parts).handle, settings.search_gather_ms / 1000
    seldom_s = settings.trends_gather_ms / 1000
    return (
        Group(STORE, store, settings.store_batch_size, upstream=None),
        Group(FANOUT, deliver.handle, settings.fanout_batch_size, heartbeats.of(0)),
        Group(NOTIFY, notify, settings.notify_batch_size, notices.settle, gather_s=NOTIFY_GATHERS_S),
        Group(SEARCH, search.apply, settings.search_batch_size, search.look_for_accounts, gather_s=gather_s),
        Group(TRENDS, trending.handle, settings.trends_batch_size, trending.idle, gather_s=seldom_s),
    )
