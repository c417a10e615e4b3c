"""Notifications: reading them, marking them read, and hearing of them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from loaders.cursors import NOTICE, decode_cursor, decode_notices, encode_notices
from loaders.errors import BadUserInput, UserError
from loaders.global_ids import encode_id
from loaders.ids import milliseconds_of
from loaders.notices import NoticeKind, Shown, mark_read, place_at, read_notices
from loaders.page import Page, PageEdge, PageInfo, page_of, page_request
from loaders.records import TweetView, User, utc
from realtime.notice_stream import NoticeStream
from resolvers.context import Context, Info
from resolvers.guards import signed_in


class NotificationView(NamedTuple):
    """A notification, filled in."""

    number: int
    kind: NoticeKind
    created_at_ms: int
    actor: User | None
    tweet: TweetView | None
    actors_count: int
    is_read: bool

    @property
    def global_id(self) -> str:
        """The notification's id for clients: that of its viewer alone."""
        return encode_id("Notification", self.number)

    @property
    def created_at(self) -> datetime:
        """When it was done, or last done, in UTC."""
        return utc(self.created_at_ms)


@dataclass(frozen=True, slots=True)
class NotificationsView:
    """A page of notifications."""

    edges: Sequence[PageEdge[NotificationView]]
    page_info: PageInfo
    unread_count: int
    live_cursor: str


@dataclass(frozen=True, slots=True)
class ReadPayload:
    """What marking notifications read answers."""

    unread_count: int
    user_errors: list[UserError]


@dataclass(frozen=True, slots=True)
class NotificationUpdate:
    """A notification that came or grew, or a reset."""

    live_cursor: str
    notification: NotificationView | None
    reset: str | None


async def page(info: Info, first: int | None = None, after: str | None = None) -> NotificationsView:
    """Answer a page of the viewer's notifications, newest first."""
    viewer_id, context = signed_in(info), info.context
    services = context.services
    request = page_request(first, after, None, None, services.page_limits, NOTICE)
    notices = await read_notices(viewer_id, services.notices.stores)
    below = [each for each in notices.shown if request.below is None or each.place < request.below]
    found: Page[NotificationView] = page_of(
        await _filled(below[: request.size + 1], notices.read_up_to, context), request, NOTICE
    )
    live_cursor = encode_notices(services.log.epoch, notices.place)
    return NotificationsView(found.edges, found.page_info, notices.unread_count, live_cursor)


async def mark(info: Info, up_to: str) -> ReadPayload:
    """Let everything up to an edge's cursor, or up to a live cursor, be read; on all devices the highest stands."""
    viewer_id, stores = signed_in(info), info.context.services.notices.stores
    try:
        place = decode_cursor(up_to, NOTICE)
    except BadUserInput:
        place = place_at(await stores.notices.newest(viewer_id), decode_notices(up_to)[1])
    return ReadPayload((await mark_read(viewer_id, place, stores)).unread_count, [])


async def added(info: Info, after: str | None = None) -> AsyncGenerator[NotificationUpdate, None]:
    """Stream the viewer's notifications from a place on, or from now."""
    context = info.context
    stream = NoticeStream(signed_in(info), context.services.notices)
    async with aclosing(stream.updates(after)) as updates:
        async for update in updates:
            context.forget()
            filled = [] if update.shown is None else await _filled([update.shown], 0, context)
            if filled or update.reset is not None:
                yield NotificationUpdate(update.live_cursor, filled[0][1] if filled else None, update.reset)


async def by_number(context: Context, number: int) -> NotificationView | None:
    """Answer a notification of the viewer's own; None if there is none of that number."""
    if context.viewer_id is None:
        return None
    notices = await read_notices(context.viewer_id, context.services.notices.stores)
    found = await _filled([each for each in notices.shown if each.number == number], notices.read_up_to, context)
    return found[0][1] if found else None


async def _filled(shown: Sequence[Shown], read_up_to: int, context: Context) -> list[tuple[int, NotificationView]]:
    """Fill notifications in, by their places; one whose tweet went meanwhile is left out."""
    ids = [each.tweet_id for each in shown if each.tweet_id is not None]
    actors = await context.loaders.users.get_at_once([each.actor_id for each in shown])
    tweets = dict(zip(ids, await context.loaders.tweets.get_at_once(ids), strict=True)) if ids else {}
    return [
        (
            each.place,
            NotificationView(
                each.number,
                each.kind,
                milliseconds_of(each.place),
                actor,
                None if each.tweet_id is None else tweets[each.tweet_id],
                len(each.places),
                each.place <= read_up_to,
            ),
        )
        for each, actor in zip(shown, actors, strict=True)
        if each.tweet_id is None or tweets[each.tweet_id] is not None
    ]
