"""Accounts: reading one, its counts and its lists, and relating to it."""

from dataclasses import dataclass

from loaders.cursors import EDGE
from loaders.errors import UserError
from loaders.page import Page, page_of, page_request
from loaders.records import User, UserId
from loaders.text import is_unicode_clean
from realtime.events import Verb
from resolvers.context import Info
from resolvers.guards import NodeId, signed_in, user_id_of


@dataclass(frozen=True, slots=True)
class UserPayload:
    """What relating to an account answers."""

    user: User | None
    user_errors: list[UserError]


async def viewer(info: Info) -> User | None:
    """Answer the viewer's own account."""
    return await info.context.loaders.users.get(signed_in(info))


async def by_handle(info: Info, handle: str) -> User | None:
    """Answer an account by its handle, in any case."""
    if not is_unicode_clean(handle):
        return None
    return (await info.context.services.users.by_handles([handle])).get(handle.lower())


async def followers_count(root: User, info: Info) -> int:
    """Count an account's followers."""
    return (await info.context.loaders.user_counts.get(root.id)).followers


async def following_count(root: User, info: Info) -> int:
    """Count whom an account follows."""
    return (await info.context.loaders.user_counts.get(root.id)).following


async def tweets_count(root: User, info: Info) -> int:
    """Count an account's tweets, replies and quotes."""
    return (await info.context.loaders.user_counts.get(root.id)).tweets


async def viewer_is_following(root: User, info: Info) -> bool:
    """Tell whether the viewer follows the account."""
    return (await info.context.loaders.standings.get(root.id)).is_following


async def follows_viewer(root: User, info: Info) -> bool:
    """Tell whether the account follows the viewer."""
    return (await info.context.loaders.standings.get(root.id)).follows_viewer


async def viewer_has_muted(root: User, info: Info) -> bool:
    """Tell whether the viewer has muted the account."""
    return (await info.context.loaders.standings.get(root.id)).has_muted


async def viewer_has_blocked(root: User, info: Info) -> bool:
    """Tell whether the viewer has blocked the account."""
    return (await info.context.loaders.standings.get(root.id)).has_blocked


async def followers(root: User, info: Info, first: int | None = None, after: str | None = None) -> Page[User]:
    """Answer a page of followers, newest first."""
    return await _edges(root, info, True, first, after)


async def following(root: User, info: Info, first: int | None = None, after: str | None = None) -> Page[User]:
    """Answer a page of those whom an account follows, newest first."""
    return await _edges(root, info, False, first, after)


async def follow(info: Info, node_id: NodeId) -> UserPayload:
    """Follow an account."""
    return await _relate(info, Verb.FOLLOW, node_id)


async def unfollow(info: Info, node_id: NodeId) -> UserPayload:
    """Follow an account no longer."""
    return await _relate(info, Verb.UNFOLLOW, node_id)


async def mute(info: Info, node_id: NodeId) -> UserPayload:
    """Mute an account: its tweets leave the viewer's home timeline."""
    return await _relate(info, Verb.MUTE, node_id)


async def unmute(info: Info, node_id: NodeId) -> UserPayload:
    """Mute an account no longer."""
    return await _relate(info, Verb.UNMUTE, node_id)


async def block(info: Info, node_id: NodeId) -> UserPayload:
    """Block an account: follows end both ways, and neither sees the other."""
    return await _relate(info, Verb.BLOCK, node_id)


async def unblock(info: Info, node_id: NodeId) -> UserPayload:
    """Block an account no longer."""
    return await _relate(info, Verb.UNBLOCK, node_id)


async def _relate(info: Info, verb: Verb, node_id: NodeId) -> UserPayload:
    target_id = user_id_of(node_id)
    error = await info.context.services.relating.relate(signed_in(info), verb, target_id)
    return UserPayload(None, [error]) if error else UserPayload(await info.context.loaders.users.get(target_id), [])


async def _edges(root: User, info: Info, followers: bool, first: int | None, after: str | None) -> Page[User]:
    context = info.context
    request = page_request(first, after, None, None, context.services.page_limits, EDGE)
    edges = await context.services.home.graph.edges(root.id, followers, request.size + 1, request.below)
    users = await context.loaders.users.get_many([UserId(edge.user_id) for edge in edges])
    return page_of(
        [(edge.edge_id, user) for edge, user in zip(edges, users, strict=True) if user is not None], request, EDGE
    )
