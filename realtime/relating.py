"""Acts on accounts: follow, mute, block, and their ends. Each is idempotent."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from loaders.errors import UserError
from loaders.ports import GraphStore, UserStore
from loaders.records import Relations, UserId
from loaders.rules import may_see
from realtime.appending import Appending
from realtime.events import RelationChanged, Verb


@dataclass(frozen=True, slots=True)
class Relating:
    """What acting on accounts needs."""

    appending: Appending
    users: UserStore
    graph: GraphStore
    new_id: Callable[[], int]

    async def relate(self, viewer_id: UserId, verb: Verb, target_id: UserId) -> UserError | None:
        """Do to another account what the verb says, unless it holds already and nothing on its way can end it."""
        (target,) = await self.users.get_many([target_id])
        if target is None:
            return UserError("NOT_FOUND", "There is no such account", ("id",))
        if target_id == viewer_id:
            return UserError("FORBIDDEN", f"You cannot {verb.value} yourself", ("id",))
        relations = await self.graph.relations(viewer_id)
        if verb is Verb.FOLLOW and not may_see(target_id, relations):
            return UserError("FORBIDDEN", "A block stands between you", ("id",))
        event = RelationChanged(verb, viewer_id, target_id, self.new_id())
        if _holds(verb, target_id, relations) and await self.appending.still(event, partial(self._is_so, event)):
            return None
        if verb in {Verb.FOLLOW, Verb.UNMUTE, Verb.UNBLOCK}:
            await self.appending.append(event)
        else:
            await self.appending.hide(event)
        return None

    async def _is_so(self, event: RelationChanged) -> bool:
        return _holds(event.verb, event.target_id, await self.graph.relations(event.actor_id))


def _holds(verb: Verb, target_id: UserId, relations: Relations) -> bool:
    match verb:
        case Verb.FOLLOW | Verb.UNFOLLOW:
            return (target_id in relations.follows) is (verb is Verb.FOLLOW)
        case Verb.MUTE | Verb.UNMUTE:
            return (target_id in relations.mutes) is (verb is Verb.MUTE)
        case _:
            return (target_id in relations.blocks) is (verb is Verb.BLOCK)
